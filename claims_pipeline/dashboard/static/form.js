// The form of filters: what it shows, what a person does with it, and what is wrong with a field.

import { ask } from "./api.js";
import { FILTERING, filterOf, titleOf } from "./dimensions.js";
import { announce, element } from "./elements.js";
import { capitalised, formatDay } from "./format.js";
import { daysOf, onPreset, showPreset } from "./presets.js";
import { change, CHOICES, DAYS, DEFAULTS, FIELDS, FILTERS, go, PART, state, without } from "./state.js";

const TYPING_PAUSE_MS = 350;
const TYPED = [...DAYS, "patient"];
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const NO_PART = "the link does not lead to a part of this list: it begins with the first";
const FROM_A_LINK = { // what only a link can have wrong
  count: `the table cannot have as many rows as the link says: it has ${DEFAULTS.count}`,
  sort: "the table cannot be sorted as the link says: the latest received are first",
  trend: "the cost trend cannot draw what the link says",
  drivers: "the cost drivers cannot be ranked as the link says",
  basis: "the charts cannot count by what the link says: they count by receipt",
  compare: "the days cannot be compared as the link says: they are compared with the days before",
  ...Object.fromEntries(PART.map((name) => [name, NO_PART])),
};
const STATUSES = ["active", "cancelled", "draft"];

const form = document.getElementById("filters");
const fold = document.getElementById("fold"); // on a phone the filters fold
let build = null; // which days there are
let isTyping = false;

// Shows the filters of the address, except in the field that a person is in, but for back and forward in the history.
export function showForm(parameters, isNavigation) {
  forgetWrong();
  for (const box of form.elements.status) box.checked = parameters.getAll("status").includes(box.value);
  for (const name of TYPED) {
    if (isNavigation || document.activeElement !== form[name]) form[name].value = shownIn(name, parameters.get(name) ?? "");
  }
  form.basis.value = parameters.get("basis") === "service" ? "service" : DEFAULTS.basis;
  form.compare.value = parameters.get("compare") === "year" ? "year" : DEFAULTS.compare;
}

// Returns what a field shows: a field for a day is empty where the address has no day, such as February 30.
function shownIn(name, value) {
  const day = new Date(`${value}T00:00:00Z`);
  const isDay = DAY.test(value) && !Number.isNaN(day.getTime()) && day.toISOString().startsWith(value);
  return DAYS.includes(name) && !isDay ? "" : value;
}

// Shows which days are chosen by name, and returns the name; the names mean days of this build.
export function showDays(parameters, builtNow) {
  build = builtNow ?? build;
  return showPreset(parameters.get("received_from") ?? "", parameters.get("received_to") ?? "", build);
}

// Returns the fields with a day of a year that the data do not have. Such a day does not count, typed or from a link.
export async function daysWithoutData(parameters, signal, isNewBuild) {
  const days = DAYS.filter((name) => DAY.test(parameters.get(name) ?? "")); // the API says what is wrong with any other
  if (days.length && (isNewBuild || !build)) ({ build } = await ask("/api/stats", { signal }));
  return days.filter((name) => !isYearOfData(parameters.get(name)));
}

export function sayDayWithoutData(name) {
  sayWrong(name, `Claims were received from ${formatDay(build.first_day)} to ${formatDay(build.last_day)}: this day does not count.`);
}

// Goes to the claims of a value of a dimension; a week that begins or ends in a year without data is cut there.
export function choose(dimension, value) {
  const changes = filterOf(dimension, value);
  if (changes.received_from && !isYearOfData(changes.received_from)) changes.received_from = build.first_day;
  if (changes.received_to && !isYearOfData(changes.received_to)) changes.received_to = build.last_day;
  change(changes, { clearPart: true });
}

function isYearOfData(day) {
  const year = Number(day.slice(0, 4));
  return !build || (year >= Number(build.first_day.slice(0, 4)) && year <= Number(build.last_day.slice(0, 4)));
}

export function areDaysReversed(parameters) {
  const [from, to] = DAYS.map((name) => parameters.get(name) ?? "");
  return DAY.test(from) && DAY.test(to) && from > to;
}

// Says at each field what the API finds wrong with it.
export function sayAllWrong(wrong) {
  for (const [name, reason] of Object.entries(wrong)) sayWrong(name.split(".")[0], `${capitalised(inWords(name, reason))}.`);
}

