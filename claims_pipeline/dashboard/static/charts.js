// Drawing. The API sends complete Vega-Lite specifications; the page takes out the title and adds its own colours.

import { ask, Problem } from "./api.js";
import { element, keepingFocus, sqlOf } from "./elements.js";
import { NO_CLAIMS } from "./empty.js";
import { formatAs } from "./format.js";
import { csvOf, picturesAs } from "./take.js";
import { letWalk, walkedTo } from "./walk.js";

const darkScheme = matchMedia("(prefers-color-scheme: dark)");
const drawn = new Map(); // chart name -> { view, plot, shape }
let choose = () => {};

// Calls `listener` with the dimension and value of a mark that is clicked; the dimension "claim" means to open it.
export function onMark(listener) {
  choose = listener;
}

const place = document.getElementById("charts");
const cards = [...place.querySelectorAll("[data-chart]")].map((card) => ({
  name: card.dataset.chart,
  href: `/api/charts/${card.dataset.chart}`,
  subtitle: card.querySelector("figcaption .note"),
  choice: card.querySelector("figcaption select")?.name,
  plot: card.querySelector(".plot"),
  empty: card.querySelector(".empty"),
  figures: card.querySelector("details"),
}));

// Asks for the charts; with `changed` only for those that draw one of these choices, the others are null.
export function askForCharts(filters, choices, signal, changed) {
  return Promise.all(cards.map(({ href, choice }) => {
    if (changed && !changed.includes(choice)) return null;
    const parameters = new URLSearchParams(filters);
    if (choice) parameters.set(choice, choices.get(choice));
    return ask(href, { parameters, signal });
  }));
}

let loading = null;

// Vega takes longer to start than the first screen, so it starts after it, and only where there are charts.
export function loadVega() {
  loading ??= new Promise((resolve, reject) => {
    const src = new URL("vega.js", import.meta.url).href;
    const onerror = () => {
      loading = null; // the next question tries again
      script.remove();
      reject(new Problem({ message: "the script that draws the charts did not load", where: src, fix: "reload the page" }, 502));
    };
    const script = element("script", { src, onload: resolve, onerror });
    document.head.append(script);
  });
  return loading;
}

let drawing = Promise.resolve();

// Draws one chart after the other; in between the page is painted and answers a person. A drawing for an
// older question finishes its chart first: two drawings in one place would overwrite each other.
export function drawCharts(specifications, hasClaims, signal) {
  const earlier = drawing.catch(() => {});
  drawing = (async () => {
    await earlier;
    for (const [index, card] of cards.entries()) {
      if (!specifications[index]) continue; // it stays as it is drawn
      await new Promise((resolve) => { requestAnimationFrame(() => setTimeout(resolve)); });
      signal.throwIfAborted();
      await drawCard(card, specifications[index], hasClaims);
    }
    place.classList.remove("earlier");
  })();
  return drawing;
}

async function drawCard(card, specification, hasClaims) {
  card.subtitle.textContent = specification.title.subtitle;
  card.empty.textContent = NO_CLAIMS;
  card.empty.hidden = hasClaims;
  card.plot.hidden = card.figures.hidden = !hasClaims;
  if (hasClaims) await drawInto(card, specification);
}

const AROUND_PLOT = 79; // pixels of a legend above and an axis below

const IN_DIALOG = { id: "detail-tooltip", styleId: "detail-tooltip-style" }; // Vega's own would lie behind the dialog

// Returns a frame for a chart of the dialog. Once its `figure` is in the page, drawFrame fills it.
export function frameOf(name, heading, { title, height }) {
  const plot = element("div", { className: "plot" });
  plot.style.minHeight = `${height + AROUND_PLOT}px`; // nothing moves when it is drawn
  const figures = element("details", {}, element("summary", {}, "Figures"));
  const figure = element("figure", { "aria-label": heading }, element("figcaption", {}, element("h3", {}, heading),
    element("p", { className: "note" }, title.subtitle)), plot, figures);
  return { name, figure, plot, figures, tooltip: IN_DIALOG };
}

// Lets a new frame have what another shows, until it is drawn itself.
export function takeOver(frame, { plot, figures }) {
  plot.style.minHeight = frame.plot.style.minHeight;
  frame.plot.replaceWith(plot);
  frame.figures.replaceWith(figures);
  Object.assign(frame, { plot, figures });
}

// Draws a frame after what is being drawn.
export function drawFrame(frame, specification) {
  drawing = drawing.catch(() => {}).then(() => drawInto(frame, specification));
  return drawing;
}

