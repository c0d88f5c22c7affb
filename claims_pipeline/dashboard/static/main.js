// The page's state is its address: filters, order and part of the table. Everything shown follows from it.

import { ask, isAborted } from "./api.js";
import { askForCharts, drawCharts, forgetDrawings } from "./charts.js";
import { showDetail } from "./detail.js";
import { dimensionOf, DRIVER_DEFAULTS, driversPath, FILTERING, filterOf, showChips, showDrivers, titleOf } from "./drivers.js";
import { element } from "./elements.js";
import { showBuild, showFigures } from "./figures.js";
import { formatCount, formatDay } from "./format.js";
import { changesTable, comparedDays, showCards, showChanges, showWorthALook } from "./overview.js";
import { askForMembers, askForProviders, showMembers, showProviders } from "./panels.js";
import { daysOf, onPreset, showPreset } from "./presets.js";
import { showPipeline } from "./quality.js";
import { onFound } from "./search.js";
import { onColumns, orderOf, partAt, rangeOf, showClaims, showColumns, TABLE_DEFAULTS } from "./table.js";
import { onTab, showTab, TAB_DEFAULTS, tabOf } from "./tabs.js";

const DAYS = ["received_from", "received_to"];
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const FIELDS = ["status", ...DAYS, "patient", "basis", "compare"]; // of the form
const FILTERS = [...FIELDS, ...FILTERING];
const OPEN = ["claim", "person", "practitioner"]; // what is open in the dialog
const VIEW = ["tab", "by", "measure", "columns", ...OPEN]; // what is shown: the tab, its ranking, the dialog
const PART = ["after", "before", "offset"]; // which part of the table
const LIST = ["sort", "count", ...PART]; // what concerns the table only
const DEFAULTS = { basis: "received", compare: "before", count: "50", sort: "-received_date", ...DRIVER_DEFAULTS, ...TAB_DEFAULTS, ...TABLE_DEFAULTS };
const LOOK_FOR_A_NEW_BUILD_MS = 10_000;
const TYPING_PAUSE_MS = 350;
const COPIED_MS = 3_000;

const form = document.getElementById("filters");
const main = document.querySelector("main");
const problem = document.getElementById("problem");
const count = document.getElementById("count");
let running = new AbortController();
const shownSubjects = new Map(); // tab -> what its answers are about
let shownFilters = null;
let shownTab = null;
let shownBuild = null;
let claimCount = 0;
let isPaging = false; // the person asked for another part or order of the table
let build = null; // which days there are
let isTyping = false;
let isAway = false; // the dashboard, or its figures: worth asking again, unlike a wrong filter

// What the address asks for. A parameter that the page does not know, such as utm_source, is somebody else's.
function state() {
  const known = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(location.search)) {
    if ([...FILTERS, ...LIST, ...VIEW].includes(name) && value.trim() && value !== DEFAULTS[name]) known.append(name, value.trim());
  }
  return known;
}

function filtersOf(parameters) {
  const filters = new URLSearchParams(parameters);
  [...LIST, ...VIEW].forEach((name) => filters.delete(name));
  return filters;
}

function listOf(parameters) {
  const list = new URLSearchParams(parameters);
  [...FILTERS, ...VIEW].forEach((name) => list.delete(name));
  return list.toString();
}

function go(parameters, { replace = false } = {}) {
  const query = parameters.toString();
  if (query === state().toString()) return;
  history[replace ? "replaceState" : "pushState"](null, "", query ? `?${query}` : location.pathname);
  refresh();
}

async function refresh({ everything = false, isNavigation = false } = {}) {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  showForm(state(), isNavigation);
  showTabOf(state());
  main.setAttribute("aria-busy", "true");
  let parameters = state();
  let outside = [];
  try {
    outside = await daysWithoutData(parameters, signal, everything);
    parameters = without(parameters, outside);
    await show(parameters, signal, everything);
    isAway = false;
    problem.hidden = true;
  } catch (error) {
    if (isAborted(error)) return;
    if (error.status === 422) await showWithoutWrong(parameters, error, signal);
    else showProblem(error);
  }
  if (signal.aborted) return;
  for (const name of outside) {
    sayWrong(name, `Claims were received from ${formatDay(build.first_day)} to ${formatDay(build.last_day)}: this day does not count.`);
  }
  main.removeAttribute("aria-busy");
}

