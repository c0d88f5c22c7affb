// Bars of the values of a dimension, by a measure or by the change in charges: as rows, each a button that filters by its
// value, and `drawn`, as pictures.js draws them.

import { ask, askForList, withOthers } from "./api.js";
import { titleOf } from "./dimensions.js";
import { element } from "./elements.js";
import { formatFigure, formatPercent, formatSignedAmount, formatSignedPercent } from "./format.js";

export const CHANGE = "change"; // stands in the lists of measures, but compares two ranges of days
const NARROWEST_BAR = 0.003; // of the width

// Asks for the values that are largest by a measure; the change in charges has all.
export function askForBars(dimension, measure, filters, signal, count) {
  if (measure === CHANGE) return ask("/api/what-changed", { parameters: withOthers(filters, { by: dimension }), signal });
  return askForList(`/api/stats/by-${dimension.replaceAll("_", "-")}`, { parameters: withOthers(filters, { measure, figures: measure, count }), signal });
}

export const optionOf = (name) => document.querySelector(`#measure option[value="${name}"]`);

// The bars of an answer by a measure.
export function barsOf({ dimension, measure, items, total }) {
  const option = optionOf(measure);
  const most = Math.max(...items.map(({ figures }) => figures[measure] ?? 0), 0);
  const drawn = [];
  const isAdditive = option.dataset.additive === "true";
  const rows = items.map((item) => {
    const figure = item.figures[measure];
    const bar = element("span", { className: "measure" });
    bar.style.setProperty("--share", most ? Math.max(figure ?? 0, 0) / most : 0);
    const share = isAdditive && total[measure] ? ` · ${formatPercent(figure / total[measure])}` : "";
    const said = `${formatFigure(figure, option.dataset)}${share}`;
    drawn.push({ name: item.label, from: 0, to: Math.max(figure ?? 0, 0), said, kind: "rank" });
    return rowOf(dimension, item, bar, said);
  });
  return { rows, drawn };
}

// The bars of the first `count` changes. `changes` are all of them as figures by value, like those of a measure, and `low` is
// the amount where the scale begins.
export function barsOfChange({ by: dimension, items }, count) {
  const changes = items.map(withChange);
  const shown = changes.slice(0, count);
  const amounts = shown.map(({ figures }) => figures.change_amount);
  const [low, high] = [Math.min(0, ...amounts), Math.max(0, ...amounts)];
  const rows = shown.map((item) => rowOf(dimension, item, divergingBar(item.figures.change_amount, low, high), changeInWords(item.figures)));
  const drawn = shown.map(({ label, figures }) => {
    const change = figures.change_amount;
    return { name: label, from: Math.min(change, 0), to: Math.max(change, 0), said: changeInWords(figures), kind: change < 0 ? "less" : "more" };
  });
  return { rows, drawn, changes, low };
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

const rowOf = (dimension, { value, label }, bar, said) =>
  element("li", {}, element("button", { type: "button", "data-dimension": dimension, "data-value": value, "data-key": value,
    title: `Only claims with ${titleOf(dimension)} ${label}` },
  element("span", { className: "name" }, label), bar, element("span", { className: "number" }, said)));
