// What stands where there is nothing to show: why, and what to try.

import { element } from "./elements.js";

export const NO_CLAIMS = "No claims match the filters.";

// A reason with buttons that take each filter away, or all; without filters the reason alone.
export function whyEmpty(reason) {
  const buttonOf = (shown, text) => element("button", { type: "button", className: "chip", "aria-label": shown.ariaLabel ?? text, onclick: () => shown.click() }, text);
  const chips = [...document.querySelectorAll("#chips button")];
  if (!chips.length) return [reason];
  return [`${reason} Remove a filter:`, ...chips.map((chip) => buttonOf(chip, chip.textContent)),
    ...(chips.length > 1 ? [buttonOf(document.querySelector("#filters [type=reset]"), "Clear all")] : [])].flatMap((part) => [part, " "]);
}
