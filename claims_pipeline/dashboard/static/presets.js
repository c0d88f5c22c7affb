// Ranges of days of receipt that a person chooses by name. They end with the last day that the data have.

const field = document.getElementById("preset");

const day = (date) => date.toISOString().slice(0, 10);
const utc = (text) => new Date(`${text}T00:00:00Z`);

// Returns the first and last day of a preset, by what the build has; an empty day leaves that end open.
export function daysOf(preset, { first_day, last_day }) {
  const last = utc(last_day);
  if (preset === "month") {
    const isFull = day(new Date(Date.UTC(last.getUTCFullYear(), last.getUTCMonth() + 1, 0))) === last_day;
    const month = last.getUTCMonth() + (isFull ? 0 : -1);
    return [day(new Date(Date.UTC(last.getUTCFullYear(), month, 1))), day(new Date(Date.UTC(last.getUTCFullYear(), month + 1, 0)))];
  }
  if (preset === "year") return [`${last_day.slice(0, 4)}-01-01`, last_day];
  if (!preset) return ["", ""];
  const first = new Date(last);
  first.setUTCDate(first.getUTCDate() - Number(preset) + 1);
  return [day(first) > first_day ? day(first) : first_day, last_day];
}

// Shows the preset that has these days, or that they are chosen otherwise; returns the preset's name, if there is one.
export function showPreset(from, to, build) {
  const isIt = (option) => option.value !== "own" && daysOf(option.value, build).join() === [from, to].join();
  const found = from || to ? [...field.options].slice(1).find(isIt) : field.options[0];
  field.value = found ? found.value : "own";
  return found?.textContent ?? "";
}

// Calls `open` with the first and last day of the preset that is chosen.
export function onPreset(open) {
  field.addEventListener("change", () => open(field.value));
}