// Returns the fields with a day of a year that the data do not have. Such a day does not count, typed or from a link.
async function daysWithoutData(parameters, signal, everything) {
  const days = DAYS.filter((name) => DAY.test(parameters.get(name) ?? "")); // the API says what is wrong with any other
  if (days.length && (everything || !build)) ({ build } = await ask("/api/stats", { signal }));
  return days.filter((name) => !isYearOfData(parameters.get(name)));
}

// Returns the parameters without some names; the place in the table belonged to those.
function without(parameters, names) {
  const rest = new URLSearchParams(parameters);
  if (names.length) [...names, ...PART].forEach((name) => rest.delete(name));
  return rest;
}

async function show(parameters, signal, everything) {
  const filters = filtersOf(parameters);
  const tab = tabOf(parameters);
  const part = PARTS[tab];
  const subject = part.subject(parameters, filters).toString();
  if (everything) shownSubjects.clear();
  const isNewCount = everything || filters.toString() !== shownFilters;
  const [stats, answers] = await Promise.all([
    isNewCount ? ask("/api/stats", { parameters: filters, signal }) : null,
    shownSubjects.get(tab) === subject ? null : part.ask(parameters, filters, signal)]);
  if (signal.aborted) throw new DOMException("a newer question was asked", "AbortError");
  if (stats) showStats(stats, filters);
  if (answers) await part.show(answers, parameters, filters);
  showChips(parameters);
  for (const kind of ["csv", "parquet"]) document.getElementById(kind).href = `/api/export.${kind}?${filters}`;
  showPreset(parameters.get("received_from") ?? "", parameters.get("received_to") ?? "", build);
  await showDetail(parameters, signal);
  if (isPaging && tab === "claims" && answers) announce(`Claims ${rangeOf(answers)}, ${orderOf(sortOf(parameters))}`);
  isPaging = false;
  shownSubjects.set(tab, subject);
  main.classList.remove("stale");
}

const sortOf = (parameters) => parameters.get("sort") ?? DEFAULTS.sort;

// `changes` is null for a dimension whose values are periods or statuses: the days are compared as a whole.
function showChangesBy(changes) {
  document.getElementById("driven").closest("section").hidden = !changes;
  if (!changes) return;
  document.getElementById("driven-title").textContent = `What changed by ${titleOf(changes.by).toLowerCase()}`;
  document.getElementById("driven-note").textContent = comparedDays(changes.compared);
  changesTable(document.getElementById("driven"), changes);
}

// What each tab asks and shows; `subject` is what its answers depend on.
const PARTS = {
  overview: {
    subject: (parameters, filters) => filters,
    ask: (parameters, filters, signal) => {
      const ofClaims = new URLSearchParams(filters);
      ofClaims.set("of", "claims");
      return Promise.all([askForCharts(filters, signal),
        ...["/api/cards", "/api/what-changed", "/api/anomalies", "/api/stats/cost-outliers"].map((path) =>
          ask(path, { parameters: filters, signal })), ask("/api/stats/cost-outliers", { parameters: ofClaims, signal })]);
    },
    show: async ([specifications, cards, changes, anomalies, providers, claims], parameters) => {
      showCards(cards, parameters.has("received_from") || parameters.has("received_to"));
      showChanges(changes);
      showWorthALook(anomalies, providers, claims);
      await drawCharts(specifications, claimCount > 0);
    },
  },
  drivers: {
    subject: (parameters, filters) => `${driversPath(parameters).path} ${driversPath(parameters).measure} ${filters}`,
    ask: (parameters, filters, signal) => {
      const { path, measure } = driversPath(parameters);
      const ranked = new URLSearchParams(filters);
      ranked.set("measure", measure);
      const changed = new URLSearchParams(filters);
      changed.set("by", dimensionOf(parameters));
      return Promise.all([ask(path, { parameters: ranked, signal }),
        FILTERING.includes(dimensionOf(parameters)) ? ask("/api/what-changed", { parameters: changed, signal }) : null]);
    },
    show: ([drivers, changes]) => {
      showDrivers(drivers);
      showChangesBy(changes);
    },
  },
  members: {
    subject: (parameters, filters) => filters,
    ask: (parameters, filters, signal) => askForMembers(filters, signal),
    show: showMembers,
  },
  providers: {
    subject: (parameters, filters) => filters,
    ask: (parameters, filters, signal) => askForProviders(filters, signal),
    show: showProviders,
  },
  quality: {
    subject: () => Date.now(), // what the pipeline did last is asked each time
    ask: (parameters, filters, signal) => ask("/api/pipeline", { signal }),
    show: showPipeline,
  },
  claims: {
    subject: (parameters, filters) => `${parameters.get("columns")} ${listOf(parameters)} ${filters}`,
    ask: (parameters, filters, signal) => {
      const listed = new URLSearchParams(parameters);
      VIEW.forEach((name) => listed.delete(name));
      return ask("/api/claims", { parameters: listed, signal });
    },
    show: (claims, parameters) => {
      showColumns(parameters.get("columns"));
      showClaims(claims, sortOf(parameters));
    },
  },
};

