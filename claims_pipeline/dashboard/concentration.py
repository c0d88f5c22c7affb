"""How the charges are spread over the patients: what share the costliest of those with charges above 0 have."""

from pydantic import BaseModel, Field

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.answers import Amount
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.grains import Grain
from claims_pipeline.dashboard.shown_sql import RUN_AS_IT_IS, shown_sql

PERCENTILES = (1, 5, 10, 20, 50, 100)

_SPENT = """with spent as materialized (
    select sum(total_charge_amount)::decimal(18, 2) as amount from claims_current {where} group by patient_number
    having amount > 0
),"""

_SHARES = (
    _SPENT
    + """
ranked as (
    select list_reverse_sort(list(amount)) as amounts, count(*) as patients, sum(amount) as total from spent
)
select top_percent, (top_percent * patients + 99) // 100 as patient_count,
    list_sum(amounts[:patient_count])::decimal(18, 2) as charge_amount,
    round(100.0 * charge_amount / nullif(total, 0), 1) as charge_percent
from ranked, (select unnest({percentiles}) as top_percent)
where patients > 0
order by top_percent"""
)

TOP_PERCENT = 5
"""Of the patients with charges, in the card and its trend."""

_TOP_SHARE = (
    _SPENT
    + """
-- only amounts that may be among the highest are sorted: those of a few more patients than are added up
highest as (
    select quantile_disc(amount, {low}) as low, count(*) as patients, sum(amount) as total from spent
),
ranked as (
    select list_reverse_sort(list(amount)) as amounts, any_value(patients) as patients, any_value(total) as total
    from spent join highest on amount >= low
)
select round(
    100.0 * list_sum(amounts[:({top} * patients + 99) // 100]) / nullif(total, 0), 1
) as top_5_percent
from ranked"""
)

_COURSE = """with spent as (
    select date_trunc('{grain}', received_date)::date as first_day, sum(total_charge_amount)::decimal(18, 2) as amount
    from claims_current {where} group by first_day, patient_number having amount > 0
),
ranked as (
    select first_day, list_reverse_sort(list(amount)) as amounts, count(*) as patients, sum(amount) as total
    from spent group by first_day
)
select first_day, round(
    100.0 * list_sum(amounts[:({top} * patients + 99) // 100]) / nullif(total, 0), 1
) as top_5_percent
from ranked
order by first_day"""


class TopShare(BaseModel):
    """What the costliest patients have of the charges."""

    top_percent: int = Field(description="Of the patients with charges; at least one patient.")
    patient_count: int
    charge_amount: Amount
    charge_percent: float | None


class Concentration(BaseModel):
    """The charges of the costliest patients under the filters; no row where nobody has charges."""

    items: list[TopShare]
    sql: str = Field(description=RUN_AS_IT_IS)


def concentration(view: View, filters: Filters) -> Concentration:
    """Return the shares of the charges that the costliest patients have, from the top 1% to all of them."""
    sql = shares_sql(filters)
    rows = view.select_remembered(sql, *filters.parameters)
    return Concentration(items=[TopShare.model_validate(row) for row in rows], sql=shown_sql(sql, filters.parameters))


def shares_sql(filters: Filters) -> str:
    """Return the query of the shares, one row for each of PERCENTILES; none without charges."""
    return _SHARES.format(where=filters.where_charged(), percentiles=list(PERCENTILES))


def top_share_sql(filters: Filters) -> str:
    """Return the query of the share of the charges that the costliest 5% of the patients have, null without charges."""
    return _TOP_SHARE.format(where=filters.where_charged(), low=1 - 1.2 * TOP_PERCENT / 100, top=TOP_PERCENT)


def top_share_trend_sql(filters: Filters, grain: Grain) -> str:
    """Return the query of that share by day, week or month of receipt, a row for each with charges."""
    return _COURSE.format(where=filters.where_charged(), grain=grain, top=TOP_PERCENT)