async function drawInto(card, { title, ...specification }) {
  await draw(card, specification);
  const table = figuresTable(specification);
  const sql = sqlOf(specification.usermeta.sql, card.name.replaceAll("-", " "));
  keepingFocus(card.figures, () => card.figures.replaceChildren(card.figures.firstElementChild, files(card.name, specification), table, sql));
}

// Buttons that save the chart as it is drawn, and its figures.
function files(name, { encoding: { tooltip: columns }, data: { values } }) {
  return element("p", { className: "note" }, ...picturesAs(name, name.replaceAll("-", " "), (format) => drawn.get(name).view.toImageURL(format, 2)), " ",
    csvOf(name, async () => [columns.map(({ title }) => title), ...values.map((row) => columns.map(({ field }) => row[field]))]));
}

// Where only the rows differ from what is drawn, they are swapped: half the time, and no flicker.
async function draw({ name, plot, tooltip }, specification) {
  const { data, description, usermeta: { chooses }, ...rest } = specification;
  const config = theme(chooses);
  const shape = JSON.stringify([chooses, rest, config]);
  const before = drawn.get(name);
  const focused = before && chooses ? walkedTo(before.plot, chooses.column) : undefined;
  if (before?.shape === shape && before.plot === plot) {
    await before.view.description(description).data(data.name, data.values).runAsync();
    letWalkIn(plot, chooses, focused);
    return;
  }
  await loadVega();
  plot.dataset.scheme = darkScheme.matches ? "dark" : "light"; // print turns a dark drawing round
  before?.view.finalize();
  drawn.delete(name);
  // ast: expressions are interpreted, because the page's policy forbids making code from text
  // `chooses`: which dimension the marks are of, and which column has its value
  const { view } = await vegaEmbed(plot, specification, { ast: true, actions: false, renderer: "svg", config, tooltip: { formatTooltip, ...tooltip } });
  if (chooses) view.addEventListener("click", (event, item) => { if (item?.datum?.[chooses.column]) choose(chooses.dimension, valueOf(item, chooses)); });
  letWalkIn(plot, chooses, focused);
  drawn.set(name, { view, plot, shape });
}

// A figure that has no meaning is a dash in the tooltip, as in the tables; Vega says "null".
function formatTooltip(rows, sanitize) {
  const body = Object.entries(rows).map(([title, text]) =>
    `<tr><td class="key">${sanitize(title)}</td><td class="value">${sanitize(text === "null" ? "–" : text)}</td></tr>`);
  return `<table>${body.join("")}</table>`;
}

// A time unit turns a day into a moment.
function valueOf(item, { column }) {
  const value = item.datum[column];
  return typeof value === "string" ? value : new Date(value).toISOString().slice(0, 10);
}

// A claim's point is not in the list of a filter's values, so the keyboard reaches it where it is.
function letWalkIn(plot, chooses, focused) {
  if (chooses?.dimension === "claim") letWalk(plot, chooses.column, focused);
}

export function theme(hasChoices) {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  const labels = { labelColor: color("muted"), titleColor: color("muted"), labelFontSize: 12 };
  return {
    background: color("card"), // a saved picture needs one
    font: style.fontFamily,
    axis: { ...labels, gridColor: color("line"), domainColor: color("line"), tickColor: color("line") },
    axisY: { ...labels, domain: false, ticks: false, labelPadding: 8 },
    legend: labels,
    text: { color: color("ink"), fontSize: 12 },
    view: { stroke: null },
    mark: hasChoices ? { cursor: "pointer" } : {},
  };
}

// The values of a chart as a table. Its first column chooses like the marks, also from the keyboard.
function figuresTable({ encoding: { tooltip: columns }, data: { values }, usermeta: { chooses } }) {
  const first = ({ field, format }, row) => {
    const label = formatAs(format, row[field]);
    const value = chooses && row[chooses.column];
    if (!value) return label;
    const leads = chooses.dimension === "claim" ? "Open" : "Only claims of";
    return element("button", { type: "button", className: "link", "data-key": value, "aria-label": `${leads} ${label}`,
      onclick: () => choose(chooses.dimension, value) }, label);
  };
  const cell = (column, index, row) => element("td", { className: column.type === "quantitative" ? "number" : "", "data-title": column.title },
    index ? formatAs(column.format, row[column.field]) : first(column, row));
  const table = element("table", {},
    element("thead", {}, element("tr", {}, ...columns.map(({ title }) => element("th", { scope: "col" }, title)))),
    element("tbody", {}, ...values.map((row) => element("tr", {}, ...columns.map((column, index) => cell(column, index, row))))));
  return element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Figures of the chart" }, table);
}
