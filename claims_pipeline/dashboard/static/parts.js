// What each tab asks the API, and how it shows the answers.

import { ask, orProblem, withOthers } from "./api.js";
import { askForCharts, drawCharts } from "./charts.js";
import { choices } from "./choices.js";
import { askForDrivers, rankingOf, showDrivers } from "./drivers.js";
import { showCards, showChanges, showCourse, showVisitsWorthALook, showWorthALook } from "./overview.js";
import { askForMembers, askForProviders, showMembers, showProviders } from "./panels.js";
import { showPipeline } from "./quality.js";
import { claimsOf, DAYS, filtersOf, listOf, sortOf } from "./state.js";
import { showClaims, showColumns } from "./table.js";

// By tab: `subject` is what its answers depend on, `ask` returns them, `show` shows them. `askMore` and `showMore` are for
// what lies below the first screen: its answers are asked for at the same time, and shown when all else is there. They
// depend on `subjectOfMore` too, and are the only ones that are asked for if that changes.
export const PARTS = {
  overview: {
    subject: (parameters, filters) => filters,
    ask: (parameters, filters, signal) => {
      const ofClaims = withOthers(filters, { of: "claims" });
      return Promise.all([...["/api/cards", "/api/what-changed", "/api/anomalies", "/api/stats/cost-outliers"].map((path) =>
        ask(path, { parameters: filters, signal })), ask("/api/stats/cost-outliers", { parameters: ofClaims, signal })]);
    },
    show: ([cards, changes, anomalies, providers, claims], parameters) => {
      showCards(cards, DAYS.some((name) => parameters.has(name)));
      showChanges(changes);
      showWorthALook(anomalies, providers, claims, filtersOf(parameters).toString());
    },
    subjectOfMore: () => choices(),
    askMore: (filters, signal, isNewSubject) => askForCharts(filters, choices(), signal, { onlyChoices: !isNewSubject }),
    showMore: async (charts, hasClaims, filters, signal, isNewSubject) => {
      const course = isNewSubject ? ask("/api/stats/concentration/course", { parameters: filters, signal }) : null;
      course?.catch(() => {}); // awaited below, unless the drawing fails before
      await drawCharts(charts, hasClaims, signal);
      if (!course) return;
      showCourse("top_5_percent", (await course).items);
      const ofVisits = withOthers(filters, { of: "visits" });
      showVisitsWorthALook(await orProblem(ask("/api/stats/cost-outliers", { parameters: ofVisits, signal })), filters.toString());
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
    ask: (parameters, filters, signal) => ask("/api/claims", { parameters: claimsOf(parameters), signal }),
    show: (claims, parameters) => {
      showColumns(parameters.get("columns"));
      showClaims(claims, sortOf(parameters));
    },
  },
};
