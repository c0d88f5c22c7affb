"""How the charges are spread over the patients: what share the costliest of them have."""

from pydantic import BaseModel, Field

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.answers import Amount
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.shown_sql import RUN_AS_IT_IS, shown_sql

PERCENTILES = (1, 5, 10, 20, 50, 100)

_SHARES = """with spent as (
    select sum(total_charge_amount)::decimal(18, 2) as amount from claims_current {where} group by patient_number
),
ranked as (
    select list_reverse_sort(list(amount)) as amounts, count(*) as patients, sum(amount) as total from spent
)
select top_percent, greatest(ceil(top_percent / 100.0 * patients), 1)::bigint as patient_count,
    list_sum(amounts[:patient_count])::decimal(18, 2) as charge_amount,
    round(100.0 * charge_amount / nullif(total, 0), 1) as charge_percent
from ranked, (select unnest({percentiles}) as top_percent)
where patients > 0
order by top_percent"""


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
    """Return the query of the shares, one row for each of PERCENTILES."""
    where = f"{filters.where} {'and' if filters.where else 'where'} {filters.charged}"
    return _SHARES.format(where=where, percentiles=list(PERCENTILES))
