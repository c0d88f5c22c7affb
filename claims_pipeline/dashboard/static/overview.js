// What changed: the cards with their changes, and the split of the change in charges.

import { isStillMissing } from "./api.js";
import { titleOf } from "./dimensions.js";
import { addSql, element, keepingFocus, meaningOf, sqlOf, valueOf } from "./elements.js";
import { formatAmount, formatCount, formatDays, formatFigure, formatPercent, formatSignedAmount } from "./format.js";
import { picturesOf } from "./pictures.js";
import { takeAway } from "./take.js";

const cards = document.getElementById("cards");
const headlineSql = document.getElementById("headline-changes");
const CHANGE_SQL = "Change: the days compared and those before";
const TREND_SQL = "Over time, as the line shows";
const EFFECTS = [
  ["members", "Members", "more or fewer member months"], ["use", "Use", "more or fewer services per member month"],
  ["mix", "Mix", "a different mix of services, with new and discontinued ones"], ["price", "Price", "higher or lower charges per service"],
];
document.querySelector("#effects dl").append(...EFFECTS.map(([, title, meaning]) =>
  element("div", {}, element("dt", {}, title), " ", element("dd", {}, meaning))));
const NO_COMPARISON = "no comparison";
export const NO_CHARGES = "There are no charges, neither in these days nor in those that they are compared with: choose other days, or remove a filter.";
const SHOWN_VALUES = 12;
const HEADLINE = ["claim_count", "charge_amount", "average_charge_amount"]; // their changes stand in the headline figures

function changeOf({ current, before, unit }) {
  if (current === null || before === null || (!before && unit !== "%")) return NO_COMPARISON;
  const change = unit === "%" ? current - before : current / before - 1;
  const said = unit === "%" ? `${Math.abs(change).toFixed(1)} points` : formatPercent(Math.abs(change));
  return `${change > 0 ? "▲ +" : change < 0 ? "▼ −" : "± "}${said}`;
}

// Says which days are compared, or why none are.
export function comparedDays(compared) {
  if (compared.reason) return compared.reason;
  const days = formatDays(compared.first_day, compared.last_day);
  const before = formatDays(compared.before_first_day, compared.before_last_day);
  const changing = compared.changing_day_count;
  const recent = changing ? ` ${formatCount(changing)} of these days ${changing === 1 ? "is" : "are"} recent: the status of their claims may still change.` : "";
  return `Changes: ${days} against ${before}.${recent}`;
}

let drawn = { filters: "", trends: new Map(), changingCount: 0 }; // what the sparklines show, and its queries

// `hasDays`: days are chosen, so that the changes are those of the figures above them. Until the new trends are there, the
// sparklines keep those of an earlier build, but not those of other filters.
export function showCards({ items, compared }, filters, hasDays) {
  if (drawn.filters !== filters.toString()) drawn.trends = new Map();
  const ofHeadline = items.filter(({ name }) => HEADLINE.includes(name));
  document.getElementById("compared").textContent = comparedDays(compared);
  keepingFocus(cards, () => cards.replaceChildren(...items.filter((one) => !ofHeadline.includes(one)).map((one) => {
    const sql = sqlOf(one.sql, one.title);
    sql.dataset.sqlOf = one.name;
    addSql(sql, CHANGE_SQL, one.change_sql);
    addSql(sql, TREND_SQL, drawn.trends.get(one.name)?.sql);
    return element("div", { className: "card" },
      element("dt", {}, one.title),
      element("dd", { className: "figure" }, formatFigure(one.value, one)),
      element("dd", { className: "note" }, one.brief),
      element("dd", { className: "change" }, element("span", {}, changeOf(one)), sparkline(one.name, drawn.trends.get(one.name)?.values ?? [])),
      element("dd", { className: "take" }, meaningOf(one.title, one.meaning), sql));
  })));
  keepingFocus(headlineSql, () => headlineSql.replaceChildren(...ofHeadline.map((one) => {
    const place = element("div", {});
    place.dataset.sqlOf = one.name;
    addSql(place, `${one.title}. ${CHANGE_SQL}`, one.change_sql);
    addSql(place, TREND_SQL, drawn.trends.get(one.name)?.sql);
    return place;
  })));
  for (const one of ofHeadline) {
    const place = document.querySelector(`#figures [data-change="${one.title}"]`);
    const days = (Date.parse(compared.last_day) - Date.parse(compared.first_day)) / 86_400_000 + 1;
    const change = changeOf(one);
    const of = hasDays || compared.reason || change === NO_COMPARISON ? "" : ` in the last ${formatCount(days)} days`;
    place?.replaceChildren(element("span", {}, change + of), sparkline(one.name, drawn.trends.get(one.name)?.values ?? []));
  }
}

const SVG = "http://www.w3.org/2000/svg";

const LEAST_SPAN = 0.2; // of the largest value: a trend that hardly changes stays nearly flat

