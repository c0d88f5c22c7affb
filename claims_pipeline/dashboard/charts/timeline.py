"""Claims over time: by day, week or month of receipt or of service."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.charts.over_time import (
    BASIS,
    SHADE,
    chooses,
    notes,
    period_of,
    periods_shown,
    rows_by_period,
)
from claims_pipeline.dashboard.charts.periods import axis, bar_width, in_tooltip
from claims_pipeline.dashboard.charts.registry import (
    STATUS_COLORS,
    Spec,
    chart,
    counted,
    specification,
    whole_ticks,
)
from claims_pipeline.dashboard.charts.unusual import MARK_OF_UNUSUAL, UNUSUAL, unusual_periods
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.measures import MEASURES


@chart(title="Claims timeline", place=1, width="two-thirds", plot_height=278)
def claims_timeline(view: View, filters: Filters) -> Spec:
    """Claims by day, week or month of receipt or service, stacked by their current status."""
    shown, grain = periods_shown(view, filters)
    count = MEASURES["claim_count"].of_totals(filters.charged)
    rows, sql = rows_by_period(view, filters, period_of(filters, grain), f"claim_status, {count} as claim_count")
    counts = {(row["period"], row["claim_status"]): row["claim_count"] for row in rows}
    statuses: Sequence[str] = filters.status or tuple(STATUS_COLORS)
    unusual = unusual_periods(view, filters, shown, "claims")
    values = [
        period.columns
        | {
            "claim_status": status,
            "claim_count": (count := counts.get((period.first, status), 0)),
            "is_first_of_period": status == statuses[0],
            "unusual": unusual.get(period.first, ""),
            "description": f"{period.name}: {count:,} {status} claims",
        }
        for period in shown
        for status in statuses
    ]
    return specification(
        "Claims timeline",
        f"Number of {counted(filters)} by {grain} of {BASIS[filters.basis]}, by their status today"
        f"{notes(shown, unusual, partial='faint')}",
        values,
        sql=sql,
        chooses=chooses(filters, grain),
        encoding={
            "x": axis(shown),
            "tooltip": [*in_tooltip(grain), *_TIMELINE_TOOLTIP, *([UNUSUAL] if unusual else [])],
        },
        layer=[
            SHADE,
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 2} | bar_width(shown),
                "encoding": {
                    "y": {
                        "field": "claim_count",
                        "type": "quantitative",
                        "axis": {"title": None, "format": ",d"} | whole_ticks(_most(counts)),
                    },
                    "color": {
                        "field": "claim_status",
                        "type": "nominal",
                        "scale": {"domain": list(STATUS_COLORS), "range": list(STATUS_COLORS.values())},
                        "legend": {"title": None, "orient": "top"},
                    },
                    "opacity": {"condition": {"test": "datum.is_partial", "value": 0.5}, "value": 1},
                    "order": {"field": "claim_status"},
                },
            },
            *([MARK_OF_UNUSUAL] if unusual else []),
        ],
    )


_TIMELINE_TOOLTIP = (
    {"field": "claim_status", "title": "Status"},
    {"field": "claim_count", "type": "quantitative", "title": "Claims", "format": ",d"},
)


def _most(counts: Mapping[tuple[date, str], int]) -> int:
    """Return the claims of the period that has most of them."""
    by_period: Counter[date] = Counter()
    for (period, _), count in counts.items():
        by_period[period] += count
    return max(by_period.values(), default=0)
