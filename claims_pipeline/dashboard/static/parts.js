// What each tab asks the API, and how it shows the answers.

import { ask, orProblem } from "./api.js";
import { askForCharts, drawCharts } from "./charts.js";
import { choices } from "./choices.js";
import { askForDrivers, rankingOf, showDrivers } from "./drivers.js";
import { askForLook, awaitLook, showLook } from "./look.js";
import { showCards, showChanges, showTrends } from "./overview.js";
import { askForMembers, askForProviders, showMembers, showMoreOfMembers, showMoreOfProviders, showProviders } from "./panels.js";
import { showPipeline } from "./quality.js";
import { claimsOf, DAYS, filtersOf, listOf, sortOf } from "./state.js";
import { showClaims, showColumns } from "./table.js";
import { awaitTopDrivers, showTopDrivers, TOP_DRIVERS_CHOICE } from "./topdrivers.js";

// By tab: `subject` is what its answers depend on, `ask` returns them, `show` shows them. `showMore` asks for the rest when the
// first screen is shown, which would wait for it if all were asked for at once, shows it, and returns whether none of it is
// still missing, that is worth asking again. The rest depends on `choices` too: if only some of them change, `showMore` gets their
// names and asks for nothing else.
export const PARTS = {
  overview: {
    subject: (parameters, filters) => filters,
    ask: (parameters, filters, signal) => Promise.all(["/api/cards", "/api/what-changed"].map((path) =>
      ask(path, { parameters: filters, signal }))),
    show: ([cards, changes], parameters) => {
      showCards(cards, filtersOf(parameters), DAYS.some((name) => parameters.has(name)));
      showChanges(changes);
      awaitLook(filtersOf(parameters));
      awaitTopDrivers(filtersOf(parameters));
    },
    choices,
    showMore: async (hasClaims, filters, signal, changed) => {
      const charts = askForCharts(filters, choices(), signal, changed);
      let later = true;
      if (!changed) later = charts.catch(() => {}).then(() => showLater(hasClaims, filters, signal)); // while they are drawn
      else if (changed.includes(TOP_DRIVERS_CHOICE)) later = showTopDrivers(filters, signal);
      Promise.resolve(later).catch(() => {}); // awaited below, unless the charts fail before
      await drawCharts(await charts, hasClaims, signal);
      return later;
    },
  },
  drivers: {
    subject: (parameters, filters) => `${Object.values(rankingOf(parameters))} ${filters}`,
    ask: askForDrivers,
    show: showDrivers,
  },
  members: {
    subject: (parameters, filters) => filters,
    ask: (parameters, filters, signal) => askForMembers(filters, signal),
    show: showMembers,
    showMore: showMoreOfMembers,
  },
  providers: {
    subject: (parameters, filters) => filters,
    ask: (parameters, filters, signal) => askForProviders(filters, signal),
    show: showProviders,
    showMore: showMoreOfProviders,
  },
  quality: {
    subject: () => Date.now(), // what the pipeline did last is asked each time
    ask: (parameters, filters, signal) => ask("/api/pipeline", { signal }),
    show: showPipeline,
  },
  claims: {
    subject: (parameters, filters) => `${parameters.get("columns")} ${listOf(parameters)} ${filters}`,
    ask: (parameters, filters, signal) => ask("/api/claims", { parameters: claimsOf(parameters), signal }),
    show: (claims, parameters) => {
      showColumns(parameters.get("columns"));
      showClaims(claims, sortOf(parameters));
    },
  },
};

// Asks for what takes longer than the figures and the charts, shows each when it is there, and returns whether all is.
async function showLater(hasClaims, filters, signal) {
  const isThere = await Promise.all([
    showTopDrivers(filters, signal),
    orProblem(ask("/api/cards/trends", { parameters: filters, signal })).then((answer) => showTrends(answer, filters)),
    askForLook(filters, signal).then((answers) => showLook(answers, filters, hasClaims))]);
  return isThere.every(Boolean);
}