// A wrong field never blanks the page: it is said at the field, and the rest of the filters counts.
async function showWithoutWrong(parameters, { parameters: wrong, message }, signal) {
  const rest = new URLSearchParams(parameters);
  const names = Object.keys(wrong).map((name) => name.split(".")[0]);
  (names.length ? names : [...parameters.keys()]).forEach((name) => rest.delete(name));
  for (const name of PART) if (names.some((one) => FILTERS.includes(one)) || !names.length) rest.delete(name);
  try {
    if (rest.toString() === parameters.toString()) throw new Error(message);
    await show(rest, signal, false);
    problem.hidden = true;
  } catch (error) {
    if (!isAborted(error)) showProblem(error);
    return;
  }
  if (!names.length) sayWrong("received_to", "The first day is later than the last: the days do not count.");
  for (const [name, reason] of Object.entries(wrong)) sayWrong(name.split(".")[0], `${capitalised(inWords(name, reason))}.`);
}

function inWords(name, reason) {
  const value = state().get(name.split(".")[0]);
  if (name.startsWith("status")) return `there is no status ${JSON.stringify(state().getAll("status").find(
    (one) => !["active", "cancelled", "draft"].includes(one)))}: it does not count`;
  if (name.startsWith("received")) return `${JSON.stringify(value)} is not a day, such as 2025-01-31: it does not count`;
  return `${reason}: it does not count`;
}

const capitalised = (text) => `${text[0].toUpperCase()}${text.slice(1)}`;

function sayWrong(name, text) {
  const place = document.getElementById(`wrong-${name}`) ?? document.getElementById("wrong-status");
  place.textContent = text;
  place.hidden = false;
  const field = form.elements[name];
  if (field instanceof Element) field.setAttribute("aria-invalid", "true");
  announce(text);
}

function forgetWrong() {
  for (const place of form.querySelectorAll(".wrong")) { place.hidden = true; place.textContent = ""; }
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}

function showStats(stats, filters) {
  showBuild(stats.build);
  showFigures(stats, filters.has("status"));
  if (shownBuild && shownBuild !== stats.build.built_at) announce("New data are shown.");
  else announceCount(stats);
  claimCount = stats.claim_count;
  shownFilters = filters.toString();
  shownSubjects.delete("overview"); // its changes stood beside the figures that are replaced
  shownBuild = stats.build.built_at;
  build = stats.build;
}

function showTabOf(parameters) {
  const kept = new URLSearchParams(parameters);
  ["tab", ...OPEN, ...PART].forEach((name) => kept.delete(name));
  const tab = tabOf(parameters);
  showTab(tab, kept);
  if (shownTab && tab !== shownTab) dispatchEvent(new Event("resize")); // charts that were hidden take the page's width
  shownTab = tab;
}

function announce(text) {
  document.getElementById("announcement").textContent = text;
}

