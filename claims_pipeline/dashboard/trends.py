"""The trends of the headline cards: each figure by day, or complete week or month, of receipt."""

from datetime import date
from typing import Any

from pydantic import BaseModel, Field

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.cards import SHOWN
from claims_pipeline.dashboard.charts.periods import Period, complete_periods
from claims_pipeline.dashboard.concentration import top_share_trend_sql
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.measures import MEASURES, Measure, plain_number
from claims_pipeline.dashboard.members import NOT_JOINED, Bucket, Members, members_by_bucket, values_with_members
from claims_pipeline.dashboard.shown_sql import RUN_AS_IT_IS, shown_sql


class Trend(BaseModel):
    """The figure of a card over time."""

    name: str = Field(description="Of the card.")
    values: list[float | int | None] = Field(description="In the order of first_days; null where there is none.")
    sql: str = Field(
        description=f"Also of weeks or months that are not complete, not of those without claims. {RUN_AS_IT_IS}"
    )


class Trends(BaseModel):
    """The figures of the cards over time."""

    first_days: list[date] = Field(description="The first of each day, or complete week or month, of receipt.")
    changing_count: int = Field(description="How many of the last of these may still change: their claims are recent.")
    items: list[Trend] = Field(description="One for each card; none where the lake has none of the days.")


def trends(view: View, filters: Filters) -> Trends:
    """Return the figure of each card by day, week or month of receipt; only those that are complete."""
    shown = complete_periods(view, filters)
    if not shown:
        return Trends(first_days=[], changing_count=0, items=[])
    start = f"date_trunc('{shown[0].grain}', received_date)::date"
    joined = members_by_bucket(filters, [Bucket(one.first, one.first, one.last) for one in shown], start)
    found = _figures(view, filters, start, joined)
    with_members = values_with_members(view, joined)
    items = [
        Trend(
            name=name,
            values=[
                found[one.first][name]
                if one.first in found
                else _without_claims(MEASURES[name], has_members=one.first in with_members)
                for one in shown
            ],
            sql=_sql(filters, start, MEASURES[name], joined),
        )
        for name in SHOWN
    ]
    return Trends(
        first_days=[one.first for one in shown],
        changing_count=sum(one.is_changing for one in shown),
        items=[*items, _of_top_share(view, filters, shown)],
    )


def _figures(view: View, filters: Filters, start: str, joined: Members) -> dict[date, dict[str, Any]]:
    """Return the figures of the claims by the first day of their period."""
    figures = ", ".join(f"{MEASURES[name].of_values(filters.charged)} as {name}" for name in SHOWN)
    rows = view.select_remembered(
        f"{joined.with_clause} select {start} as first_day, {figures} from claims_current {joined.join} "
        f"{filters.where} group by all",
        *joined.parameters,
        *filters.parameters,
    )
    return {row["first_day"]: {name: plain_number(row[name]) for name in SHOWN} for row in rows}


def _without_claims(measure: Measure, *, has_members: bool) -> int | None:
    """Return the figure of days without claims: nothing for each member, if there are members."""
    return 0 if measure.is_additive or (measure.is_per_member and has_members) else None


def _sql(filters: Filters, start: str, measure: Measure, of_members: Members) -> str:
    joined = of_members if measure.is_per_member else NOT_JOINED
    sql = (
        f"{joined.with_clause}\nselect {start} as first_day, {measure.of_values(filters.charged)} as {measure.name}\n"
        f"from claims_current {joined.join}\n{filters.where}\ngroup by all\norder by first_day"
    )
    return shown_sql(sql, [*joined.parameters, *filters.parameters])


def _of_top_share(view: View, filters: Filters, shown: list[Period]) -> Trend:
    sql = top_share_trend_sql(filters, shown[0].grain)
    rows = view.select_remembered(sql, *filters.parameters)
    shares = {row["first_day"]: row["top_5_percent"] for row in rows}
    return Trend(
        name="top_5_percent",
        values=[shares.get(one.first) for one in shown],
        sql=shown_sql(sql, filters.parameters),
    )