function inWords(name, reason) {
  if (name.startsWith("status")) {
    const status = state().getAll("status").find((one) => !STATUSES.includes(one));
    return `there is no status ${JSON.stringify(status)}: it does not count`;
  }
  if (FILTERING.includes(name)) {
    const values = state().getAll(name);
    const value = values.length === 1 ? ` ${JSON.stringify(values[0])}` : ""; // of several the API does not say which is wrong
    return `${titleOf(name)}${value} ${reason}: it does not count`;
  }
  if (name.startsWith("received")) return `${JSON.stringify(state().get(name))} is not a day, such as 2025-01-31: it does not count`;
  return FROM_A_LINK[name] ?? `${reason.replace(/^string should/i, "the text should")}: it does not count`;
}

// Says that a link names no part of the table, or something else that no field has.
export function sayWrongLink(parameters, message) {
  sayWrong("list", `${capitalised(PART.some((name) => parameters.has(name)) ? NO_PART : message)}.`);
}

export function sayWrong(name, text) {
  const place = document.getElementById(`wrong-${name}`) ?? document.getElementById("wrong-status");
  if (place.hidden) place.textContent = text;
  else if (!place.textContent.includes(text)) place.textContent += ` ${text}`; // after that of another field without a place
  place.hidden = false;
  const field = form.elements[name];
  if (field instanceof Element) field.setAttribute("aria-invalid", "true");
  announce(text);
}

function forgetWrong() {
  for (const place of form.querySelectorAll(".wrong")) { place.hidden = true; place.textContent = ""; }
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}

function changeFilters({ replace = false } = {}) {
  const parameters = without(state(), [...FIELDS, ...PART]);
  for (const [name, value] of new FormData(form)) {
    if (value.trim() && value !== DEFAULTS[name]) parameters.append(name, value.trim());
  }
  go(parameters, { replace });
}

// A date field reports each digit of the year as a day of its own: 0002, 0020, 0202, 2025. While a person is in it only a
// day of a year that the data have counts; Enter or leaving the field applies any other.
function dayChanged(field, { isDone }) {
  if (field.value === (state().get(field.name) ?? "")) return;
  if (isDone || (field.value && build && isYearOfData(field.value))) changeFilters();
}

for (const field of DAYS.map((name) => form[name])) {
  field.addEventListener("change", () => dayChanged(field, { isDone: document.activeElement !== field }));
  field.addEventListener("blur", () => dayChanged(field, { isDone: true }));
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") dayChanged(field, { isDone: true }); });
}

onPreset((preset) => {
  if (!build) return;
  const [received_from, received_to] = daysOf(preset, build);
  change({ received_from, received_to }, { clearPart: true });
});

let pause;
form.patient.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(async () => {
    changeFilters({ replace: isTyping }); // one step in the history for one name, not one for each letter
    isTyping = true;
    await suggestPatients(form.patient.value.trim());
  }, TYPING_PAUSE_MS);
});
form.patient.addEventListener("blur", () => { isTyping = false; });
form.addEventListener("change", ({ target }) => { if (target.type === "checkbox" || [form.basis, form.compare].includes(target)) changeFilters(); });
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const isDay = document.activeElement?.type === "date"; // its own listener has dealt with Enter
  if (!isDay) changeFilters();
});

// Calls `whenCleared` after the filters are cleared where the address had none, but a field was wrong.
export function onClear(whenCleared) {
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    clearTimeout(pause);
    const kept = without(state(), [...FILTERS, ...CHOICES, ...PART]);
    for (const name of TYPED) form[name].value = "";
    forgetWrong();
    if (kept.toString() === state().toString()) whenCleared();
    go(kept);
  });
}

async function suggestPatients(text) {
  if (!text) return;
  const parameters = new URLSearchParams({ patient: text, count: 8 });
  const { items } = await ask("/api/patients", { parameters }).catch(() => ({ items: [] })); // the list says what is wrong
  document.getElementById("patients").replaceChildren(...items.map((one) =>
    element("option", { value: one.patient_id }, `${one.first_name} ${one.last_name}, ${one.city}, ${one.state}`)));
}

fold.addEventListener("click", () => fold.setAttribute("aria-expanded", String(fold.getAttribute("aria-expanded") !== "true")));

// The filters stay in sight while the page scrolls: what the focus goes to must not end up behind them.
new ResizeObserver(() => {
  const isSticky = getComputedStyle(form).position === "sticky";
  document.documentElement.style.scrollPaddingTop = isSticky ? `${form.offsetHeight + 12}px` : "";
}).observe(form);
