"""The HTML page, with the choices and a frame for each chart, so that nothing moves when the data arrive."""

from html import escape
from itertools import starmap
from typing import get_args

from claims_pipeline import __version__
from claims_pipeline.dashboard.charts import CHARTS, Chart, ChartQuery
from claims_pipeline.dashboard.dimensions import DIMENSIONS, Dimension
from claims_pipeline.dashboard.measures import MEASURES, Measure
from claims_pipeline.reference import specialty_labels

FIRST_DIMENSION, FIRST_MEASURE = "specialty", "charge_amount"
"""Dimension and measure of the ranking until others are chosen."""
DRIVER_MEASURES = (FIRST_MEASURE, "claim_count", "charge_pmpm")
"""What the overview ranks its cost drivers by; breakdowns of lines have each of them."""


def render_page(template: str) -> str:
    """Return the page with its version, a frame for each chart, the choices, and the names of specialties."""
    parts = {
        "<!-- version -->": [__version__],
        "<!-- charts -->": map(_frame, CHARTS),
        "<!-- dimensions -->": map(_dimension_option, DIMENSIONS.values()),
        "<!-- measures -->": map(_measure_option, MEASURES.values()),
        "<!-- drivers -->": [_choice_option(name) for name in DRIVER_MEASURES],
        "<!-- specialties -->": starmap(_option, specialty_labels().items()),
    }
    for place, lines in parts.items():
        template = template.replace(place, "\n".join(lines))
    return template


def _option(value: str, label: str) -> str:
    return f'<option value="{escape(value)}" label="{escape(label)}"></option>'


def _dimension_option(dimension: Dimension) -> str:
    selected = " selected" if dimension.name == FIRST_DIMENSION else ""
    filtered_by = f' data-filtered-by="{dimension.filtered_by}"' if dimension.filtered_by else ""
    return f'<option value="{dimension.name}"{filtered_by}{selected}>{escape(dimension.title)}</option>'


def _measure_option(measure: Measure) -> str:
    selected = " selected" if measure.name == FIRST_MEASURE else ""
    facts = (
        f'data-unit="{measure.unit}" data-decimals="{measure.decimals}" '
        f'data-additive="{str(measure.is_additive).lower()}" data-meaning="{escape(measure.meaning)}"'
    )
    return f'<option value="{measure.name}" {facts}{selected}>{escape(measure.title)}</option>'


def _frame(chart: Chart) -> str:
    return f"""
      <figure class="card {chart.width}" aria-labelledby="chart-{chart.name}" data-chart="{chart.name}">
        <figcaption>
          <h2 id="chart-{chart.name}">{escape(chart.title)}</h2>{_choice(chart)}
          <p class="note">&nbsp;</p>
        </figcaption>
        <div class="plot" style="min-height: {chart.plot_height}px"></div>
        <p class="empty" hidden></p>
        <details><summary>Figures</summary></details>
      </figure>""".removeprefix("\n")


def _choice(chart: Chart) -> str:
    """Return the list of the measures of which the chart draws one, the default first; nothing without a choice."""
    if not chart.choice:
        return ""
    names = get_args(ChartQuery.model_fields[chart.choice].annotation)
    options = "".join(map(_choice_option, names))
    label = f"What {escape(chart.title)} shows"
    return f'<select class="screen" name="{chart.choice}" aria-label="{label}" autocomplete="off">{options}</select>'


def _choice_option(name: str) -> str:
    return f'<option value="{name}">{escape(MEASURES[name].title)}</option>'
