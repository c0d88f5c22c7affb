// One way to make an element: its name, its properties, what it holds. Text stays text.

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [property, value] of Object.entries(properties)) {
    if (property in made) made[property] = value;
    else made.setAttribute(property, value);
  }
  made.append(...children);
  return made;
}

// Replaces what a place holds, and gives the focus back: to what stands where the focused element stood, else to the place.
export function keepingFocus(place, replace) {
  const focused = document.activeElement;
  const isInside = place.contains(focused) && focused !== place;
  const key = isInside ? focused.dataset.key ?? focused.className : null;
  replace();
  if (!isInside || place.contains(document.activeElement)) return;
  const selector = "button, a[href], summary, [tabindex]";
  const same = [...place.querySelectorAll(selector)].find((one) => (one.dataset.key ?? one.className) === key);
  (same ?? place.closest("[tabindex]") ?? place).focus({ preventScroll: true });
}
