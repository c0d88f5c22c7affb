// The tab Cost drivers: the values of a dimension, ranked by a measure or by the change in charges. A click filters.

import { ask, withOthers } from "./api.js";
import { dimensionOf, filteredBy, FIRST_DIMENSION, isPeriod, titleOf } from "./dimensions.js";
import { element, keepingFocus, takeValues } from "./elements.js";
import { NO_CLAIMS } from "./empty.js";
import { sayRecent } from "./figures.js";
import { formatAmount, formatCount, formatFigure, formatPercent, formatSignedAmount, formatSignedPercent } from "./format.js";
import { changesTable, comparedDays } from "./overview.js";
import { picturesOf } from "./pictures.js";

const by = document.getElementById("by");
const measure = document.getElementById("measure");
const bars = document.getElementById("bars");

export const DRIVER_DEFAULTS = { by: FIRST_DIMENSION, measure: measure.value };

const CHANGE = "change"; // stands in the list of measures, but compares two ranges of days
const SHOWN_CHANGES = 20; // as many as the API returns of a measure
const NARROWEST_BAR = 0.003; // of the width
const FILTERS_BY_CLICK = "A click on a row shows only its claims.";
const WHY_NO_CHANGE = { // by the filter that selects the values of a dimension
  days: "A change compares days with days before, so days, weeks and months have none of their own: choose another dimension.",
  status: "The status decides which charges count, so it has no change of its own: choose another dimension.",
};

// Shows in the two lists what the address ranks, and returns it.
export function rankingOf(parameters) {
  by.value = dimensionOf(parameters);
  measure.value = parameters.get("measure") ?? DRIVER_DEFAULTS.measure;
  if (!measure.value) measure.value = DRIVER_DEFAULTS.measure;
  return { dimension: by.value, measure: measure.value };
}

// Asks for the ranking by a measure, and for the change in charges. Either is null where it is not shown.
export function askForDrivers(parameters, filters, signal) {
  const { dimension, measure: name } = rankingOf(parameters);
  const path = `/api/stats/by-${dimension.replaceAll("_", "-")}`;
  return Promise.all([
    name === CHANGE ? null : ask(path, { parameters: withOthers(filters, { measure: name, figures: name }), signal }),
    filteredBy(dimension) ? null : ask("/api/what-changed", { parameters: withOthers(filters, { by: dimension }), signal }),
  ]);
}

export function showDrivers([ranking, changes]) {
  if (ranking) showRanking(ranking);
  else if (!changes) showNone(WHY_NO_CHANGE[filteredBy(by.value)]);
  else showRankingByChange(changes);
  showParts(changes);
}

const optionOf = (name) => measure.querySelector(`option[value="${name}"]`);

// The values of a dimension with their figures: as rows, each a button that filters by it, and as bars of a picture.
export function barsOf({ dimension, measure: name, items, total }) {
  const option = optionOf(name);
  const most = Math.max(...items.map(({ figures }) => figures[name] ?? 0), 0);
  const drawn = [];
  const isAdditive = option.dataset.additive === "true";
  const rows = items.map((item) => {
    const figure = item.figures[name];
    const bar = element("span", { className: "measure" });
    bar.style.setProperty("--share", most ? Math.max(figure ?? 0, 0) / most : 0);
    const share = isAdditive && total[name] ? ` · ${formatPercent(figure / total[name])}` : "";
    const said = `${formatFigure(figure, option.dataset)}${share}`;
    drawn.push({ name: item.label, from: 0, to: Math.max(figure ?? 0, 0), said, kind: "rank" });
    return rowOf(dimension, item, bar, said);
  });
  return { rows, drawn };
}

function showRanking(answer) {
  const { dimension, measure: name, items, value_count, sql } = answer;
  if (!items.length) return showNone(NO_CLAIMS);
  const option = optionOf(name);
  const { rows, drawn } = barsOf(answer);
  const instead = name === measure.value ? "" : `Lines have no "${measure.selectedOptions[0].textContent}": ${option.textContent} instead. `;
  const [which, recent] = isPeriod(dimension) ? ["latest", sayRecent()] : ["largest", ""];
  const note = `${instead}${option.dataset.meaning} ${firstOf(items.length, value_count, which)}${recent}${FILTERS_BY_CLICK}`;
  const away = takeValues({ dimension, items, sql }, "the ranking");
  away.append(pictureOf(dimension, option.textContent, option.dataset.meaning, drawn));
  return showRows(rows, note, away);
}

