"""The earlier days that a chart over time is compared with: which they are, and the period that each belongs to."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.charts.periods import Period
from claims_pipeline.dashboard.comparison import are_whole_months, comparison, days_before
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.grains import calendar
from claims_pipeline.dashboard.members import Bucket, days_chosen


class DaysCompared(NamedTuple):
    """The days that are shown and the earlier ones that they are compared with, ends included.

    Attributes:
        first: the first day that is shown.
        last: the last one.
        before_first: the first of the earlier days.
        before_last: the last one.
        are_months_paired: whether a month is compared with a month of the calendar.
    """

    first: date
    last: date
    before_first: date
    before_last: date
    are_months_paired: bool


class EarlierPeriods(NamedTuple):
    """The earlier days of each period that is shown.

    Attributes:
        buckets: the earlier days of each period that is compared; `start` is the period's first day.
        period: SQL for the first day of the period that a claim's earlier day of receipt is compared with.
    """

    buckets: list[Bucket]
    period: str


def days_compared(view: View, filters: Filters, shown: Sequence[Period]) -> tuple[DaysCompared | None, str]:
    """Return the days that are compared, None if there are none, and what is said of it in the chart's subtitle.

    Chosen days are compared as on the cards. All days have none before them, but those of the year before, from the
    second year of the lake on.
    """
    if not shown:
        return None, ""
    if filters.basis != "received":
        return None, "; days of service are not compared with others"
    first, last = days_chosen(view, filters)
    if filters.received_from or filters.received_to:
        compared = comparison(view, filters)
        if not compared.is_covered:
            return None, "; the lake does not have all of the earlier days to compare with"
        before_first, before_last = compared.before_first, compared.before_last
        said = f"; grey: from {before_first:%b} {before_first.day}, {before_first.year}, for comparison"
    elif filters.compare != "year":
        return None, "; choose days to see those before in grey"
    else:
        first, last = max(shown[0].first, first), min(shown[-1].last, last)
        before_first, before_last = days_before(first, last, "year")
        if before_last < view.built_from.first_day:
            return None, "; the lake has no year before to compare with"
        said = "; grey: the year before"
    are_months_paired = filters.compare == "year" or are_whole_months(first, last)
    return DaysCompared(first, last, before_first, before_last, are_months_paired), said


def earlier_periods(shown: Sequence[Period], days: DaysCompared) -> EarlierPeriods:
    """Return the earlier days that each period is compared with.

    Months are compared with months if `are_months_paired`. Any other period is compared with as many days, as far
    before it as `before_first` is before `first`; one whose earlier days are fewer is not compared.
    """
    if shown[0].grain == "month" and days.are_months_paired:
        months = calendar("month", days.before_first, days.before_last)
        buckets = [
            Bucket(one.first, max(begin, days.before_first), min(end, days.before_last))
            for one, (begin, end) in zip(shown, months, strict=False)  # the earlier days may have a month more
        ]
        return EarlierPeriods(buckets, _period("month", f"interval {_months_since(days)} month"))
    shift = days.first - days.before_first
    buckets = [Bucket(one.first, max(one.first, days.first) - shift, min(one.last, days.last) - shift) for one in shown]
    whole = [one for one in buckets if one.last <= days.before_last]
    return EarlierPeriods(whole, _period(shown[0].grain, str(shift.days)))


def _period(grain: str, shift: str) -> str:
    return f"date_trunc('{grain}', received_date + {shift})::date"


def _months_since(days: DaysCompared) -> int:
    return 12 * (days.first.year - days.before_first.year) + days.first.month - days.before_first.month