function sparkline(name, values) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 100 24");
  drawing.setAttribute("preserveAspectRatio", "none");
  drawing.setAttribute("class", "sparkline");
  drawing.setAttribute("aria-hidden", "true");
  drawing.dataset.trend = name;
  const known = values.flatMap((value, index) => (value === null ? [] : [[index, value]]));
  if (known.length < 2) return drawing;
  const most = Math.max(...known.map(([, value]) => value));
  const span = Math.max(most - Math.min(...known.map(([, value]) => value)), LEAST_SPAN * most);
  const points = known.map(([index, value]) => ({ index, at: `${(index / (values.length - 1)) * 98 + 1},${23 - (span ? 1 - (most - value) / span : 0) * 21}` }));
  const settledCount = points.filter(({ index }) => index < values.length - drawn.changingCount).length;
  const parts = { settled: points.slice(0, settledCount), changing: points.slice(Math.max(settledCount - 1, 0)) };
  for (const [className, part] of Object.entries(parts)) {
    if (part.length < 2) continue;
    const line = document.createElementNS(SVG, "polyline");
    line.setAttribute("class", className);
    line.setAttribute("points", part.map(({ at }) => at).join(" "));
    drawing.append(line);
  }
  return drawing;
}

// Draws the trends of the cards that are shown, which take longer than their figures; returns whether none is still missing.
export function showTrends(answer, filters) {
  if (answer instanceof Error) return !isStillMissing(answer);
  drawn = { filters: filters.toString(), trends: new Map(answer.items.map((one) => [one.name, one])), changingCount: answer.changing_count };
  for (const { name, values, sql } of answer.items) {
    document.querySelector(`[data-trend="${name}"]`)?.replaceWith(sparkline(name, values));
    addSql(document.querySelector(`[data-sql-of="${name}"]`), TREND_SQL, sql);
  }
  return true;
}

export function showChanges(changes) {
  const { total, compared } = changes;
  const reason = compared.reason || (total.before_amount || total.after_amount ? "" : NO_CHARGES);
  document.querySelector(".two").classList.toggle("short", Boolean(reason));
  const floor = reason ? null : showSteps(total, compared);
  document.getElementById("changed-note").textContent = reason
    || `Charges went from ${formatAmount(total.before_amount)} to ${formatAmount(total.after_amount)}. The parts add up to the cent.${beginAt(floor)}`;
  if (reason) for (const id of ["waterfall", "waterfall-pictures"]) document.getElementById(id).replaceChildren();
  document.getElementById("effects").hidden = Boolean(reason);
  changesTable(document.getElementById("changed"), changes);
}

// The change of each value of a dimension, and its effects; nothing where there is no comparison.
export function changesTable(place, { by, items, total, compared, sql }) {
  if (compared.reason || !items.length) return place.replaceChildren();
  const head = [titleOf(by), "Change", ...EFFECTS.map(([, title]) => title)];
  const shown = items.slice(0, SHOWN_VALUES);
  const rows = shown.map((one) => element("tr", {},
    element("th", { scope: "row" }, valueOf(by, one.value, one.label)),
    ...[one.after_amount - one.before_amount, ...EFFECTS.map(([name]) => one.effects[name])].map((value, index) =>
      element("td", { className: "number", "data-title": head[index + 1] }, formatSignedAmount(value)))));
  const more = items.length > shown.length ? `The ${shown.length} largest of ${items.length}` : "";
  return keepingFocus(place, () => place.replaceChildren(
    element("table", {}, element("thead", {}, element("tr", {}, ...head.map((title, index) =>
      element("th", { scope: "col", className: index ? "number" : "" }, title)))),
      element("tbody", {}, ...rows)),
    element("p", { className: "note" }, more),
    takeAway({ name: `what-changed-by-${by.replaceAll("_", "-")}`, title: "what changed", sql, items: [...items, total], dimension: by })));
}

const beginAt = (floor) => (floor ? ` Bars begin at ${formatAmount(floor)}.` : "");

// Shows a waterfall: each bar begins where the one before ends. Returns the amount where the scale begins.
function showSteps({ before_amount, after_amount, effects }, compared) {
  const pictures = document.getElementById("waterfall-pictures");
  const whole = (name, amount) => ({ name, from: 0, to: amount, said: formatAmount(amount), kind: "whole" });
  let level = before_amount;
  const parts = EFFECTS.map(([effect, name]) => {
    const change = effects[effect];
    const [start, end] = [level, level += change];
    return { name, from: Math.min(start, end), to: Math.max(start, end), said: formatSignedAmount(change), kind: change < 0 ? "less" : change ? "more" : "whole" };
  });
  const bars = [whole("Before", before_amount), ...parts, whole("After", after_amount)];
  const most = Math.max(...bars.map(({ to }) => to));
  const least = Math.min(...parts.map(({ from }) => from), before_amount, after_amount);
  const floor = Math.max(0, Math.round(least * 2 - most)); // small changes stay visible
  document.getElementById("waterfall").replaceChildren(...bars.map((bar) => stepOf(bar, floor, most - floor || 1)));
  keepingFocus(pictures, () => pictures.replaceChildren(picturesOf("what-changed", "What changed", `${comparedDays(compared)}${beginAt(floor)}`, bars, floor)));
  return floor;
}

function stepOf({ name, from, to, said, kind }, floor, width) {
  const start = Math.max(from, floor);
  const bar = element("span", { className: `step ${kind}` });
  bar.style.setProperty("--from", (start - floor) / width);
  bar.style.setProperty("--size", Math.max((to - start) / width, 0.003));
  return element("li", {}, element("span", {}, name), element("span", { className: "track" }, bar),
    element("span", { className: "number" }, said));
}