function showRankingByChange({ by: dimension, compared, items, total, sql }) {
  if (compared.reason) return showNone(compared.reason);
  if (!items.length) return showNone(NO_CLAIMS);
  const changes = items.map(withChange);
  const shown = changes.slice(0, SHOWN_CHANGES);
  const amounts = shown.map(({ figures }) => figures.change_amount);
  const [low, high] = [Math.min(0, ...amounts), Math.max(0, ...amounts)];
  const rows = shown.map((item) => rowOf(dimension, item, divergingBar(item.figures.change_amount, low, high), changeInWords(item.figures)));
  const note = `${comparedDays(compared)} Charges went from ${formatAmount(total.before_amount)} to ${formatAmount(total.after_amount)}. `
    + `${firstOf(shown.length, changes.length, "largest")}${FILTERS_BY_CLICK}`;
  const drawn = shown.map(({ label, figures }) => {
    const change = figures.change_amount;
    return { name: label, from: Math.min(change, 0), to: Math.max(change, 0), said: changeInWords(figures), kind: change < 0 ? "less" : "more" };
  });
  const away = takeValues({ dimension, items: changes, sql }, "the ranking");
  away.append(pictureOf(dimension, "Change in charges", comparedDays(compared), drawn, low));
  return showRows(rows, note, away);
}

function pictureOf(dimension, title, subtitle, drawn, floor = 0) {
  return picturesOf(`claims-by-${dimension.replaceAll("_", "-")}`, `${title} by ${titleOf(dimension).toLowerCase()}`, subtitle, drawn, floor);
}

function withChange({ value, label, before_amount, after_amount }) {
  const change_amount = Math.round(100 * (after_amount - before_amount)) / 100;
  const change_percent = before_amount > 0 ? Math.round((1000 * change_amount) / before_amount) / 10 : null;
  return { value, label, figures: { before_amount, after_amount, change_amount, change_percent } };
}

function changeInWords({ before_amount, after_amount, change_amount, change_percent }) {
  const relative = change_percent === null ? "" : ` · ${formatSignedPercent(change_percent / 100)}`;
  return `${formatSignedAmount(change_amount)}${before_amount === 0 && after_amount > 0 ? " · new" : relative}`;
}

// A bar from the line at zero, to the right for more and to the left for less.
function divergingBar(amount, low, high) {
  const span = high - low || 1;
  const bar = element("span", { className: `step ${amount < 0 ? "less" : "more"}` });
  bar.style.setProperty("--from", (Math.min(amount, 0) - low) / span);
  bar.style.setProperty("--size", Math.max(Math.abs(amount) / span, NARROWEST_BAR));
  const place = element("span", { className: "measure diverging" }, bar);
  place.style.setProperty("--zero", -low / span);
  return place;
}

const firstOf = (shown, all, which) => (all > shown ? `The ${which} ${shown} of ${formatCount(all)}. ` : "");

const rowOf = (dimension, { value, label }, bar, said) =>
  element("li", {}, element("button", { type: "button", "data-dimension": dimension, "data-value": value, "data-key": value,
    title: `Only claims with ${titleOf(dimension)} ${label}` },
  element("span", { className: "name" }, label), bar, element("span", { className: "number" }, said)));

const showNone = (reason) => showRows([], reason);

function showRows(rows, note, ...away) {
  const files = document.getElementById("drivers-away");
  keepingFocus(bars, () => bars.replaceChildren(...rows));
  keepingFocus(files, () => files.replaceChildren(...away));
  document.getElementById("drivers-note").textContent = note;
}

// The parts of the change: members, use, mix and price. Where the ranking has said why there is none, it is not said again.
function showParts(changes) {
  const isSaid = measure.value === CHANGE && Boolean(changes?.compared.reason);
  document.getElementById("driven").closest("section").hidden = !changes || isSaid;
  if (!changes) return;
  document.getElementById("driven-title").textContent = `What changed by ${titleOf(changes.by).toLowerCase()}`;
  document.getElementById("driven-note").textContent = comparedDays(changes.compared);
  changesTable(document.getElementById("driven"), changes);
}
