// The page's state is its address: filters, order and part of the table. Everything shown follows from it.

import { ask, isAborted } from "./api.js";
import { addCards, askForCharts, drawCharts, forgetDrawings } from "./charts.js";
import { element } from "./elements.js";
import { showBuild, showFigures } from "./figures.js";
import { formatCount, formatDay } from "./format.js";
import { showClaims } from "./table.js";

const LIST = ["sort", "count", "offset"]; // what concerns the table only
const DEFAULT_SORT = "-received_date";
const LOOK_FOR_A_NEW_BUILD_MS = 10_000;
const TYPING_PAUSE_MS = 350;

const form = document.getElementById("filters");
const main = document.querySelector("main");
const problem = document.getElementById("problem");
const count = document.getElementById("count");
let running = new AbortController();
let shownFilters = null;
let shownBuild = null;
let isTyping = false;
let isAway = false; // the dashboard, or its figures: worth asking again, unlike a wrong filter

const state = () => new URLSearchParams(location.search);

function filtersOf(parameters) {
  const filters = new URLSearchParams(parameters);
  LIST.forEach((name) => filters.delete(name));
  return filters;
}

function go(parameters, { replace = false } = {}) {
  const query = parameters.toString();
  if (query === state().toString()) return;
  history[replace ? "replaceState" : "pushState"](null, "", query ? `?${query}` : location.pathname);
  refresh();
}

async function refresh({ everything = false } = {}) {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  const parameters = state();
  const filters = filtersOf(parameters);
  const isFigures = everything || filters.toString() !== shownFilters;
  showForm(parameters);
  main.setAttribute("aria-busy", "true");
  try {
    await addCards();
    const [claims] = await Promise.all([
      ask("/api/claims", { parameters, signal }), isFigures ? refreshFigures(filters, signal) : null]);
    if (signal.aborted) return;
    showClaims(claims, parameters.get("sort") ?? DEFAULT_SORT);
    main.classList.remove("stale");
    problem.hidden = true;
    isAway = false;
  } catch (error) {
    if (isAborted(error)) return;
    showProblem(error);
  }
  main.removeAttribute("aria-busy");
}

async function refreshFigures(filters, signal) {
  const [stats, specifications] = await Promise.all([
    ask("/api/stats", { parameters: filters, signal }), askForCharts(filters, signal)]);
  if (signal.aborted) throw new DOMException("a newer question was asked", "AbortError");
  showBuild(stats.build);
  showFigures(stats, filters.has("status"));
  await drawCharts(specifications, stats.claim_count > 0);
  shownFilters = filters.toString();
  shownBuild = stats.build.built_at;
  form.received_from.min = form.received_to.min = stats.build.first_day;
  form.received_from.max = form.received_to.max = stats.build.last_day;
  announce(stats);
}

function announce({ claim_count, build }) {
  const text = claim_count
    ? `${formatCount(claim_count)} claims`
    : `No claims match the filters. Claims were received from ${formatDay(build.first_day)} to ${formatDay(build.last_day)}.`;
  document.getElementById("announcement").textContent = text;
  if (!claim_count) document.getElementById("scope").textContent = text;
}

function showForm(parameters) {
  for (const box of form.elements.status) box.checked = parameters.getAll("status").includes(box.value);
  for (const name of ["received_from", "received_to"]) form[name].value = parameters.get(name) ?? "";
  if (document.activeElement !== form.patient) form.patient.value = parameters.get("patient") ?? "";
  count.value = parameters.get("count") ?? "50";
}

function showProblem(error) {
  const lines = [element("strong", {}, `${error.message[0].toUpperCase()}${error.message.slice(1)}.`)];
  if (error.fix) lines.push(element("span", {}, "Try: ", element("code", {}, error.fix)));
  if (error.where) lines.push(element("span", { className: "note" }, error.where));
  problem.replaceChildren(...lines);
  problem.hidden = false;
  main.classList.add("stale");
  isAway = error.status === 0 || error.status >= 500;
  if (!(error.where || error.fix)) console.error(error);
}

function changeFilters({ replace = false } = {}) {
  const parameters = state();
  ["status", "received_from", "received_to", "patient", "offset"].forEach((name) => parameters.delete(name));
  for (const [name, value] of new FormData(form)) if (value.trim()) parameters.append(name, value.trim());
  go(parameters, { replace });
}

function changeList(changes) {
  const parameters = state();
  parameters.delete("offset");
  for (const [name, value] of Object.entries(changes)) {
    if (value) parameters.set(name, value);
    else parameters.delete(name);
  }
  go(parameters);
}

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
form.addEventListener("change", (event) => { if (event.target !== form.patient) changeFilters(); });
form.addEventListener("submit", (event) => { event.preventDefault(); changeFilters(); });
form.addEventListener("reset", (event) => {
  event.preventDefault();
  const kept = state();
  [...filtersOf(kept).keys(), "offset"].forEach((name) => kept.delete(name));
  form.patient.value = "";
  go(kept);
});
count.addEventListener("change", () => changeList({ count: count.value === "50" ? "" : count.value }));

async function suggestPatients(text) {
  if (!text) return;
  const parameters = new URLSearchParams({ patient: text, count: 8 });
  const { items } = await ask("/api/patients", { parameters }).catch(() => ({ items: [] })); // the list says what is wrong
  document.getElementById("patients").replaceChildren(...items.map((one) =>
    element("option", { value: one.patient_id }, `${one.first_name} ${one.last_name}, ${one.city}, ${one.state}`)));
}

document.getElementById("claims").addEventListener("click", ({ target }) => {
  const { sort, page, patient } = target.dataset ?? {};
  const parameters = state();
  const step = Number(parameters.get("count") ?? 50);
  const offset = Number(parameters.get("offset") ?? 0) + { next: step, previous: -step }[page];
  if (sort) changeList({ sort: sort === DEFAULT_SORT ? "" : sort });
  if (page) changeList({ offset: page === "first" || offset <= 0 ? "" : String(offset) });
  if (patient) { form.patient.value = patient; changeFilters(); }
});

addEventListener("popstate", () => refresh());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  forgetDrawings();
  refresh({ everything: true });
});

setInterval(async () => {
  if (document.hidden) return;
  const health = await ask("/health").catch(() => null); // the next question of the person says what is wrong
  if (health?.built_at && (isAway || health.built_at !== shownBuild)) refresh({ everything: true });
}, LOOK_FOR_A_NEW_BUILD_MS);

refresh();
