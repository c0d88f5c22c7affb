"""Marks of the periods of receipt with far more or less than usual, for charts over time."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.anomalies import Measured, anomalies
from claims_pipeline.dashboard.charts.periods import Period
from claims_pipeline.dashboard.charts.registry import STATUS_COLORS
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.grains import start_of

UNUSUAL = {"field": "unusual", "title": "Unusual"}
"""Line of the tooltip, and column of the figures; the rows have the words, empty for a usual period."""

MARK_OF_UNUSUAL = {
    "mark": {
        "type": "point",
        "shape": "triangle-down",
        "color": STATUS_COLORS["cancelled"],
        "filled": True,
        "opacity": 1,
        "size": 60,
    },
    "transform": [{"filter": "datum.unusual && datum.is_first_of_period"}],
    "encoding": {"y": {"value": 5}, "description": {"field": "unusual"}},
}
"""A mark at the top of the chart."""


def unusual_periods(view: View, filters: Filters, shown: Sequence[Period], measured: Measured) -> dict[date, str]:
    """Return what is unusual in each period of receipt that has an anomaly, by its first day, in words.

    Days are named in a chart by day, weeks in one by week. A month has the number of its unusual days and weeks that no
    holiday explains: nearly every month has a holiday.
    """
    if filters.basis != "received" or not shown:
        return {}
    grain = shown[0].grain
    found = [one for one in anomalies(view, filters).items if one.measured == measured]
    if grain != "month":
        return {one.first_day: one.reason for one in found if one.grain == grain}
    numbers = {
        name: Counter(start_of(grain, one.first_day) for one in found if one.grain == name and not one.holidays)
        for name in ("day", "week")
    }
    said = {
        month: [
            f"{count} {name}{'s' * (count > 1)}" for name, of_grain in numbers.items() if (count := of_grain[month])
        ]
        for month in (period.first for period in shown)
    }
    return {month: f"{' and '.join(counts)}: see Worth a look" for month, counts in said.items() if counts}
