// Pictures of bars that the page makes of its own elements: Vega draws them as it draws charts, when one is saved.

import { loadVega, theme } from "./charts.js";
import { element } from "./elements.js";
import { picturesAs } from "./take.js";

const PLOT_WIDTH = 480;
const ROW_HEIGHT = 26;
const NAMES = { limit: 260, gap: 10 }; // pixels: longer names are cut, as in the charts' axes
const COLORS = { more: "cancelled", less: "accent", whole: "muted", rank: "accent" }; // as in style.css

// Returns buttons that save bars as a picture. A bar has a name, amounts where it begins and ends, what is said of it, and
// a kind of COLORS; the picture's scale begins at `floor`.
export function picturesOf(name, title, subtitle, bars, floor = 0) {
  return element("p", { className: "note screen" }, ...picturesAs(name, title, (format) => draw(format, specification(title, subtitle, bars, floor))));
}

async function draw(format, drawing) {
  await loadVega();
  const { view } = await vegaEmbed(element("div"), drawing, { ast: true, actions: false, renderer: "svg" });
  const href = await view.toImageURL(format, 2);
  view.finalize();
  return href;
}

function specification(title, subtitle, bars, floor) {
  const config = theme(false);
  const ink = config.text.color;
  const muted = config.axis.labelColor;
  const colors = getComputedStyle(document.documentElement);
  const rows = bars.map((bar, place) => ({ ...bar, place, from: Math.max(bar.from, floor), color: colors.getPropertyValue(`--${COLORS[bar.kind]}`).trim() }));
  const domain = [Math.min(floor, ...rows.map(({ from }) => from)), Math.max(...rows.map(({ to }) => to))];
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    config: { ...config, title: { color: ink, subtitleColor: muted, anchor: "start", frame: "bounds", offset: 12 } },
    title: { text: title, subtitle },
    padding: 16,
    width: PLOT_WIDTH,
    height: ROW_HEIGHT * rows.length,
    data: { values: rows },
    encoding: { y: { field: "place", type: "ordinal", axis: null } },
    layer: [
      {
        mark: { type: "bar", height: 14, cornerRadius: 2 },
        encoding: {
          x: { field: "from", type: "quantitative", axis: null, scale: { domain, nice: false, zero: false } },
          x2: { field: "to" },
          color: { field: "color", type: "nominal", scale: null },
        },
      },
      {
        mark: { type: "text", align: "right", limit: NAMES.limit },
        encoding: { text: { field: "name" }, x: { value: -NAMES.gap } },
      },
      {
        mark: { type: "text", align: "left" },
        encoding: { text: { field: "said" }, x: { value: PLOT_WIDTH + NAMES.gap }, color: { value: muted } },
      },
    ],
  };
}
