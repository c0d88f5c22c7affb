"""Member months under the filters, beside the claims that they are the denominator of.

A month that the days cover only in part counts by its share of days. Filters by plan, plan type, payer, age,
gender and patient's state choose members as well as claims; the others choose claims only, so charges PMPM by specialty
add up to those of all.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.dimensions import Dimension
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.grains import calendar, months_between

_SHARE_OF_MONTH = """greatest(
    least(last_day(month_start), last_day_chosen) - greatest(month_start, first_day_chosen) + 1, 0
) / day(last_day(month_start))"""


class Bucket(NamedTuple):
    """Days from `first` to `last` that are counted under `start`."""

    start: date
    first: date
    last: date


class Members(NamedTuple):
    """A `with` clause that defines `members`, and how a table of claims is joined to it.

    Attributes:
        with_clause: it has the columns member_value, member_months and months_chosen.
        join: gives each claim the columns member_months and months_chosen.
        parameters: values for the placeholders in `with_clause`.
    """

    with_clause: str
    join: str
    parameters: tuple[Any, ...]


NOT_JOINED = Members("", "", ())
"""For a query that needs no members."""


def days_chosen(view: View, filters: Filters) -> tuple[date, date]:
    """Return the first and the last day of receipt under the filters that the lake covers."""
    built_from = view.built_from
    first = max(filters.received_from or date.min, built_from.first_day)
    return first, min(filters.received_to or date.max, built_from.last_day)


def members(view: View, filters: Filters, dimension: Dimension | None = None) -> Members:
    """Return the member months of the days chosen, of each value of `dimension` if it divides members."""
    column = dimension.column if dimension and dimension.is_of_members else ""
    value = column or "'all'"
    first, last = days_chosen(view, filters)
    if dimension and dimension.grain and first <= last:
        periods = calendar(dimension.grain, first, last)
        buckets = [Bucket(begin, max(begin, first), min(end, last)) for begin, end in periods]
        return members_by_bucket(filters, buckets, dimension.column)
    join = f"left join members on member_value = {value}"
    return _members(filters, [Bucket(first, first, last)], value, join, column=column)


def members_by_bucket(filters: Filters, buckets: Sequence[Bucket], claim_bucket: str) -> Members:
    """Return the member months of each bucket; `claim_bucket` is SQL for the start of the bucket of a claim."""
    return _members(filters, buckets, "bucket_start", f"left join members on member_value = {claim_bucket}")


def values_with_members(view: View, joined: Members) -> set[Any]:
    """Return the values, or the starts of the buckets, that have members, with or without a claim."""
    sql = f"{joined.with_clause}\nselect member_value from members where member_months > 0"
    return {row["member_value"] for row in view.select_remembered(sql, *joined.parameters)}


def _members(filters: Filters, buckets: Sequence[Bucket], value: str, join: str, *, column: str = "") -> Members:
    """Return the members by `value`, SQL over the buckets and `column` of member_months."""
    rows = ", ".join(
        f"(date '{one.start}', date '{one.first}', date '{one.last}', {months_between(one.first, one.last)})"
        for one in buckets
    )
    # a search for patients chooses persons, not members: per member has no meaning then
    months = "null" if filters.patient else f"nullif(sum(member_count * {_SHARE_OF_MONTH}), 0)"
    with_clause = f"""with members as (
    select {value} as member_value, {months} as member_months, any_value(months_chosen) as months_chosen
    from (
        select month_start, {f"{column}, " if column else ""}sum(member_count) as member_count
        from member_months
        where true{filters.where_of_members}
        group by all
    ), (values {rows}) as buckets (bucket_start, first_day_chosen, last_day_chosen, months_chosen)
    where month_start <= last_day_chosen and last_day(month_start) >= first_day_chosen
    group by member_value
)"""
    return Members(with_clause, join, tuple(filters.parameters_of_members))
