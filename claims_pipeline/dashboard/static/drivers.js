// The tab Cost drivers: the values of a dimension, ranked by a measure or by the change in charges. A click filters.

import { askForBars, barsOf, barsOfChange, CHANGE, optionOf } from "./bars.js";
import { dimensionOf, filteredBy, FIRST_DIMENSION, isPeriod, titleOf } from "./dimensions.js";
import { keepingFocus } from "./elements.js";
import { NO_CLAIMS } from "./empty.js";
import { sayRecent } from "./figures.js";
import { formatAmount, formatCount } from "./format.js";
import { changesTable, comparedDays } from "./overview.js";
import { picturesOf } from "./pictures.js";
import { takeValues } from "./take.js";

const by = document.getElementById("by");
const measure = document.getElementById("measure");
const bars = document.getElementById("bars");

export const DRIVER_DEFAULTS = { by: FIRST_DIMENSION, measure: measure.value };

const SHOWN = 20;
const FILTERS_BY_CLICK = "A click on a row shows only its claims.";
const WHY_NO_CHANGE = { // by the filter that selects the values of a dimension
  days: "The change in charges compares two ranges of days, so it cannot be ranked by day, week or month: choose another dimension.",
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
  return Promise.all([
    name === CHANGE ? null : askForBars(dimension, name, filters, signal, SHOWN),
    filteredBy(dimension) ? null : askForBars(dimension, CHANGE, filters, signal),
  ]);
}

export function showDrivers([ranking, changes], parameters) {
  if (ranking) showRanking(ranking, parameters.get("received_to"));
  else if (!changes) showNone(WHY_NO_CHANGE[filteredBy(by.value)]);
  else showRankingByChange(changes);
  showParts(changes);
}

function showRanking(answer, lastDay) {
  const { dimension, measure: name, items, value_count } = answer;
  if (!items.length) return showNone(NO_CLAIMS);
  const option = optionOf(name);
  const { rows, drawn } = barsOf(answer);
  const instead = name === measure.value ? "" : `Lines have no "${measure.selectedOptions[0].textContent}": ${option.textContent} instead. `;
  const [which, recent] = isPeriod(dimension) ? ["latest", sayRecent(lastDay)] : ["largest", ""];
  const note = `${instead}${option.dataset.meaning} ${firstOf(items.length, value_count, which)}${recent}${FILTERS_BY_CLICK}`;
  const away = takeValues(answer, "the ranking");
  away.append(pictureOf(dimension, option.textContent, option.dataset.meaning, drawn));
  return showRows(rows, note, away);
}

function showRankingByChange(answer) {
  const { by: dimension, compared, items, total, sql } = answer;
  if (compared.reason) return showNone(compared.reason);
  if (!items.length) return showNone(NO_CLAIMS);
  const { rows, drawn, changes, low } = barsOfChange(answer, SHOWN);
  const note = `${comparedDays(compared)} Charges went from ${formatAmount(total.before_amount)} to ${formatAmount(total.after_amount)}. `
    + `${firstOf(rows.length, changes.length, "largest")}${FILTERS_BY_CLICK}`;
  const away = takeValues({ dimension, items: changes, sql }, "the ranking");
  away.append(pictureOf(dimension, "Change in charges", comparedDays(compared), drawn, low));
  return showRows(rows, note, away);
}

function pictureOf(dimension, title, subtitle, drawn, floor = 0) {
  return picturesOf(`claims-by-${dimension.replaceAll("_", "-")}`, `${title} by ${titleOf(dimension).toLowerCase()}`, subtitle, drawn, floor);
}

const firstOf = (shown, all, which) => (all > shown ? `The ${which} ${shown} of ${formatCount(all)}. ` : "");

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
