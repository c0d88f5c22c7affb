// The tabs Members and Providers: tables of figures by the values of a dimension. A click on a value filters by it.

import { ask, askForList, isStillMissing, orProblem, withOthers } from "./api.js";
import { element, keepingFocus, moreOf, tableOf, valueOf } from "./elements.js";
import { NO_CLAIMS, whyEmpty } from "./empty.js";
import { capitalised, formatAmount, formatCount, formatDecimal, formatFigure, formatPercent, specialtyOf } from "./format.js";
import { MOST_OUTLIERS } from "./look.js";
import { takeAway, takeValues } from "./take.js";

const measures = new Map([...document.getElementById("measure").options].map((option) =>
  [option.value, { title: option.textContent, ...option.dataset }]));
const SHOWN_VALUES = 15;
const NO_OUTLIERS = "No provider is far from the peers. Providers with few claims, and specialties with few providers, are not compared.";
const COUNTING = "Counting…";

// The same figures in each, so that those of all claims are counted once.
const MEMBER_FIGURES = ["member_count", "member_month_count", "patient_count", "claims_per_1000", "charge_pmpm", "charge_amount"];
const MEMBER_PANELS = [
  { place: "by-plan" },
  { place: "by-age-band", isByValue: true },
  { place: "by-gender" },
];
const CONDITION_FIGURES = ["patient_count", "claim_count", "charge_amount"];
const PROVIDER_FIGURES = ["charge_amount", "claim_count", "patient_count", "average_charge_amount", "median_charge_amount"];

// Asks for the figures that are shown, and the values that are largest by the first of `figures` or by `measure`.
function byDimension(path, figures, filters, signal, measure = figures[0]) {
  const parameters = new URLSearchParams(filters);
  parameters.set("measure", measure);
  for (const name of figures) parameters.append("figures", name);
  parameters.set("count", SHOWN_VALUES);
  return askForList(`/api/stats/${path}`, { parameters, signal });
}

export function askForMembers(filters, signal) {
  return Promise.all(MEMBER_PANELS.map(({ place }) => byDimension(place, MEMBER_FIGURES, filters, signal, "member_month_count")));
}

export function showMembers(answers) {
  MEMBER_PANELS.forEach(({ place, isByValue }, index) => {
    const answer = answers[index];
    if (isByValue) answer.items.sort((one, other) => (one.value < other.value ? -1 : 1));
    showBreakdown(place, answer, MEMBER_FIGURES);
  });
  awaitPanels("by-diagnosis", "concentration");
}

// Shows what lies below the first screen; returns whether none of it is missing.
export function showMoreOfMembers(hasClaims, filters, signal) {
  return showLater({
    "by-diagnosis": [byDimension("by-diagnosis", CONDITION_FIGURES, filters, signal),
      (answer) => showBreakdown("by-diagnosis", answer, CONDITION_FIGURES)],
    concentration: [ask("/api/stats/concentration", { parameters: filters, signal }), showSpread],
  });
}

function showSpread({ items, sql }) {
  const rows = items.map((one) => [
    one.top_percent === 100 ? "All patients" : `Costliest ${one.top_percent}%`, formatCount(one.patient_count),
    formatAmount(one.charge_amount), one.charge_percent === null ? "–" : formatPercent(one.charge_percent / 100)]);
  fill("concentration", rows.length && [
    tableOf(["", "Patients", "Charges", "Share"], rows, { isNumeric: true, label: headingOf("concentration") }),
    takeAway({ name: "concentration", title: "the spread of charges", sql, items })]);
}

export function askForProviders(filters, signal) {
  return Promise.all(["by-specialty", "by-provider"].map((path) => byDimension(path, PROVIDER_FIGURES, filters, signal)));
}

export function showProviders([specialties, providers]) {
  showBreakdown("by-specialty", specialties, PROVIDER_FIGURES);
  showBreakdown("by-provider", providers, PROVIDER_FIGURES);
  awaitPanels("outliers", "visit-outliers");
}

// Shows what lies below the first screen; returns whether none of it is missing.
export function showMoreOfProviders(hasClaims, filters, signal) {
  const outliersOf = (of) => askForList("/api/stats/cost-outliers", { parameters: withOthers(filters, { of }), signal, most: MOST_OUTLIERS });
  const instead = hasClaims ? whyEmpty(NO_OUTLIERS) : [NO_CLAIMS];
  return showLater({
    outliers: [outliersOf("providers"), (answer) => showOutliers("outliers", answer, "Charges for each patient", formatAmount, instead)],
    "visit-outliers": [outliersOf("visits"),
      (answer) => showOutliers("visit-outliers", answer, "Average level", (level) => formatDecimal(level, 1), instead)],
  });
}

// Until the answers of panels are there, each has those to the question before, if any.
function awaitPanels(...places) {
  for (const panel of places.map((place) => document.getElementById(place))) {
    if (!panel.children.length) panel.append(element("p", { className: "empty" }, COUNTING));
    panel.setAttribute("aria-busy", "true");
  }
}

// Shows each panel when its answer is there, or why it is not; returns whether none is still missing.
async function showLater(panels) {
  const areThere = await Promise.all(Object.entries(panels).map(async ([place, [asked, show]]) => {
    const answer = await orProblem(asked);
    if (answer instanceof Error) fill(place, null, [`${capitalised(answer.message)}.`]);
    else show(answer);
    return !isStillMissing(answer);
  }));
  return areThere.every(Boolean);
}

function showOutliers(place, { items, total, all, sql }, title, format, instead) {
  const rows = items.map((one) => [valueOf("provider", one.value, one.label), specialtyOf(one.specialty),
    format(one.amount), format(one.peer_amount), formatDecimal(one.score, 1)]);
  const head = ["Provider", "Specialty", title, "Median of peers", "Robust z"];
  fill(place, rows.length && [
    element("div", {}, tableOf(head, rows, { isNumeric: true, textColumns: 2, label: headingOf(place) }), moreOf(items.length, total)),
    takeAway({ name: `provider-${place}`, title: headingOf(place), sql, items, all, dimension: "provider" })], instead);
}

function showBreakdown(place, answer, names) {
  const { dimension, items, value_count } = answer;
  const head = ["", ...names.map((name) => measures.get(name).title)];
  const rows = items.map(({ value, label, figures }) => [
    valueOf(dimension, value, label),
    ...names.map((name) => formatFigure(figures[name], measures.get(name)))]);
  fill(place, rows.length && [
    element("div", {}, tableOf(head, rows, { isNumeric: true, label: headingOf(place) }), moreOf(items.length, value_count)),
    takeValues(answer, place.replaceAll("-", " "))]);
}

const headingOf = (place) => document.getElementById(place).closest("section").querySelector("h2").textContent;

// Fills a panel with what it has, else says why it has nothing.
function fill(place, contents, instead = [NO_CLAIMS]) {
  const panel = document.getElementById(place);
  panel.removeAttribute("aria-busy");
  keepingFocus(panel, () => panel.replaceChildren(...(contents || [element("p", { className: "empty" }, ...instead)])));
}
