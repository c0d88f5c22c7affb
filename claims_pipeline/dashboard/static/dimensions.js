// The dimensions, by which claims are divided and filtered, as the page's list of them has them.

const by = document.getElementById("by");

const PERIODS = ["day", "week", "month"];
const DIMENSIONS = [...by.options].map((option) => option.value);
export const FIRST_DIMENSION = by.value;
// Those whose names are filters; the values of the others are chosen by status or by days of receipt.
export const FILTERING = [...by.options].filter((option) => !option.dataset.filteredBy).map((option) => option.value);

export const isPeriod = (dimension) => PERIODS.includes(dimension);
export const titleOf = (dimension) => by.querySelector(`option[value="${dimension}"]`).textContent;

// Returns the dimension of the address; one that does not exist is the first.
export const dimensionOf = (parameters) => (DIMENSIONS.includes(parameters.get("by")) ? parameters.get("by") : FIRST_DIMENSION);

// Returns the parameters that choose a value: the filter of the dimension's name, or the days of a period.
export function filterOf(dimension, value) {
  if (!isPeriod(dimension)) return { [dimension]: value };
  const last = new Date(`${value}T00:00:00Z`);
  if (dimension === "week") last.setUTCDate(last.getUTCDate() + 6);
  if (dimension === "month") last.setUTCMonth(last.getUTCMonth() + 1, 0);
  return { received_from: value, received_to: last.toISOString().slice(0, 10) };
}
