// The page: shows what the address asks for, and goes to the address of what a person chooses.

import { ask, isAborted } from "./api.js";
import { onMark } from "./charts.js";
import { learnLabels, showChips } from "./chips.js";
import { choices, onChoice, showChoices } from "./choices.js";
import { showDetail } from "./detail.js";
import { announce, element } from "./elements.js";
import { NO_CLAIMS, whyEmpty } from "./empty.js";
import { showBuild, showFigures, showLoaded } from "./figures.js";
import { areDaysReversed, choose, daysWithoutData, onClear, sayAllWrong, sayDayWithoutData, sayWrong, sayWrongLink, showDays, showForm } from "./form.js";
import { capitalised, formatCount, formatDays } from "./format.js";
import { PARTS } from "./parts.js";
import { onFound } from "./search.js";
import { change, DAYS, DEFAULTS, FILTERS, filtersOf, isCountWrong, NOTHING_OPEN, onAddress, OPEN, PART, sortOf, state, without } from "./state.js";
import { onColumns, orderOf, partAt, rangeOf } from "./table.js";
import { onTab, showTab, tabOf } from "./tabs.js";
import { TOP_DRIVERS_CHOICE } from "./topdrivers.js";

const LOOK_FOR_A_NEW_BUILD_MS = 10_000;
const COPIED_MS = 3_000;

const main = document.querySelector("main");
const charts = document.getElementById("charts");
const problem = document.getElementById("problem");
const count = document.getElementById("count");
let running = new AbortController();
const shownSubjects = new Map(); // tab -> what its answers are about
const shownChoices = new Map(); // choice -> its value that is shown below the first screen
let shownFilters = null;
let shownTab = null;
let shownBuild = null;
let claimCount = 0;
let isPaging = false; // the person asked for another part or order of the table
let isAway = false; // the dashboard, or some of its figures: worth asking again, unlike what cannot be answered
let lookedForBuild = null; // that of the health check
let unanswerableBuild = null; // one whose figures are not asked for again by themselves

async function refresh({ everything = false, isNavigation = false } = {}) {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  let parameters = state();
  let outside = [];
  let showMore = null;
  showForm(parameters, isNavigation);
  const wrongChoices = [...showChoices(parameters), ...(isCountWrong() ? ["count"] : [])];
  sayAllWrong(Object.fromEntries(wrongChoices.map((name) => [name, ""])));
  count.value = parameters.get("count") ?? DEFAULTS.count;
  showTabOf(parameters);
  main.setAttribute("aria-busy", "true");
  charts.setAttribute("aria-busy", "true");
  charts.classList.add("earlier");
  try {
    outside = await daysWithoutData(parameters, signal, everything);
    if (outside.length) parameters = without(parameters, [...outside, ...PART]);
    showMore = await show(parameters, signal, everything);
    sayAllIsWell();
  } catch (error) {
    if (isAborted(error)) return;
    if (error.status === 422) showMore = await showWithoutWrong(parameters, error, signal);
    else showProblem(error);
  }
  if (signal.aborted) return;
  outside.forEach(sayDayWithoutData);
  main.removeAttribute("aria-busy");
  try {
    await showMore?.();
    charts.classList.remove("stale");
  } catch (error) {
    if (isAborted(error)) return;
    charts.classList.add("stale"); // the first screen is right, and stays
    tellProblem(error);
  }
  charts.removeAttribute("aria-busy");
  charts.classList.remove("earlier");
}

