// Drawing. The API sends complete Vega-Lite specifications; the page takes out the title and adds its own colours.

import { ask } from "./api.js";
import { element } from "./elements.js";
import { formatAs } from "./format.js";

const section = document.getElementById("charts");
const drawn = new Map(); // chart name -> { view, shape }
let cards = [];

export async function addCards() {
  if (cards.length) return;
  cards = (await ask("/api/charts")).map(({ name, title, href, width }) => {
    const card = {
      name,
      href,
      subtitle: element("p", { className: "note" }),
      plot: element("div", { className: "plot" }),
      empty: element("p", { className: "empty", hidden: true }, "No claims match the filters."),
      figures: element("details", { hidden: true }, element("summary", {}, "Figures")),
    };
    const heading = element("h2", { id: `chart-${name}` }, title);
    const caption = element("figcaption", {}, heading, card.subtitle);
    section.append(
      element(
        "figure",
        { className: `card ${width}`, "aria-labelledby": heading.id, "data-chart": name },
        caption, card.plot, card.empty, card.figures,
      ),
    );
    return card;
  });
}

export async function askForCharts(parameters, signal) {
  return Promise.all(cards.map((card) => ask(card.href, { parameters, signal })));
}

export async function drawCharts(specifications, hasClaims) {
  await Promise.all(cards.map((card, index) => drawCard(card, specifications[index], hasClaims)));
}

async function drawCard(card, { title, ...specification }, hasClaims) {
  card.subtitle.textContent = title.subtitle;
  card.empty.hidden = hasClaims;
  card.plot.hidden = card.figures.hidden = !hasClaims;
  if (!hasClaims) return;
  await draw(card.name, card.plot, specification);
  const columns = specification.encoding.tooltip;
  const table = figuresTable(columns, specification.data.values);
  card.figures.replaceChildren(card.figures.firstElementChild, table);
}

// Where only the rows differ from what is drawn, they are swapped: half the time, and no flicker.
async function draw(name, plot, specification) {
  const { data, ...rest } = specification;
  const shape = JSON.stringify(rest);
  const before = drawn.get(name);
  if (before?.shape === shape) {
    await before.view.data(data.name, data.values).runAsync();
    return;
  }
  before?.view.finalize();
  // ast: expressions are interpreted, because the page's policy forbids making code from text
  const { view } = await vegaEmbed(plot, specification, { ast: true, actions: false, renderer: "svg", config: theme() });
  drawn.set(name, { view, shape });
}

function theme() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  const labels = { labelColor: color("muted"), titleColor: color("muted"), labelFontSize: 12 };
  return {
    background: "transparent",
    font: style.fontFamily,
    axis: { ...labels, gridColor: color("line"), domainColor: color("line"), tickColor: color("line") },
    axisY: { ...labels, domain: false, ticks: false, labelPadding: 8 },
    legend: labels,
    text: { color: color("ink"), fontSize: 12 },
    view: { stroke: null },
  };
}

function figuresTable(columns, rows) {
  const head = columns.map(({ title }) => element("th", { scope: "col" }, title));
  const body = rows.map((row) =>
    element("tr", {}, ...columns.map(({ field, format }) =>
      element("td", { className: format && !format.includes("%B") ? "number" : "" }, formatAs(format, row[field])))));
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body));
  return element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Figures of the chart" }, table);
}

export function forgetDrawings() {
  for (const { view } of drawn.values()) view.finalize();
  drawn.clear();
}
