// The page's state is its address: filters, tab, order and part of the table, what is open. All that is shown follows.

import { CHOICE_DEFAULTS } from "./choices.js";
import { FILTERING } from "./dimensions.js";
import { DRIVER_DEFAULTS } from "./drivers.js";
import { ROW_COUNTS, TABLE_DEFAULTS } from "./table.js";
import { TAB_DEFAULTS } from "./tabs.js";

export const DAYS = ["received_from", "received_to"];
export const FIELDS = ["status", ...DAYS, "patient", "basis", "compare"]; // of the form
export const FILTERS = [...FIELDS, ...FILTERING];
const REPEATED = ["status", ...FILTERING];
export const CHOICES = Object.keys(CHOICE_DEFAULTS); // what single charts and sections show
export const PART = ["after", "before", "offset"]; // which part of the table
export const DEFAULTS = { basis: "received", compare: "before", count: "50", sort: "-received_date", ...CHOICE_DEFAULTS, ...DRIVER_DEFAULTS, ...TAB_DEFAULTS, ...TABLE_DEFAULTS };
export const OPEN = ["claim", "person", "practitioner"]; // what is open in the dialog
export const NOTHING_OPEN = Object.fromEntries(OPEN.map((name) => [name, ""]));
const VIEW = ["tab", "by", "measure", "columns", ...CHOICES, ...OPEN]; // what is shown: the tab, its ranking, the dialog
const LIST = ["sort", "count", ...PART]; // what concerns the table only

let show = () => {};

// Calls `listener` when the address changes; with isNavigation when by back or forward.
export function onAddress(listener) {
  show = listener;
  addEventListener("popstate", () => listener({ isNavigation: true }));
}

// What the address asks for. A parameter that the page does not know, such as utm_source, is somebody else's. Of a parameter
// with one value that a link has twice, the first counts.
export function state() {
  const known = new URLSearchParams();
  const seen = new Set(); // the default of a parameter counts too, though it is left out
  for (const [name, value] of new URLSearchParams(location.search)) {
    const isKnown = [...FILTERS, ...LIST, ...VIEW].includes(name) && (name !== "count" || isRowCount(value));
    if (!isKnown || !value.trim() || (seen.has(name) && !REPEATED.includes(name))) continue;
    seen.add(name);
    if (value !== DEFAULTS[name]) known.append(name, value.trim());
  }
  return known;
}

const isRowCount = (value) => ROW_COUNTS.includes(value.trim());

// Whether a link has a number of rows that the table does not offer, which state() leaves out.
export const isCountWrong = () => new URLSearchParams(location.search).getAll("count").some((value) => value.trim() && !isRowCount(value));

export const filtersOf = (parameters) => without(parameters, [...LIST, ...VIEW]);
export const listOf = (parameters) => without(parameters, [...FILTERS, ...VIEW]);
export const claimsOf = (parameters) => without(parameters, VIEW);
export const sortOf = (parameters) => parameters.get("sort") ?? DEFAULTS.sort;

// Returns the parameters without some names.
export function without(parameters, names) {
  const rest = new URLSearchParams(parameters);
  names.forEach((name) => rest.delete(name));
  return rest;
}

export function go(parameters, { replace = false } = {}) {
  const query = parameters.toString();
  if (query === state().toString()) return;
  history[replace ? "replaceState" : "pushState"](null, "", query ? `?${query}` : location.pathname);
  show();
}

// Goes to the address with some parameters changed; an empty value is the default. `clearPart`: from the table's first part.
export function change(changes, { clearPart = false } = {}) {
  const parameters = without(state(), clearPart ? PART : []);
  for (const [name, value] of Object.entries(changes)) {
    if (value && value !== DEFAULTS[name]) parameters.set(name, value);
    else parameters.delete(name);
  }
  go(parameters);
}
