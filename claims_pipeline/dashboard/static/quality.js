// The tab Pipeline and quality: what the pipeline did last, its checks, and the lake against the FHIR server.

import { ask } from "./api.js";
import { element, keepingFocus, linkTo, sqlOf, tableOf } from "./elements.js";
import { capitalised, formatCount, formatDay, formatMoment, inWords } from "./format.js";

const STATES = { good: "Good", bad: "Needs attention", never: "No report" };

export function showPipeline({ last_day, days_behind, steps, checks, held, dagster_url }) {
  const stepOf = (kind) => steps.find((one) => one.kind === kind);
  const behind = days_behind ? `The figures reach to ${formatDay(last_day)}: ${formatCount(days_behind)} ${days_behind === 1 ? "day" : "days"} behind yesterday. `
    : `The figures reach to ${formatDay(last_day)}; nothing is behind. `;
  document.getElementById("behind").replaceChildren(behind, linkTo(stepOf("generate").dagster_url, "Partitions in Dagster"));
  const rows = steps.map(({ title, command, finished_at, state, summary, dagster_url }) => [
    title, element("span", { className: `state ${state}` }, STATES[state]), finished_at ? formatMoment(finished_at) : "–", finished_at ? summary : "–",
    element("code", {}, command), linkTo(dagster_url, "Dagster", { "aria-label": `Dagster: ${title}` })]);
  const place = document.getElementById("steps");
  keepingFocus(place, () => place.replaceChildren(tableOf(["Step", "State", "Finished", "Result", "Command", "Also in"], rows)));
  const rowChecks = document.getElementById("row-checks");
  keepingFocus(rowChecks, () => rowChecks.replaceChildren(checks.length ? tableOfChecks(checks)
    : element("p", { className: "empty" }, "The lake's rows were not checked yet: run ", element("code", {}, "claims quality"), ".")));
  showHeld(held, stepOf("reconcile"));
  document.getElementById("dagster").replaceChildren(linkTo(dagster_url, dagster_url));
}

function showHeld(held, comparison) {
  const counted = (value) => (value === null ? "–" : formatCount(value));
  document.getElementById("compared-at").replaceChildren(comparison.finished_at ? `Compared ${formatMoment(comparison.finished_at)}. ` : "",
    linkTo(comparison.dagster_url, "The comparison in Dagster"));
  document.getElementById("held").replaceChildren(tableOf(["Resource type", "Difference", "Lake", "Ledger", "FHIR server"], held.map((one) =>
    [one.resource_type, differencesOf(one), counted(one.lake), counted(one.ledger), counted(one.server)]), { isNumeric: true, textColumns: 2 }));
}

function differencesOf({ differences, missing }) {
  if (!differences.length) return element("span", { className: "state good" }, missing === null ? "The same number" : "The same number; the server has what was loaded");
  return element("div", {}, ...differences.map(({ text, command }) => element("div", {},
    element("span", { className: `state ${command ? "warn" : "never"}` }, text), ...(command ? [" Try: ", element("code", {}, command)] : []))));
}

function tableOfChecks(checks) {
  const state = (one) => (one.finding_count ? element("span", { className: `state ${one.blocks ? "bad" : "warn"}` }, one.blocks ? "Fails" : "Warning")
    : element("span", { className: "state good" }, "Passes"));
  return tableOf(["Check", "State", "Rows that fail", "Rule"], checks.map((one) =>
    [linkTo(one.dagster_url, inWords(one.name), { title: "In Dagster", "data-key": one.name }), state(one), formatCount(one.finding_count), one.sql ? element("div", {}, one.meaning, sqlOf(one.sql, inWords(one.name))) : one.meaning]));
}

// The checks of the tables take a second or more: they run when a person asks for them.
const run = document.getElementById("run-model-checks");
run.addEventListener("click", async () => {
  const place = document.getElementById("model-checks");
  run.disabled = true;
  place.replaceChildren(element("p", { className: "empty" }, "The checks run."));
  try {
    place.replaceChildren(tableOfChecks(await ask("/api/pipeline/model-checks")));
  } catch (error) {
    place.replaceChildren(element("p", { className: "empty" }, `${capitalised(error.message)}.`));
  }
  run.disabled = false;
  place.focus({ preventScroll: true });
});
