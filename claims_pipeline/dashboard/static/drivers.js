// The ranking of a dimension's values by a measure. A click filters by the value.

import { dimensionOf, FIRST_DIMENSION, isPeriod, titleOf } from "./dimensions.js";
import { element, keepingFocus, takeAway } from "./elements.js";
import { formatCount, formatFigure, formatPercent } from "./format.js";

const by = document.getElementById("by");
const measure = document.getElementById("measure");
const bars = document.getElementById("bars");

export const DRIVER_DEFAULTS = { by: FIRST_DIMENSION, measure: measure.value };

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
  const first = isPeriod(dimension) ? "latest" : "largest";
  const shown = value_count > items.length ? `The ${first} ${items.length} of ${formatCount(value_count)}. ` : "";
  const instead = name === measure.value ? "" : `Lines have no "${measure.selectedOptions[0].textContent}": ${option.textContent} instead. `;
  document.getElementById("drivers-note").textContent = items.length
    ? `${shown}${instead}A click on a row shows only its claims.` : "No claims match the filters: clear them, or choose other days.";
}
