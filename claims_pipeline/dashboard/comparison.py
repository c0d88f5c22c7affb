"""Days of receipt and the days that they are compared with."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from pydantic import BaseModel, Field

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.filters import Compare, Filters
from claims_pipeline.dashboard.grains import name_of
from claims_pipeline.dashboard.members import days_chosen

CHANGES_FOR_DAYS = 60
"""A claim gets its last status at most this many days after its receipt (the feed's life cycle)."""

DEFAULT_DAYS = 84
"""Without days chosen, the last twelve weeks are compared, or half of the days of a shorter lake."""


class ComparedDays(BaseModel):
    """The days that are compared with days before, ends included."""

    first_day: date
    last_day: date
    before_first_day: date
    before_last_day: date
    reason: str = Field(description="Why there is no comparison; empty where there is one.")
    changing_day_count: int = Field(
        description=f"Of the days from first_day to last_day, those in the last {CHANGES_FOR_DAYS} days of the data: "
        "their claims may still get another status."
    )


@dataclass(frozen=True)
class Comparison:
    """The days that are compared, ends included. `is_covered` tells whether the lake has all of the earlier ones."""

    first: date
    last: date
    before_first: date
    before_last: date
    is_covered: bool


def comparison(view: View, filters: Filters) -> Comparison:
    """Return the days chosen, and those that they are compared with.

    Whole months are compared with as many whole months before, other days with as many days before, or either with
    the same days of the year before.
    """
    first, last = days_chosen(view, filters)
    if not (filters.received_from or filters.received_to):
        first = last - timedelta(days=max(min(DEFAULT_DAYS, ((last - first).days + 1) // 2), 1) - 1)
    if first > last:  # the lake has none of the days
        return Comparison(first, last, first, last, is_covered=False)
    before_first, before_last = days_before(first, last, filters.compare)
    return Comparison(first, last, before_first, before_last, is_covered=view.built_from.first_day <= before_first)


def compared_days(view: View, compared: Comparison) -> ComparedDays:
    """Return the days that are compared, and why they are not if the lake does not have them."""
    reason = "" if compared.is_covered else f"There is nothing to compare with: {_lacking(view, compared)}."
    return ComparedDays(
        first_day=compared.first,
        last_day=compared.last,
        before_first_day=compared.before_first,
        before_last_day=compared.before_last,
        reason=reason,
        changing_day_count=_changing_day_count(view, compared),
    )


def changing_from(view: View) -> date:
    """Return the first day of receipt whose claims may still get another status."""
    built_from = view.built_from
    return max(built_from.first_day, built_from.last_day - timedelta(days=CHANGES_FOR_DAYS - 1))


def _changing_day_count(view: View, compared: Comparison) -> int:
    return max(0, (compared.last - max(compared.first, changing_from(view))).days + 1)


def _lacking(view: View, compared: Comparison) -> str:
    """Return what the lake lacks of the days that are compared, and what to choose instead, in words."""
    if compared.first > compared.last:
        first, last = (name_of("day", day) for day in (view.built_from.first_day, view.built_from.last_day))
        return f"the lake has claims from {first} to {last}. Choose days among these"
    first = name_of("day", view.built_from.first_day)
    return f"the lake has no claims from before {first}. Choose later days, or fewer against the days before"


def days_before(first: date, last: date, compare: Compare) -> tuple[date, date]:
    """Return the first and the last of the days that those from `first` to `last` are compared with."""
    if compare == "year":
        before_last = _month_shifted(last, -12)
        return _month_shifted(first, -12), _last_of_month(before_last) if are_whole_months(first, last) else before_last
    before_last = first - timedelta(days=1)
    if are_whole_months(first, last):
        months = (last.year - first.year) * 12 + last.month - first.month + 1
        return _month_shifted(first, -months), before_last
    return first - timedelta(days=(last - first).days + 1), before_last


def are_whole_months(first: date, last: date) -> bool:
    """Return whether the days from `first` to `last` are whole months."""
    return first.day == 1 and last == _last_of_month(last)


def _month_shifted(day: date, months: int) -> date:
    """Return the same day of another month, or the last of a month that does not have it."""
    index = day.year * 12 + day.month - 1 + months
    month = date(max(index // 12, 1), index % 12 + 1, 1)
    return month.replace(day=min(day.day, _last_of_month(month).day))


def _last_of_month(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])
