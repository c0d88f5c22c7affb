"""The page as it is sent: with the frames of all charts, so that nothing moves when their data come."""

from html import escape

from claims_pipeline.dashboard.charts import CHARTS, Chart

PLACE_OF_CHARTS = "<!-- charts -->"


def render_page(template: str) -> str:
    """Return the page with a frame for each chart at `PLACE_OF_CHARTS`; static/charts.js draws into them."""
    return template.replace(PLACE_OF_CHARTS, "\n".join(map(_frame, CHARTS)))


def _frame(chart: Chart) -> str:
    return f"""
      <figure class="card {chart.width}" aria-labelledby="chart-{chart.name}" data-chart="{chart.name}">
        <figcaption>
          <h2 id="chart-{chart.name}">{escape(chart.title)}</h2>
          <p class="note">&nbsp;</p>
        </figcaption>
        <div class="plot" style="min-height: {chart.plot_height}px"></div>
        <p class="empty" hidden>No claims match the filters.</p>
        <details><summary>Figures</summary></details>
      </figure>""".removeprefix("\n")
