"""The registry of charts, and what their specifications have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from claims_pipeline.dashboard.analytics import Rows, View
from claims_pipeline.dashboard.filters import Filters

Spec = dict[str, Any]
Width = Literal["third", "half", "two-thirds"]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

FEW = 6
"""Up to here every whole number has a tick; above it Vega's own steps are whole."""

STATUS_COLORS = {"active": "#2f74d0", "cancelled": "#d9652b", "draft": "#8b93a1"}
"""Told apart with colour blindness too, and three to one against the light and the dark page."""
ACCENT = STATUS_COLORS["active"]

BY_PLACE: Spec = {"field": "place", "op": "min", "order": "ascending"}
"""Order of the values of an axis, by the column `place` of the rows.

Without one Vega keeps the order in which it first saw the values, also when the page swaps the rows for others.
"""


class ChartQuery(Filters):
    """Filters, and what is drawn by a chart that can draw one of several measures."""

    trend: Literal["charge_amount", "charge_pmpm"] = Field(
        default="charge_amount",
        description="What the chart of the cost trend draws: charges, or charges for each member and month.",
    )


Draw = Callable[[View, ChartQuery], Spec]


@dataclass(frozen=True)
class Chart:
    """One chart, the `place`-th of the page.

    Attributes:
        name: in addresses.
        title: heading on the page.
        place: position on the page, from 1.
        width: part of the page's width.
        plot_height: pixels that the page keeps free for it before it is drawn, so that nothing moves then.
        draw: returns its specification.
        choice: the field of ChartQuery with the names of measures, of which it draws one; empty if there is no choice.
    """

    name: str
    title: str
    place: int
    width: Width
    plot_height: int
    draw: Draw
    choice: str = ""

    @property
    def description(self) -> str:
        """The first line of the function's docstring."""
        return (self.draw.__doc__ or "").splitlines()[0]


_REGISTERED: dict[str, Chart] = {}


def chart(*, title: str, place: int, width: Width, plot_height: int, choice: str = "") -> Callable[[Draw], Draw]:
    """Register a function as the chart of its name."""

    def register(draw: Draw) -> Draw:
        name = draw.__name__.replace("_", "-")
        _REGISTERED[name] = Chart(name, title, place, width, plot_height, draw, choice)
        return draw

    return register


def registered() -> tuple[Chart, ...]:
    """Return the charts in the order of the page."""
    return tuple(sorted(_REGISTERED.values(), key=lambda chart: chart.place))


def specification(
    title: str,
    subtitle: str,
    values: Rows,
    *,
    encoding: Spec,
    sql: str,
    chooses: tuple[str, str] | None = None,
    **rest: Any,
) -> Spec:
    """Return a Vega-Lite specification that is complete in itself.

    Args:
        title: what is shown.
        subtitle: which claims are counted and charged.
        values: the rows; `description` is what a screen reader says for the row's mark.
        encoding: channels of all marks; the tooltip's are also the columns of the page's table of figures.
        sql: the query of the figures, which gives the same on a copy of analytics.duckdb.
        chooses: the dimension of the marks and the column with its value, by which a click on the page filters; or
            `claim` and the column with the id, which a click opens.
        rest: mark or layer, and the height.
    """
    return {
        "$schema": SCHEMA,
        "title": {"text": title, "subtitle": subtitle, "anchor": "start"},
        "description": f"{title}. {subtitle}",
        "width": "container",
        "data": {"name": "rows", "values": values},
        "encoding": {"description": {"field": "description"}} | encoding,
        "usermeta": {"sql": sql, **({"chooses": {"dimension": chooses[0], "column": chooses[1]}} if chooses else {})},
        **({"height": 220} | rest),
    }


def whole_ticks(most: int) -> Spec:
    """Return the ticks of an axis or legend from 0 to `most` items; few items would otherwise be cut into halves.

    (Vega's tickMinStep does not keep 0.5 from a scale that ends at 1.)
    """
    return {"values": list(range(most + 1))} if most <= FEW else {}


def counted(filters: Filters) -> str:
    """Return in words which claims are counted."""
    return f"{_words(filters.status)} claims" if filters.status else "claims of every status"


def charged(filters: Filters) -> str:
    """Return in words whose charges are added up."""
    return f"the charges of {_words(filters.charged_statuses)} claims"


def _words(statuses: list[Any]) -> str:
    return " and ".join([", ".join(statuses[:-1]), statuses[-1]] if len(statuses) > 1 else statuses)
