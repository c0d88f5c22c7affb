"""Write what is derived of the analyst's page: `python -m claims_pipeline_tests.dashboard.figures_page`.

The tables stand in docs/figures.md between `<!-- name -->` and `<!-- end of name -->`. The dashboard serves the same
page as HTML, static/figures.html.
"""

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt

from claims_pipeline.aggregate import MODELS
from claims_pipeline.dashboard import anomalies, comparison
from claims_pipeline.dashboard.cards import SHOWN
from claims_pipeline.dashboard.charts import CHARTS, periods
from claims_pipeline.dashboard.dimensions import DIMENSIONS, Dimension
from claims_pipeline.dashboard.measures import MEASURES, Measure

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "figures.md"
HTML = ROOT / "claims_pipeline" / "dashboard" / "static" / "figures.html"


def with_current_tables(page: str) -> str:
    """Return the page with its derived parts as the declarations have them."""
    for name, part in PARTS.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, has_begin, rest = page.partition(begin)
        _, has_end, after = rest.partition(end)
        assert has_begin, name
        assert has_end, name
        page = f"{before}{begin}\n{part()}\n\n{end}{after}"
    return page


def as_html(page: str) -> str:
    """Return the page as the dashboard serves it: links to other files of docs/ become their names."""
    text = re.sub(r"<!--.*?-->\n", "", page)
    text = re.sub(r"\[[^\]]+\]\(([\w/]+\.md)\)", r"`docs/\1`", text)
    markdown = MarkdownIt().enable("table")
    tokens = markdown.parse(text)
    for heading, content in pairwise(tokens):
        if heading.type == "heading_open":
            heading.attrSet("id", re.sub(r"[^a-z0-9 ]", "", content.content.lower()).replace(" ", "-"))
            title = content.content
        if content.type == "table_open":
            content.attrSet("aria-label", title)
    made = markdown.renderer.render(tokens, markdown.options, {})
    made = re.sub(r"<table (aria-label=.*?)>", r'<div class="scroll" role="region" tabindex="0" \1><table>', made)
    return FRAME.format(made.replace("</table>", "</table></div>"))


FRAME = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Claims dashboard: what each figure means</title>
    <link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/assets/style.css">
  </head>
  <body class="text">
    <nav aria-label="Dashboard"><a href="/">Dashboard</a></nav>
    <main>
{}    </main>
  </body>
</html>
"""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _measures() -> str:
    rows = (
        (one.title, f"`{one.name}`", one.unit, one.meaning, one.why_not_additive or "yes", _of_lines(one))
        for one in MEASURES.values()
    )
    return _table(("figure", "name", "unit", "meaning", "do the values of a dimension add up", "of lines"), rows)


def _of_lines(measure: Measure) -> str:
    return "yes" if measure.sql_of_lines else "no"


def _measure_sql() -> str:
    rows = ((f"`{one.name}`", f"`{one.sql.format(**PLACEHOLDERS)}`") for one in MEASURES.values())
    return _table(("name", "SQL over `claims_current`"), rows)


PLACEHOLDERS = {
    "charged": "where claim_status = 'active'",
    "patients": "count(distinct patient_number)",
    "member_months": "member_months",
    "months_chosen": "months_chosen",
}


def _dimensions() -> str:
    rows = ((one.title, f"`{one.name}`", one.meaning, _divides(one)) for one in DIMENSIONS.values())
    return _table(("dimension", "name", "meaning", "divides"), rows)


def _divides(dimension: Dimension) -> str:
    if dimension.is_of_lines:
        return "lines"
    return "claims and members" if dimension.is_of_members else "claims"


def _charts() -> str:
    return _table(("chart", "shows"), ((chart.title, chart.description) for chart in CHARTS))


def _cards() -> str:
    return "\n".join(f"- **{MEASURES[name].title}**: {MEASURES[name].meaning}" for name in SHOWN)


def _models() -> str:
    rows = ((f"`{model.name}`", model.description.replace("|", "\\|")) for model in MODELS)
    return _table(("model", "what it holds"), rows)


def _limits() -> str:
    rows = (
        ("days of receipt after which a claim no longer changes", f"{comparison.CHANGES_FOR_DAYS}"),
        ("share of claims that have arrived where the shade by day of service begins", f"{periods.ARRIVED_SHARE:.0%}"),
        ("longest range by day, in days", f"{periods.LONGEST_BY_DAY}"),
        ("longest range by week, in days", f"{periods.LONGEST_BY_WEEK}"),
        ("days that are compared where none are chosen", f"{comparison.DEFAULT_DAYS}"),
        ("score beyond which a day or week is an anomaly", f"{anomalies.ANOMALY_SCORE:g}"),
        ("weeks before that a day or week is compared with", f"{anomalies.WEEKS_BEFORE}"),
        ("fewest of them", f"{anomalies.FEWEST_BEFORE}"),
        ("fewest claims that are usual", f"{anomalies.FEWEST_CLAIMS}"),
        ("smallest ratio to the usual", f"{anomalies.SMALLEST_RATIO:g}"),
    )
    return _table(("limit", "value"), rows)


PARTS: dict[str, Callable[[], str]] = {
    "measures": _measures,
    "measure SQL": _measure_sql,
    "dimensions": _dimensions,
    "charts": _charts,
    "cards": _cards,
    "limits": _limits,
    "models": _models,
}

if __name__ == "__main__":
    current = with_current_tables(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(current, encoding="utf-8")
    HTML.write_text(as_html(current), encoding="utf-8")
