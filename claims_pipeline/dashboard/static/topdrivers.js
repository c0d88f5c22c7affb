// The first cost drivers, on the overview: the values of some dimensions with the largest charges.

import { ask, isStillMissing, orProblem, withOthers } from "./api.js";
import { titleOf } from "./dimensions.js";
import { barsOf } from "./drivers.js";
import { element, keepingFocus, takeValues } from "./elements.js";
import { emptyOf, NO_CLAIMS } from "./empty.js";
import { capitalised } from "./format.js";

const MEASURE = "charge_amount";
const SHOWN = 5;
const grid = document.querySelector("#top-drivers > div");
const places = [...grid.querySelectorAll("[data-by]")];
let shownFilters = null;

for (const place of places) {
  const { by } = place.dataset;
  place.append(element("h3", {}, element("button", { type: "button", className: "link", "data-ranking": by }, `By ${titleOf(by).toLowerCase()}`)),
    element("ol", { className: "bars narrow" }), element("div"));
}

export function askForTopDrivers(filters, signal) {
  return Promise.all(places.map(({ dataset: { by } }) => orProblem(ask(`/api/stats/by-${by}`, {
    parameters: withOthers(filters, { measure: MEASURE, figures: MEASURE, count: SHOWN }), signal }))));
}

// Until the answers are there, those under other filters are marked as such, and not printed.
export function awaitTopDrivers(filters) {
  if (filters.toString() !== shownFilters) grid.setAttribute("aria-busy", "true");
}

// Shows each ranking, or why it is missing, and returns whether none is still missing.
export function showTopDrivers(answers, filters) {
  places.forEach((place, index) => {
    const answer = answers[index];
    const [, list, away] = place.children;
    const isThere = !(answer instanceof Error) && answer.items.length;
    const rows = isThere ? barsOf(answer).rows
      : [element("li", {}, answer instanceof Error ? element("p", { className: "empty" }, `${capitalised(answer.message)}.`) : emptyOf(NO_CLAIMS))];
    keepingFocus(list, () => list.replaceChildren(...rows));
    keepingFocus(away, () => away.replaceChildren(...(isThere ? [takeValues(answer, `the charges by ${answer.dimension}`)] : [])));
  });
  grid.removeAttribute("aria-busy");
  shownFilters = filters.toString();
  return !answers.some(isStillMissing);
}
