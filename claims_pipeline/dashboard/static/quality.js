// The tab Pipeline and quality: what the pipeline did last, and what the FHIR server holds.

import { element, keepingFocus, tableOf } from "./elements.js";
import { formatCount, formatDay, formatMoment } from "./format.js";

const STATES = { good: "Good", bad: "Look at it", never: "No report" };

export function showPipeline({ last_day, days_behind, steps, held, dagster_url }) {
  document.getElementById("behind").textContent = days_behind
    ? `The figures reach to ${formatDay(last_day)}: ${formatCount(days_behind)} ${days_behind === 1 ? "day" : "days"} behind yesterday.`
    : `The figures reach to ${formatDay(last_day)}; nothing is behind.`;
  const rows = steps.map(({ title, command, finished_at, state, summary }) => [
    title, element("span", { className: `state ${state}` }, STATES[state]), finished_at ? formatMoment(finished_at) : "–", summary,
    element("code", {}, command)]);
  const place = document.getElementById("steps");
  keepingFocus(place, () => place.replaceChildren(tableOf(["Step", "State", "Finished", "Result", "Command"], rows)));
  const counted = (value) => (value === null ? "–" : formatCount(value));
  document.getElementById("held").replaceChildren(held.length
    ? tableOf(["Resource type", "Loaded", "On the server", "Missing", "Changed"], held.map((one) =>
      [one.resource_type, counted(one.ledger), counted(one.server), counted(one.missing), counted(one.changed)]), { isNumeric: true })
    : element("p", { className: "empty" }, "The FHIR server was not compared yet: run ", element("code", {}, "claims reconcile --deep"), "."));
  document.getElementById("dagster").href = dagster_url;
}
