// What a chart, or a section of the overview, shows, where it can show one of several measures: a list in its heading.

const fields = [...document.querySelectorAll("#charts figcaption select, #top-drivers select")];

export const CHOICE_DEFAULTS = Object.fromEntries(fields.map(({ name, options }) => [name, options[0].value]));

// Shows what the address chooses. A measure that is not in a list is its first; returns the names of such choices.
export function showChoices(parameters) {
  return fields.filter((field) => {
    field.value = parameters.get(field.name) ?? CHOICE_DEFAULTS[field.name];
    if (field.value) return false;
    field.value = CHOICE_DEFAULTS[field.name];
    return true;
  }).map(({ name }) => name);
}

// Returns what is chosen, also where it is the first.
export const choices = () => new URLSearchParams(fields.map(({ name, value }) => [name, value]));

// Calls `open` with the parameter that a person chooses.
export function onChoice(open) {
  for (const field of fields) field.addEventListener("change", () => open({ [field.name]: field.value }));
}
