// The tabs Members and Providers: tables of figures by the values of a dimension. A click on a value filters by it.

import { ask, orProblem, withOthers } from "./api.js";
import { element, keepingFocus, sqlOf, tableOf, takeAway, valueOf } from "./elements.js";
import { capitalised, formatAmount, formatCount, formatDecimal, formatFigure, formatPercent, specialtyOf } from "./format.js";

const measures = new Map([...document.getElementById("measure").options].map((option) =>
  [option.value, { title: option.textContent, ...option.dataset }]));
const SHOWN_VALUES = 15;
const NO_CLAIMS = "No claims match the filters: clear them, or choose other days.";
const NO_OUTLIERS = "No provider under these filters is far from the peers.";

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
  return ask(`/api/stats/${path}`, { parameters, signal });
}

export function askForMembers(filters, signal) {
  return Promise.all([
    ...MEMBER_PANELS.map(({ place }) => byDimension(place, MEMBER_FIGURES, filters, signal, "member_month_count")),
    byDimension("by-diagnosis", CONDITION_FIGURES, filters, signal),
    ask("/api/stats/concentration", { parameters: filters, signal })]);
}

export function showMembers(answers) {
  MEMBER_PANELS.forEach(({ place, isByValue }, index) => {
    const answer = answers[index];
    if (isByValue) answer.items.sort((one, other) => (one.value < other.value ? -1 : 1));
    showBreakdown(place, answer, MEMBER_FIGURES);
  });
  const [conditions, spread] = answers.slice(MEMBER_PANELS.length);
  showBreakdown("by-diagnosis", conditions, CONDITION_FIGURES);
  const rows = spread.items.map((one) => [
    one.top_percent === 100 ? "All patients" : `Costliest ${one.top_percent}%`, formatCount(one.patient_count),
    formatAmount(one.charge_amount), one.charge_percent === null ? "–" : formatPercent(one.charge_percent / 100)]);
  fill("concentration", rows.length && [tableOf(["", "Patients", "Charges", "Share"], rows, { isNumeric: true, label: headingOf("concentration") }), sqlOf(spread.sql, "the spread of charges")]);
}

export function askForProviders(filters, signal) {
  return Promise.all([byDimension("by-specialty", PROVIDER_FIGURES, filters, signal),
    byDimension("by-provider", PROVIDER_FIGURES, filters, signal),
    ...["providers", "visits"].map((of) => orProblem(ask("/api/stats/cost-outliers", { parameters: withOthers(filters, { of }), signal })))]);
}

export function showProviders([specialties, providers, outliers, visits]) {
  showBreakdown("by-specialty", specialties, PROVIDER_FIGURES);
  showBreakdown("by-provider", providers, PROVIDER_FIGURES);
  const instead = specialties.items.length ? NO_OUTLIERS : NO_CLAIMS;
  showOutliers("outliers", outliers, "Charges for each patient", formatAmount, instead);
  showOutliers("visit-outliers", visits, "Average level", (level) => formatDecimal(level, 1), instead);
}

function showOutliers(place, answer, title, format, instead) {
  if (answer instanceof Error) return fill(place, null, `${capitalised(answer.message)}.`);
  const { items, sql } = answer;
  const rows = items.map((one) => [valueOf("provider", one.value, one.label), specialtyOf(one.specialty),
    format(one.amount), format(one.peer_amount), formatDecimal(one.score, 1)]);
  const head = ["Provider", "Specialty", title, "Median of peers", "Robust z"];
  return fill(place, rows.length && [tableOf(head, rows, { isNumeric: true, textColumns: 2, label: headingOf(place) }), sqlOf(sql, headingOf(place))], instead);
}

function showBreakdown(place, answer, names) {
  const { dimension, items, value_count } = answer;
  const head = ["", ...names.map((name) => measures.get(name).title)];
  const rows = items.map(({ value, label, figures }) => [
    valueOf(dimension, value, label),
    ...names.map((name) => formatFigure(figures[name], measures.get(name)))]);
  const more = value_count > items.length ? element("p", { className: "note" }, `The first ${items.length} of ${formatCount(value_count)}`) : "";
  fill(place, rows.length && [element("div", {}, tableOf(head, rows, { isNumeric: true, label: headingOf(place) }), more), takeAway(answer, place.replaceAll("-", " "))]);
}

const headingOf = (place) => document.getElementById(place).closest("section").querySelector("h2").textContent;

// Fills a panel with what it has, else says why it has nothing.
function fill(place, contents, instead = NO_CLAIMS) {
  const panel = document.getElementById(place);
  keepingFocus(panel, () => panel.replaceChildren(...(contents || [element("p", { className: "empty" }, instead)])));
}
