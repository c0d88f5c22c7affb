// What a chart draws, where it can draw one of several measures: a list in its heading.

const fields = [...document.querySelectorAll("#charts figcaption select")];

export const CHART_DEFAULTS = Object.fromEntries(fields.map(({ name, options }) => [name, options[0].value]));

// Shows what the address chooses; a measure that the chart cannot draw is the first.
export function showChoices(parameters) {
  for (const field of fields) {
    field.value = parameters.get(field.name) ?? CHART_DEFAULTS[field.name];
    if (!field.value) field.value = CHART_DEFAULTS[field.name];
  }
}

// Calls `open` with the parameter that a person chooses.
export function onChoice(open) {
  for (const field of fields) field.addEventListener("change", () => open({ [field.name]: field.value }));
}