// Shows what the filters and the tab ask for, and returns what shows the rest of it.
async function show(parameters, signal, everything) {
  const filters = filtersOf(parameters);
  const tab = tabOf(parameters);
  const part = PARTS[tab];
  const subject = part.subject(parameters, filters).toString();
  if (everything) shownSubjects.clear();
  const isNewCount = everything || filters.toString() !== shownFilters;
  const isNewSubject = shownSubjects.get(tab) !== subject;
  const askedStats = isNewCount ? ask("/api/stats", { parameters: filters, signal }) : null;
  const asked = isNewSubject ? part.ask(parameters, filters, signal) : null;
  for (const kind of ["csv", "parquet"]) document.getElementById(kind).href = `/api/export.${kind}?${filters}`; // before any answer
  asked?.catch(() => {}); // awaited below, unless the figures fail before
  const stats = await askedStats;
  signal.throwIfAborted();
  if (stats) showStats(stats, filters); // they come first: what the tab asks takes longer
  showChips(parameters, showDays(parameters, stats?.build));
  if (stats && !claimCount) showNone(stats.build);
  const answers = await asked;
  signal.throwIfAborted();
  if (answers) {
    shownSubjects.delete(tab); // aborted from here on, the tab may show the new answers: they are asked for again
    await part.show(answers, parameters, claimCount);
  }
  for (const place of document.querySelectorAll(`[data-of=${tab}].waiting`)) place.classList.remove("waiting");
  await showDetail(parameters, signal);
  if (isPaging && tab === "claims" && answers) {
    document.querySelector("#claims .scroll").scrollTop = 0;
    announce(`Claims ${rangeOf(answers)}, ${orderOf(sortOf(parameters))}`);
  }
  isPaging = false;
  main.classList.remove("stale");
  return async () => {
    const chosen = [...part.choices?.() ?? []];
    const changed = chosen.filter(([name, value]) => shownChoices.get(name) !== value).map(([name]) => name);
    if (isNewSubject || changed.length) {
      changed.forEach((name) => shownChoices.delete(name)); // as above: a chart that is being drawn is finished although it is aborted
      const isWhole = await part.showMore?.(claimCount > 0, filters, signal, isNewSubject ? null : changed) ?? true;
      signal.throwIfAborted();
      isAway = !isWhole;
      if (isAway) return; // what is missing is asked for again
    }
    signal.throwIfAborted();
    shownSubjects.set(tab, subject);
    chosen.forEach(([name, value]) => shownChoices.set(name, value));
  };
}

// A wrong field never blanks the page: it is said at the field, and the rest of the filters counts.
// Another question may find another field wrong: `sayEarlier` says what was found before.
async function showWithoutWrong(parameters, problemFound, signal, sayEarlier = () => {}) {
  const { parameters: wrong, message } = problemFound;
  const named = Object.keys(wrong).map((name) => name.split(".")[0]);
  const areReversed = !named.length && areDaysReversed(parameters);
  const isOfFilters = !named.length || named.some((name) => FILTERS.includes(name));
  const rest = without(parameters, [...(areReversed ? DAYS : named), ...(isOfFilters ? PART : [])]);
  const say = () => {
    sayEarlier();
    if (areReversed) sayWrong("received_to", "The first day is later than the last: the days do not count.");
    else if (!named.length) sayWrongLink(parameters, message);
    sayAllWrong(wrong);
  };
  try {
    if (rest.toString() === parameters.toString()) throw problemFound;
    const showMore = await show(rest, signal, false);
    sayAllIsWell();
    say();
    return showMore;
  } catch (error) {
    if (error.status === 422 && error !== problemFound) return showWithoutWrong(rest, error, signal, say);
    if (!isAborted(error)) showProblem(error);
    return null;
  }
}

function showStats(stats, filters) {
  showBuild(stats.build);
  if (shownBuild !== stats.build.built_at) ask("/api/pipeline").then(showLoaded, () => {}); // the tab of the pipeline says what is wrong
  learnLabels(stats.chosen);
  showFigures(stats, filters.has("status"), filters.toString() === shownFilters);
  if (shownBuild && shownBuild !== stats.build.built_at) announce("New data are shown.");
  else announceCount(stats);
  claimCount = stats.claim_count;
  shownFilters = filters.toString();
  shownSubjects.delete("overview"); // its changes stood beside the figures that are replaced
  shownBuild = stats.build.built_at;
}

function announceCount({ claim_count, build }) {
  announce(claim_count ? `${formatCount(claim_count)} claims` : `${whyNone(build)} Remove a filter, or choose other days.`);
}

const whyNone = ({ first_day, last_day }) => `${NO_CLAIMS} Claims were received from ${formatDays(first_day, last_day)}.`;

function showNone(build) {
  const scope = document.getElementById("scope");
  scope.classList.add("none");
  scope.replaceChildren(...whyEmpty(whyNone(build)));
}

function showTabOf(parameters) {
  const tab = tabOf(parameters);
  showTab(tab, without(parameters, ["tab", ...OPEN, ...PART]));
  if (shownTab && tab !== shownTab) dispatchEvent(new Event("resize")); // charts that were hidden take the page's width
  shownTab = tab;
}

function sayAllIsWell() {
  isAway = false;
  unanswerableBuild = null;
  problem.hidden = true;
}

