// The dimensions, by which claims are divided and filtered, as the page's list of them has them.

const by = document.getElementById("by");

const PERIODS = ["day", "week", "month"];
const DIMENSIONS = [...by.options].map((option) => option.value);
export const FIRST_DIMENSION = by.value;

const optionOf = (dimension) => by.querySelector(`option[value="${dimension}"]`);
export const titleOf = (dimension) => optionOf(dimension).textContent;
export const isPeriod = (dimension) => PERIODS.includes(dimension);

// Returns the filter that selects the values of a dimension, "status" or "days"; nothing if it is the one of its own name.
export const filteredBy = (dimension) => optionOf(dimension).dataset.filteredBy;
export const FILTERING = DIMENSIONS.filter((dimension) => !filteredBy(dimension));

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
