// The tabs are links: each shows its parts of the page, and its address keeps the filters.

const links = [...document.querySelectorAll("#tabs [data-tab]")];
const FIRST = links[0].dataset.tab;

export const TAB_DEFAULTS = { tab: FIRST };

// Returns the tab of the address; one that does not exist is the first.
export function tabOf(parameters) {
  const name = parameters.get("tab");
  return links.some((link) => link.dataset.tab === name) ? name : FIRST;
}

// Shows the parts of a tab. `kept` is what the other tabs' addresses take over.
export function showTab(name, kept) {
  document.body.dataset.tab = name;
  document.querySelector("main").classList.remove("unready");
  for (const part of document.querySelectorAll("[data-of]")) part.hidden = part.dataset.of !== name;
  for (const link of links) {
    const address = new URLSearchParams(kept);
    if (link.dataset.tab !== FIRST) address.set("tab", link.dataset.tab);
    link.href = address.size ? `?${address}` : location.pathname;
    if (link.dataset.tab === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

// Calls `open` with the tab that is clicked; a click that asks for a new window stays the browser's.
export function onTab(open) {
  document.getElementById("tabs").addEventListener("click", (event) => {
    const link = event.target.closest("[data-tab]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    open(link.dataset.tab);
  });
}
