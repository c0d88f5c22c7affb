// Worth a look: days, providers, claims and visits that are far from what is usual, with the reason in words.

import { ask, askForList, isStillMissing, orProblem, withOthers } from "./api.js";
import { element, keepingFocus } from "./elements.js";
import { NO_CLAIMS, whyEmpty } from "./empty.js";
import { capitalised, formatCount, formatDay } from "./format.js";
import { takeAway } from "./take.js";

const look = document.getElementById("look");
const lookSql = document.getElementById("look-sql");
const SHOWN_OF_A_KIND = 4;
export const MOST_OUTLIERS = 50_000; // that the API returns
const list = new Intl.ListFormat("en-US");
const NOTHING = "Nothing here is far from what is usual. Few days, or few claims, leave little to compare with.";
let shownFilters = null;

// By what people call it: `of`, the API's name of these outliers; `rows` of an answer, each a title, a reason and what a click
// opens; `are`, what the rows are, where not all of them are shown.
const KINDS = {
  "days and weeks": { rows: rowsOfDays, are: "days and weeks" },
  providers: { of: "providers", rows: rowsOfProviders, are: "providers by charges" },
  claims: { of: "claims", rows: rowsOfClaims, are: "claims by charges" },
  visits: { of: "visits", rows: rowsOfVisits, are: "providers by visits" },
};

// Asks for all kinds; one whose answer is missing is a Problem.
export function askForLook(filters, signal) {
  return Promise.all(Object.values(KINDS).map(({ of }) => orProblem(of
    ? askForList("/api/stats/cost-outliers", { parameters: withOthers(filters, { of }), signal, most: MOST_OUTLIERS })
    : ask("/api/anomalies", { parameters: filters, signal }))));
}

// What is worth a look is known after the figures. Until then that of an earlier build stays, but not that of other filters.
export function awaitLook(filters) {
  if (filters.toString() === shownFilters) return;
  shownFilters = null;
  const note = element("li", { className: "note looking" }, "Comparing days, providers, claims and visits with what is usual.");
  keepingFocus(look, () => look.replaceChildren(note));
  keepingFocus(lookSql, () => lookSql.replaceChildren());
}

// Shows what is worth a look, and returns whether no answer is still missing.
export function showLook(answers, filters, hasClaims) {
  const kinds = Object.entries(KINDS).map(([name, kind], index) => ({ ...kind, name, answer: answers[index] }));
  const rows = kinds.flatMap(({ name, rows: rowsOf, answer }) => (answer instanceof Error
    ? [noteOf(`The ${name} are missing here. ${capitalised(answer.message)}.`)]
    : rowsOf(answer.items).slice(0, SHOWN_OF_A_KIND).map(toLookAt)));
  const away = kinds.filter(({ answer }) => answer.sql).map(({ name, answer: { items, all, sql } }) =>
    takeAway({ name: `unusual-${name.replaceAll(" ", "-")}`, title: `the unusual ${name}`, text: `SQL of the ${name}`, sql, items, all }));
  const parts = kinds.flatMap(partOf);
  const shown = parts.length ? [...rows, noteOf(`Listed are the first ${list.format(parts)}.`)] : rows;
  keepingFocus(look, () => look.replaceChildren(...(rows.length ? shown : [noteOf(...(hasClaims ? whyEmpty(NOTHING) : [NO_CLAIMS]))])));
  keepingFocus(lookSql, () => lookSql.replaceChildren(...away));
  shownFilters = filters.toString();
  return !answers.some(isStillMissing);
}

// Says how many of a kind are listed of how many, if not all are.
function partOf({ rows, are, answer }) {
  if (answer instanceof Error) return [];
  const total = answer.total ?? rows(answer.items).length;
  return total > SHOWN_OF_A_KIND ? [`${SHOWN_OF_A_KIND} of ${formatCount(total)} ${are}`] : [];
}

// Days and weeks that no holiday explains come first; one that is unusual in several measures comes once.
function rowsOfDays(items) {
  const isFirstOfItsDays = (one, index, all) => index === all.findIndex((other) => other.grain === one.grain && other.first_day === one.first_day);
  return [...items].sort((one, other) => Boolean(one.holidays.length) - Boolean(other.holidays.length)).filter(isFirstOfItsDays)
    .map(({ grain, first_day, last_day, reason }) => [grain === "day" ? formatDay(first_day) : `Week from ${formatDay(first_day)}`, reason,
      { "data-from": first_day, "data-to": last_day }]);
}

function rowsOfProviders(items) {
  return items.map(({ label, value, reason }) => [label, reason, { "data-practitioner": value }]);
}

function rowsOfClaims(items) {
  return [...items].sort((one, other) => other.score - one.score).map(({ value, reason }) => [value, reason, { "data-claim": value }]);
}

// A provider may be among those of unusual charges too, so the key of the focus is another.
function rowsOfVisits(items) {
  return items.map(({ label, value, reason }) => [label, reason, { "data-practitioner": value, "data-key": `visits ${value}` }]);
}

const noteOf = (...text) => element("li", { className: "note" }, ...text);

const toLookAt = ([title, reason, target]) => element("li", {},
  element("button", { type: "button", className: "link", "data-key": title, ...target }, title), ` ${reason}.`);
