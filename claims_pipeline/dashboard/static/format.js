// Figures and days as people read them. The API's days are plain dates: they are never moved to a time zone.

const integer = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const shortDollars = new Intl.NumberFormat("en-US", {
  style: "currency", currency: "USD", notation: "compact", minimumFractionDigits: 0, maximumFractionDigits: 2,
});
const percent = new Intl.NumberFormat("en-US", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat("en-US", { dateStyle: "medium", timeZone: "UTC" });
const month = new Intl.DateTimeFormat("en-US", { year: "numeric", month: "long", timeZone: "UTC" });
const moment = new Intl.DateTimeFormat("en-US", { dateStyle: "medium", timeStyle: "short" });

export const capitalised = (text) => `${text[0].toUpperCase()}${text.slice(1)}`;
export const inWords = (name) => name.replaceAll("_", " ");
const specialties = new Map([...document.querySelectorAll("#specialties option")].map(({ value, label }) => [value, label]));
export const specialtyOf = (code) => specialties.get(code) ?? inWords(code);
export const formatCode = ({ code, label }) => (label ? `${code} ${label}` : code);
export const formatCount = (value) => integer.format(value);
export const formatDecimal = (value, digits) =>
  Number(value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−");
export const formatAmount = (value) => (value === null ? "–" : dollars.format(value));
export const formatLargeAmount = (value) => (value < 1_000_000 ? dollars : shortDollars).format(value);
export const formatDay = (value) => day.format(new Date(`${value}T00:00:00Z`));
// A range of days; a single day is said once.
export const formatDays = (first, last) => (first === last ? formatDay(first) : `${formatDay(first)} to ${formatDay(last)}`);
export const formatPercent = (value) => percent.format(value);
const sign = (value) => (value > 0 ? "+" : value < 0 ? "−" : "");
export const formatSignedAmount = (value) => `${sign(value)}${formatAmount(Math.abs(value))}`;
export const formatSignedPercent = (value) => `${sign(value)}${formatPercent(Math.abs(value))}`;
export const formatMoment = (value) => moment.format(new Date(value));

// A measure by its unit and its digits after the point.
export function formatFigure(value, { unit, decimals }) {
  if (value === null || value === undefined) return "–";
  if (unit === "USD") return formatAmount(value);
  if (unit === "%") return formatPercent(value / 100);
  return formatDecimal(value, decimals);
}

// A value by the format that its chart gives it.
export function formatAs(format, value) {
  if (value === null || value === undefined) return "–";
  if (!format) return String(value);
  if (format.startsWith("$")) return dollars.format(value);
  if (format.endsWith("d")) return integer.format(value);
  if (format.endsWith("f")) return formatDecimal(value, Number(format.at(-2)));
  if (format.endsWith("%")) return percent.format(value);
  return (format.includes("%d") ? day : month).format(new Date(`${value}T00:00:00Z`));
}
