// The first cost drivers, on the overview: the values of some dimensions that are largest by a measure, or changed the most.

import { isStillMissing, orProblem } from "./api.js";
import { askForBars, barsOf, barsOfChange, CHANGE, optionOf } from "./bars.js";
import { titleOf } from "./dimensions.js";
import { element, keepingFocus } from "./elements.js";
import { NO_CLAIMS, whyEmpty } from "./empty.js";
import { capitalised } from "./format.js";
import { comparedDays, NO_CHARGES } from "./overview.js";
import { takeValues } from "./take.js";

const SHOWN = 5;
const PER_MEMBER = "charge_pmpm";
const NO_MEMBERS = "Charges PMPM are not available while a patient filter is set.";
const choice = document.querySelector("#top-drivers select");
const note = document.getElementById("top-drivers-note");
const hint = document.getElementById("top-drivers-hint");
const grid = document.getElementById("top-rankings");
const places = [...grid.querySelectorAll("[data-by]")];
let shownSubject = null;

export const TOP_DRIVERS_CHOICE = choice.name;

for (const place of places) {
  const { by } = place.dataset;
  place.append(element("h3", {}, element("button", { type: "button", className: "link", "data-ranking": by }, `By ${titleOf(by).toLowerCase()}`)),
    element("ol", { className: "bars narrow" }), element("div"));
}

const subjectOf = (filters) => `${choice.value} ${filters}`;

// Until the answers are there, those to another question are marked as such, and not printed.
export function awaitTopDrivers(filters) {
  if (subjectOf(filters) !== shownSubject) grid.setAttribute("aria-busy", "true");
}

// Asks for the rankings, shows each, or why it is missing, and returns whether none is still missing.
export async function showTopDrivers(filters, signal) {
  awaitTopDrivers(filters);
  const hasMembers = !filters.has("patient"); // a search chooses persons, not members
  note.textContent = choice.value === CHANGE ? "" : `${optionOf(choice.value).dataset.meaning} ${hasMembers || choice.value !== PER_MEMBER ? "" : NO_MEMBERS}`;
  const answers = await Promise.all(places.map(({ dataset: { by } }) => orProblem(askForBars(by, choice.value, filters, signal, SHOWN))));
  const changes = answers.find((answer) => answer.compared);
  if (changes) note.textContent = changes.items.length || changes.compared.reason ? comparedDays(changes.compared) : NO_CHARGES;
  hint.hidden = grid.hidden = Boolean(changes && (changes.compared.reason || !changes.items.length));
  places.forEach((place, index) => showRanking(place, answers[index]));
  grid.removeAttribute("aria-busy");
  shownSubject = subjectOf(filters);
  return !answers.some(isStillMissing);
}

function showRanking(place, answer) {
  const [, list, away] = place.children;
  const { rows, file } = contentsOf(answer, place.dataset.by);
  keepingFocus(list, () => list.replaceChildren(...rows));
  keepingFocus(away, () => away.replaceChildren(...file));
}

function contentsOf(answer, dimension) {
  const isProblem = answer instanceof Error;
  if (isProblem || !answer.items.length) {
    const reason = isProblem ? [`${capitalised(answer.message)}.`] : whyEmpty(NO_CLAIMS);
    return { rows: [element("li", { className: "empty" }, ...reason)], file: [] };
  }
  const title = `${choice.selectedOptions[0].textContent} by ${titleOf(dimension).toLowerCase()}`;
  if (choice.value !== CHANGE) return { rows: barsOf(answer).rows, file: [takeValues(answer, title)] };
  const { rows, changes } = barsOfChange(answer, SHOWN);
  return { rows, file: [takeValues({ dimension, items: changes, sql: answer.sql }, title)] };
}