function announceCount({ claim_count, build: { first_day, last_day } }) {
  const text = claim_count
    ? `${formatCount(claim_count)} claims`
    : `No claims match the filters. Claims were received from ${formatDay(first_day)} to ${formatDay(last_day)}.`;
  announce(text);
  if (!claim_count) document.getElementById("scope").textContent = text;
}

// Never writes into the field that a person is in, but for back and forward in the history.
function showForm(parameters, isNavigation) {
  forgetWrong();
  for (const box of form.elements.status) box.checked = parameters.getAll("status").includes(box.value);
  for (const name of ["received_from", "received_to", "patient"]) {
    if (isNavigation || document.activeElement !== form[name]) form[name].value = parameters.get(name) ?? "";
  }
  form.basis.value = parameters.get("basis") === "service" ? "service" : DEFAULTS.basis;
  form.compare.value = parameters.get("compare") === "year" ? "year" : DEFAULTS.compare;
  count.value = parameters.get("count") ?? DEFAULTS.count;
}

function showProblem(error) {
  const lines = [element("strong", {}, `${capitalised(error.message)}.`)];
  if (error.fix) lines.push(element("span", {}, "Try: ", element("code", {}, error.fix)));
  if (error.where) lines.push(element("span", { className: "note" }, error.where));
  problem.replaceChildren(...lines);
  problem.hidden = false;
  main.classList.toggle("stale", shownFilters === null || error.status === 0 || error.status >= 500);
  isAway = error.status === 0 || error.status >= 500;
  if (!(error.where || error.fix)) console.error(error);
}

function changeFilters({ replace = false } = {}) {
  const parameters = state();
  [...FIELDS, ...PART].forEach((name) => parameters.delete(name));
  for (const [name, value] of new FormData(form)) {
    if (value.trim() && value !== DEFAULTS[name]) parameters.append(name, value.trim());
  }
  go(parameters, { replace });
}

function changeList(changes) {
  isPaging = true;
  const parameters = state();
  PART.forEach((name) => parameters.delete(name));
  for (const [name, value] of Object.entries(changes)) {
    if (value && value !== DEFAULTS[name]) parameters.set(name, value);
    else parameters.delete(name);
  }
  go(parameters);
}

// A date field reports each digit of the year as a day of its own: 0002, 0020, 0202, 2025. While a person is in it only a
// day of a year that the data have counts; Enter or leaving the field applies any other.
function dayChanged(field, { isDone }) {
  if (field.value === (state().get(field.name) ?? "")) return;
  if (isDone || (field.value && isYearOfData(field.value))) changeFilters();
}

function isYearOfData(day) {
  const year = Number(day.slice(0, 4));
  return !build || (year >= Number(build.first_day.slice(0, 4)) && year <= Number(build.last_day.slice(0, 4)));
}

for (const field of [form.received_from, form.received_to]) {
  field.addEventListener("change", () => dayChanged(field, { isDone: document.activeElement !== field }));
  field.addEventListener("blur", () => dayChanged(field, { isDone: true }));
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") dayChanged(field, { isDone: true }); });
}

