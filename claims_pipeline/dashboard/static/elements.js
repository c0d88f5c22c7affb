// One way to make an element: its name, its properties, what it holds. Text stays text.

import { formatCount } from "./format.js";

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [property, value] of Object.entries(properties)) {
    if (property in made) made[property] = value;
    else made.setAttribute(property, value);
  }
  made.append(...children);
  return made;
}

const THIS_MACHINE = ["127.0.0.1", "localhost", "[::1]"];

// A link to a service. The dashboard knows those of its own machine as 127.0.0.1, which is another machine for a reader
// elsewhere: there it is a text.
export function linkTo(address, text, properties = {}) {
  const isThere = !THIS_MACHINE.includes(new URL(address).hostname) || THIS_MACHINE.includes(location.hostname);
  return isThere ? element("a", { href: address, rel: "noreferrer", ...properties }, text)
    : element("span", {}, text === address ? `${address} (on the machine of the dashboard)` : text);
}

// Says a text to a screen reader.
export function announce(text) {
  document.getElementById("announcement").textContent = text;
}

// What an element is among those of its place, also when it is made anew.
const keyOf = (one) => one.dataset.key || one.getAttribute("aria-label") || one.getAttribute("class") || one.textContent;

// Replaces what a place holds. What was folded open stays open, and the focus goes to what stands where the focused element
// stood, else to the summary of its fold, or of a place that folds, else to the place.
export function keepingFocus(place, replace) {
  const focused = document.activeElement;
  const isInside = place.contains(focused) && focused !== place;
  const key = isInside ? keyOf(focused) : null;
  const fold = isInside ? focused.closest("details")?.firstElementChild : null;
  const opened = [...place.querySelectorAll("details[open] > summary")].map(keyOf);
  replace();
  const summaries = [...place.querySelectorAll("details > summary")];
  for (const summary of summaries) if (opened.includes(keyOf(summary))) summary.parentElement.open = true;
  if (!isInside || place.contains(document.activeElement)) return;
  const selector = "button, a[href], summary, [tabindex]";
  const same = [...place.querySelectorAll(selector)].find((one) => keyOf(one) === key);
  const instead = [fold && summaries.find((one) => keyOf(one) === keyOf(fold)), place.querySelector(":scope > summary"), place.closest("[tabindex]"), place];
  for (const one of [same, ...instead].filter(Boolean)) {
    one.focus({ preventScroll: true });
    if (document.activeElement === one) return; // what is hidden does not take it
  }
}

// The query of a figure, that gives the same on a copy of analytics.duckdb.
export function sqlOf(sql, title, text = "SQL") {
  return element("details", { className: "sql" }, element("summary", { "aria-label": `SQL of ${title}`, "data-key": `sql ${title}` }, text),
    element("pre", { tabIndex: 0, "data-key": `query ${title}` }, sql));
}

// What a figure means, for whoever asks: from the keyboard, by touch, with a screen reader.
export function meaningOf(title, meaning) {
  return element("details", {}, element("summary", { "aria-label": `Meaning of ${title}`, "data-key": `meaning ${title}` }, "Meaning"),
    element("p", {}, `${meaning} `, element("a", { href: "/figures#the-figures" }, "All figures")));
}

// Adds another query to a place of one figure, or replaces the one of the same title; without a query, nothing.
export function addSql(place, title, sql) {
  if (!place || !sql) return;
  const key = `${place.dataset.sqlOf} ${title}`;
  const shown = [...place.querySelectorAll("pre")].find((one) => one.dataset.key === key);
  if (shown) shown.textContent = sql;
  else place.append(element("p", { className: "note" }, title), element("pre", { tabIndex: 0, "data-key": key }, sql));
}

// Says how many rows there are, where not all of them are shown.
export const moreOf = (shown, all) => (all > shown ? element("p", { className: "note" }, `The first ${formatCount(shown)} of ${formatCount(all)}`) : "");

const LONGEST_LINE = 24; // characters of a cell; longer ones are wrapped

// A table that scrolls in its own place; its parts name their roles, because a phone shows some of them as blocks. A cell
// is a text or an element; with isNumeric all columns but the first `textColumns` are numbers.
export function tableOf(head, rows, { isNumeric = false, textColumns = 1, label = head[0] || head[1] } = {}) {
  const className = (index, value = "") => (isNumeric && index >= textColumns ? "number" : (value instanceof Node ? value.textContent : String(value)).length > LONGEST_LINE ? "long" : "");
  return element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": label },
    element("table", { role: "table" },
      element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...head.map((title, index) => (title
        ? element("th", { role: "columnheader", scope: "col", className: className(index) }, title)
        : element("td", { role: "cell" }))))),
      element("tbody", { role: "rowgroup" }, ...rows.map((row) => element("tr", { role: "row" }, ...row.map((value, index) =>
        element("td", { role: "cell", className: className(index, value), "data-title": head[index] }, value instanceof Node ? value : String(value))))))));
}

// A value in a table: a provider's name opens the provider, any other value filters by it.
export function valueOf(dimension, value, label) {
  const leads = dimension === "provider" ? { "data-practitioner": value, title: "Open the provider" }
    : { "data-dimension": dimension, "data-value": value, title: `Only claims with ${label}` };
  return element("button", { type: "button", className: "link", "data-key": value, ...leads }, label);
}
