"""The registry of charts, and what their specifications have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from claims_pipeline.dashboard.analytics import Rows, View
from claims_pipeline.dashboard.filters import Filters

Spec = dict[str, Any]
Draw = Callable[[View, Filters], Spec]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

STATUS_COLORS = {"active": "#2f74d0", "cancelled": "#d9652b", "draft": "#8b93a1"}
"""Told apart with colour blindness too, and three to one against the light and the dark page."""
ACCENT = STATUS_COLORS["active"]


@dataclass(frozen=True)
class Chart:
    """One chart. `is_wide` charts take two thirds of the page's width, the others one third or a half."""

    name: str
    title: str
    width: str
    draw: Draw

    @property
    def description(self) -> str:
        """The first line of the function's docstring."""
        return (self.draw.__doc__ or "").splitlines()[0]


CHARTS: dict[str, Chart] = {}


def chart(*, title: str, width: str) -> Callable[[Draw], Draw]:
    """Register a function as the chart of its name; `width` is third, half or two-thirds of the page."""

    def register(draw: Draw) -> Draw:
        name = draw.__name__.replace("_", "-")
        CHARTS[name] = Chart(name, title, width, draw)
        return draw

    return register


def specification(title: str, subtitle: str, values: Rows, **rest: Any) -> Spec:
    """Return a Vega-Lite specification that is complete in itself. `rest` is mark and encoding, or layer."""
    return {
        "$schema": SCHEMA,
        "title": {"text": title, "subtitle": subtitle, "anchor": "start"},
        "description": f"{title}. {subtitle}",
        "width": "container",
        "height": 240,
        "data": {"name": "rows", "values": values},
        **rest,
    }


def counted(filters: Filters) -> str:
    """Return in words which claims are counted."""
    return f"{_words(filters.status)} claims" if filters.status else "claims of every status"


def charged(filters: Filters) -> str:
    """Return in words whose charges are added up."""
    return f"charges of {_words(filters.charged_statuses)} claims"


def _words(statuses: list[Any]) -> str:
    return " and ".join([", ".join(statuses[:-1]), statuses[-1]] if len(statuses) > 1 else statuses)
