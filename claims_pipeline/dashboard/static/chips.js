// The filters of the address in words: on the page as chips, each taken back by a click; on paper as one line.

import { FILTERING, titleOf } from "./dimensions.js";
import { element } from "./elements.js";
import { formatDay, formatDays } from "./format.js";
import { DAYS, go, PART, state, without } from "./state.js";

const ALL = "All claims";

const chips = document.getElementById("chips");
const labels = new Map(); // "dimension=value" -> label

// Learns the labels of the values that are filtered by.
export function learnLabels(chosen) {
  for (const { dimension, value, label } of chosen) labels.set(`${dimension}=${value}`, label);
}

// Shows the filters that count. `preset` is the name of the days, such as "last 30 days", if they have one.
export function showChips(parameters, preset) {
  const filters = filtersIn(parameters);
  replaceChips(filters.length ? filters.map((filter) => chipOf(filter, preset)) : [element("li", { className: "note" }, ALL)]);
  document.getElementById("printed").textContent = sentenceOf(filters, parameters);
}

// Returns each filter: the parameters that it stands for, its title and what it chooses. The two days are one filter.
function filtersIn(parameters) {
  const [from, to] = DAYS.map((name) => parameters.get(name));
  const ofValues = (name, title, wordsOf) => parameters.getAll(name).map((value) => ({ names: [name], value, title, words: wordsOf(value) }));
  return [
    ...ofValues("status", "Status", (status) => status),
    ...(from || to ? [{ names: DAYS, title: "Received", words: daysInWords(from, to) }] : []),
    ...ofValues("patient", "Patient", (text) => text),
    ...FILTERING.flatMap((name) => ofValues(name, titleOf(name), (value) => labels.get(`${name}=${value}`) ?? value)),
  ];
}

function daysInWords(from, to) {
  if (!from) return `until ${formatDay(to)}`;
  return to ? formatDays(from, to) : `from ${formatDay(from)}`;
}

function chipOf({ names, value, title, words }, preset) {
  const text = `${title}: ${names === DAYS && preset ? preset : words}`;
  return element("li", {}, element("button", { type: "button", "data-key": `${names} ${value}`, "aria-label": `Remove ${text}`,
    onclick: () => remove(names, value) }, `${text} ×`));
}

// Takes a value out of the address, or without one all values of the parameters.
function remove(names, value) {
  const parameters = without(state(), [...names, ...PART]);
  if (value) for (const other of state().getAll(names[0])) if (other !== value) parameters.append(names[0], other);
  go(parameters);
}

// Keeps the focus in its place: on the same chip, else on the one that has moved up, else on what clears or opens the filters.
function replaceChips(made) {
  const before = [...chips.querySelectorAll("button")];
  const place = before.indexOf(document.activeElement);
  chips.replaceChildren(...made);
  if (place < 0) return;
  const now = [...chips.querySelectorAll("button")];
  const same = now.find((chip) => chip.dataset.key === before[place].dataset.key);
  const beside = document.querySelector("#filters [type=reset]");
  const instead = beside.checkVisibility() ? beside : document.getElementById("fold");
  (same ?? now[place] ?? now.at(-1) ?? instead).focus({ preventScroll: true });
}

// Values of one title are alternatives. A preset would say nothing on paper, so the days are always written out.
function sentenceOf(filters, parameters) {
  const byTitle = Object.entries(Object.groupBy(filters, ({ title }) => title));
  const said = byTitle.map(([title, values]) => `${title}: ${values.map(({ words }) => words).join(" or ")}`);
  return `${[
    ...(said.length ? said : [ALL]),
    ...(parameters.get("basis") === "service" ? ["charts by day of service"] : []),
    ...(parameters.get("compare") === "year" ? ["compared with the year before"] : []),
  ].join("; ")}.`;
}
