// The ranking of a dimension's values by a measure. A click filters by the value; chips show what is chosen.

import { element, keepingFocus, takeAway } from "./elements.js";
import { formatCount, formatFigure, formatPercent } from "./format.js";

const by = document.getElementById("by");
const measure = document.getElementById("measure");
const bars = document.getElementById("bars");
const chips = document.getElementById("chips");
const labels = new Map(); // "dimension=value" -> label, as far as an answer has named it

const PERIODS = ["day", "week", "month"]; // the latest first; values of other dimensions come by the measure
const DIMENSIONS = [...by.options].map((option) => option.value);
// Those whose names are filters; the values of the others are chosen by status or by days of receipt.
export const FILTERING = [...by.options].filter((option) => !option.dataset.filteredBy).map((option) => option.value);
export const DRIVER_DEFAULTS = { by: by.value, measure: measure.value };

export const titleOf = (dimension) => by.querySelector(`option[value="${dimension}"]`).textContent;

// Returns the dimension of the address; one that does not exist is the first.
export const dimensionOf = (parameters) => (DIMENSIONS.includes(parameters.get("by")) ? parameters.get("by") : DRIVER_DEFAULTS.by);

// Returns the parameters that choose a value: the filter of the dimension's name, or the days of a period.
export function filterOf(dimension, value) {
  if (!PERIODS.includes(dimension)) return { [dimension]: value };
  const last = new Date(`${value}T00:00:00Z`);
  if (dimension === "week") last.setUTCDate(last.getUTCDate() + 6);
  if (dimension === "month") last.setUTCMonth(last.getUTCMonth() + 1, 0);
  return { received_from: value, received_to: last.toISOString().slice(0, 10) };
}

export function driversPath(parameters) {
  const dimension = dimensionOf(parameters);
  by.value = dimension;
  measure.value = parameters.get("measure") ?? DRIVER_DEFAULTS.measure;
  if (!measure.value) measure.value = DRIVER_DEFAULTS.measure;
  return { path: `/api/stats/by-${dimension.replaceAll("_", "-")}`, measure: measure.value };
}

export function showDrivers({ dimension, measure: name, items, total, value_count, sql }) {
  const option = measure.querySelector(`option[value="${name}"]`);
  const most = Math.max(...items.map(({ figures }) => figures[name] ?? 0), 0);
  const isAdditive = option.dataset.additive === "true";
  keepingFocus(bars, () => bars.replaceChildren(...items.map(({ value, label, figures }) => {
    labels.set(`${dimension}=${value}`, label);
    const figure = figures[name];
    const share = isAdditive && total[name] ? ` · ${formatPercent(figure / total[name])}` : "";
    const bar = element("span", { className: "measure" });
    bar.style.setProperty("--share", most ? Math.max(figure ?? 0, 0) / most : 0);
    return element("li", {}, element("button", { type: "button", "data-dimension": dimension, "data-value": value,
      "data-key": value, title: `Only claims with ${titleOf(dimension)} ${label}` },
    element("span", { className: "name" }, label), bar, element("span", { className: "number" }, `${formatFigure(figure, option.dataset)}${share}`)));
  })));
  const away = document.getElementById("drivers-away");
  keepingFocus(away, () => away.replaceChildren(...(items.length ? [takeAway({ dimension, items, sql }, "the ranking")] : [])));
  const first = PERIODS.includes(dimension) ? "latest" : "largest";
  const shown = value_count > items.length ? `The ${first} ${items.length} of ${formatCount(value_count)}. ` : "";
  const instead = name === measure.value ? "" : `Lines have no "${measure.selectedOptions[0].textContent}": ${option.textContent} instead. `;
  document.getElementById("drivers-note").textContent = items.length
    ? `${shown}${instead}A click on a row shows only its claims.` : "No claims match the filters: clear them, or choose other days.";
}

// Learns the labels of values that a link chooses, which no answer of the ranking has named yet.
export function learnLabels(chosen) {
  for (const { dimension, value, label } of chosen) labels.set(`${dimension}=${value}`, label);
}

export function showChips(parameters) {
  const chosen = [...parameters].filter(([name]) => FILTERING.includes(name));
  chips.hidden = !chosen.length;
  keepingFocus(chips, () => chips.replaceChildren(...chosen.map(([name, value]) => {
    const text = `${titleOf(name)}: ${labels.get(`${name}=${value}`) ?? value}`;
    return element("li", {}, element("button", { type: "button", "data-remove": name, "data-value": value,
      "data-key": `${name}=${value}`, "aria-label": `Remove ${text}` }, `${text} ×`));
  })));
}