function showProblem(error) {
  tellProblem(error);
  main.classList.toggle("stale", shownFilters === null || error.status === 0 || error.status >= 500);
  if (!error.isPassing) unanswerableBuild = lookedForBuild;
}

function tellProblem(error) {
  const lines = [element("strong", {}, `${capitalised(error.message)}.`)];
  if (error.fix) lines.push(element("span", {}, "Try: ", element("code", {}, error.fix)));
  if (error.where) lines.push(element("span", { className: "note" }, error.where));
  problem.replaceChildren(...lines);
  problem.hidden = false;
  isAway = Boolean(error.isPassing);
  if (!(error.where || error.fix)) console.error(error);
}

function changeList(changes) {
  isPaging = true;
  change(changes, { clearPart: true });
}

for (const name of ["by", "measure"]) {
  const field = document.getElementById(name);
  field.addEventListener("change", () => change({ [name]: field.value }));
}

// What a button in a figure, ranking or list leads to: a filter, other days, or the dialog.
for (const place of document.querySelectorAll("[data-of=overview], [data-of=drivers], [data-of=members], [data-of=providers]")) {
  place.addEventListener("click", ({ target }) => {
    const { dimension, value, claim, practitioner, from, to, ranking } = target.closest("button")?.dataset ?? {};
    if (dimension) choose(dimension, value);
    if (claim) change({ claim });
    if (practitioner) change({ practitioner });
    if (from) change({ received_from: from, received_to: to }, { clearPart: true });
    if (ranking) {
      change({ tab: "drivers", by: ranking, measure: choices().get(TOP_DRIVERS_CHOICE) });
      main.focus(); // the heading that was clicked is on another tab
    }
  });
}

onMark((dimension, value) => {
  if (OPEN.includes(dimension)) change({ ...NOTHING_OPEN, [dimension]: value });
  else choose(dimension, value);
});

onChoice((changes) => change(changes));

const KINDS_OF_PAGES = { claim: "claim", patient: "person", provider: "practitioner" };
onFound((kind, value) => {
  if (kind in KINDS_OF_PAGES) change({ [KINDS_OF_PAGES[kind]]: value });
  else change({ [kind]: value }, { clearPart: true });
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

const detail = document.getElementById("detail");
detail.addEventListener("close", () => {
  const focused = document.activeElement;
  if (focused === document.body || detail.contains(focused)) main.focus({ preventScroll: true }); // what opened it is gone
  change(NOTHING_OPEN);
});
detail.addEventListener("click", ({ target }) => {
  if (target === detail || "close" in target.dataset) detail.close(); // the dialog itself is what lies around its content
  const { open, id, only, value } = target.dataset;
  if (open) change({ ...NOTHING_OPEN, [open]: id });
  if (only) change({ ...NOTHING_OPEN, [only]: value, tab: "claims" }, { clearPart: true });
});

document.getElementById("claims").addEventListener("click", ({ target }) => {
  const isMarkingText = !getSelection().isCollapsed;
  const { sort, page, person, claim, practitioner } = target.closest("button, tbody tr")?.dataset ?? {};
  if (claim && !isMarkingText) change({ claim });
  if (person) change({ person });
  if (practitioner) change({ practitioner });
  if (sort) changeList({ sort });
  if (page && partAt(page)) {
    const part = partAt(page);
    changeList(Object.fromEntries(PART.map((name) => [name, part.get(name)])));
  }
});
count.addEventListener("change", () => changeList({ count: count.value }));

onTab((tab) => change({ tab, ...NOTHING_OPEN }, { clearPart: true }));

onColumns((columns) => change({ columns }));

onClear(() => refresh({ everything: shownFilters === null }));

onAddress(refresh);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => refresh({ everything: true }));

document.getElementById("reload").addEventListener("click", () => location.reload());

setInterval(async () => {
  if (document.hidden) return;
  const health = await ask("/health").catch(() => null); // the next question of the person says what is wrong
  document.getElementById("upgraded").hidden = !health?.version || health.version === document.documentElement.dataset.version;
  const isMissing = isAway && !charts.hasAttribute("aria-busy"); // a question that still runs may bring it
  lookedForBuild = health?.built_at ?? null;
  const isNew = ![shownBuild, unanswerableBuild].includes(lookedForBuild);
  if (lookedForBuild && (isMissing || isNew)) refresh({ everything: true });
}, LOOK_FOR_A_NEW_BUILD_MS);

refresh();