onPreset((preset) => {
  if (!build) return;
  const [received_from, received_to] = daysOf(preset, build);
  changeView({ received_from, received_to }, { clearPart: true });
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
form.addEventListener("reset", (event) => {
  event.preventDefault();
  clearTimeout(pause);
  const kept = state();
  [...FILTERS, ...PART].forEach((name) => kept.delete(name));
  for (const name of ["received_from", "received_to", "patient"]) form[name].value = "";
  forgetWrong();
  if (kept.toString() === state().toString()) refresh({ everything: shownFilters === null });
  go(kept);
});
count.addEventListener("change", () => changeList({ count: count.value }));

async function suggestPatients(text) {
  if (!text) return;
  const parameters = new URLSearchParams({ patient: text, count: 8 });
  const { items } = await ask("/api/patients", { parameters }).catch(() => ({ items: [] })); // the list says what is wrong
  document.getElementById("patients").replaceChildren(...items.map((one) =>
    element("option", { value: one.patient_id }, `${one.first_name} ${one.last_name}, ${one.city}, ${one.state}`)));
}

function changeView(changes, { clearPart = false } = {}) {
  const parameters = state();
  if (clearPart) PART.forEach((name) => parameters.delete(name));
  for (const [name, value] of Object.entries(changes)) {
    if (value && value !== DEFAULTS[name]) parameters.set(name, value);
    else parameters.delete(name);
  }
  go(parameters);
}

for (const name of ["by", "measure"]) {
  const field = document.getElementById(name);
  field.addEventListener("change", () => changeView({ [name]: field.value }));
}

// What a button in a figure, ranking or list leads to: a filter, other days, or the dialog.
for (const place of document.querySelectorAll("[data-of=overview], [data-of=drivers], [data-of=members], [data-of=providers]")) {
  place.addEventListener("click", ({ target }) => {
    const { dimension, value, claim, practitioner, from, to } = target.closest("button")?.dataset ?? {};
    if (dimension) changeView(filterOf(dimension, value), { clearPart: true });
    if (claim) changeView({ claim });
    if (practitioner) changeView({ practitioner });
    if (from) changeView({ received_from: from, received_to: to }, { clearPart: true });
  });
}

const KINDS_OF_PAGES = { claim: "claim", patient: "person", provider: "practitioner" };
onFound((kind, value) => {
  if (kind in KINDS_OF_PAGES) changeView({ [KINDS_OF_PAGES[kind]]: value });
  else changeView({ [kind]: value }, { clearPart: true });
});

document.getElementById("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    announce("The link is copied.");
    document.getElementById("copy").textContent = "Copied";
    setTimeout(() => { document.getElementById("copy").textContent = "Copy link"; }, COPIED_MS);
  } catch {
    announce("The browser does not let the page copy: copy the address.");
  }
});

document.getElementById("chips").addEventListener("click", ({ target }) => {
  const { remove, value } = target.closest("button")?.dataset ?? {};
  if (!remove) return;
  const parameters = state();
  [remove, ...PART].forEach((name) => parameters.delete(name));
  for (const one of state().getAll(remove)) if (one !== value) parameters.append(remove, one);
  go(parameters);
});

const detail = document.getElementById("detail");
const NOTHING_OPEN = Object.fromEntries(OPEN.map((name) => [name, ""]));
detail.addEventListener("close", () => {
  const focused = document.activeElement;
  if (focused === document.body || detail.contains(focused)) main.focus({ preventScroll: true }); // what opened it is gone
  changeView(NOTHING_OPEN);
});
detail.addEventListener("click", ({ target }) => {
  if (target === detail || "close" in target.dataset) detail.close(); // the dialog itself is what lies around its content
  const { open, id, only, value } = target.dataset;
  if (open) changeView({ ...NOTHING_OPEN, [open]: id });
  if (only) changeView({ ...NOTHING_OPEN, [only]: value, tab: "claims" }, { clearPart: true });
});

document.getElementById("claims").addEventListener("click", ({ target }) => {
  const { sort, page, person, claim, practitioner } = target.dataset ?? {};
  if (claim) changeView({ claim });
  if (person) changeView({ person });
  if (practitioner) changeView({ practitioner });
  if (sort) changeList({ sort });
  if (page && partAt(page)) {
    const part = partAt(page);
    changeList(Object.fromEntries(PART.map((name) => [name, part.get(name)])));
  }
});

onTab((tab) => changeView({ tab, ...NOTHING_OPEN }, { clearPart: true }));

onColumns((columns) => changeView({ columns }));

addEventListener("popstate", () => refresh({ isNavigation: true }));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  forgetDrawings();
  refresh({ everything: true });
});

// The filters stay in sight while the page scrolls: what the focus goes to must not end up behind them.
new ResizeObserver(() => {
  const isSticky = getComputedStyle(form).position === "sticky";
  document.documentElement.style.scrollPaddingTop = isSticky ? `${form.offsetHeight + 12}px` : "";
}).observe(form);

setInterval(async () => {
  if (document.hidden) return;
  const health = await ask("/health").catch(() => null); // the next question of the person says what is wrong
  if (health?.built_at && (isAway || health.built_at !== shownBuild)) refresh({ everything: true });
}, LOOK_FOR_A_NEW_BUILD_MS);

refresh();
