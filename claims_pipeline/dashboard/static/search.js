// The search box: what a text may mean, as a list under it. Arrow keys choose, Enter opens, Escape closes.

import { ask, isAborted } from "./api.js";
import { element } from "./elements.js";
import { capitalised } from "./format.js";

const PAUSE_MS = 200;
const box = document.getElementById("search");
const list = document.getElementById("found");
let pause;
let running = new AbortController();
let active = -1;
let shownFor = ""; // the text that the list answers

const options = () => [...list.querySelectorAll("[role=option]")];

function close() {
  list.hidden = true;
  active = -1;
  box.setAttribute("aria-expanded", "false");
  box.removeAttribute("aria-activedescendant");
}

async function search() {
  running.abort();
  running = new AbortController();
  const text = box.value.trim();
  if (!text) return close();
  let found = [];
  let instead = "Nothing has this id, name or code. Try a part of an id, a last name, or a code such as 99213 or I10.";
  try {
    found = await ask("/api/search", { parameters: new URLSearchParams({ q: text }), signal: running.signal });
  } catch (error) {
    if (isAborted(error)) return undefined;
    instead = `${capitalised(error.message)}.`;
  }
  active = -1;
  shownFor = text;
  box.removeAttribute("aria-activedescendant");
  const rows = found.map(({ kind, value, label, note }, index) => element("li", { id: `found-${index}`, role: "option",
    "aria-selected": "false", "data-kind": kind, "data-value": value }, element("strong", {}, label), ` ${note}`));
  list.replaceChildren(...(rows.length ? rows : [element("li", { role: "option", "aria-disabled": "true" }, instead)]));
  list.hidden = false;
  box.setAttribute("aria-expanded", "true");
  return undefined;
}

function choose(index) {
  const rows = options();
  active = (index + rows.length) % rows.length;
  rows.forEach((row, place) => row.setAttribute("aria-selected", String(place === active)));
  box.setAttribute("aria-activedescendant", rows[active].id);
  rows[active].scrollIntoView({ block: "nearest" });
}

// Calls `open` with what was chosen: its kind and value.
export function onFound(open) {
  const take = (row) => {
    if (!row?.dataset.kind) return;
    box.value = "";
    close();
    open(row.dataset.kind, row.dataset.value);
  };
  box.addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(search, PAUSE_MS); });
  box.addEventListener("keydown", async (event) => {
    if (event.key === "Escape") close();
    else if (event.key === "Enter") {
      event.preventDefault();
      clearTimeout(pause);
      if (list.hidden || shownFor !== box.value.trim()) await search();
      take(options()[Math.max(active, 0)]);
    } else if (["ArrowDown", "ArrowUp"].includes(event.key) && options().length) {
      event.preventDefault();
      choose(active + (event.key === "ArrowDown" ? 1 : active < 0 ? 0 : -1));
    }
  });
  box.addEventListener("blur", () => setTimeout(close, 150));
  list.addEventListener("mousedown", (event) => { event.preventDefault(); take(event.target.closest("[role=option]")); });
}
