"""Days and weeks of receipt with far more or fewer claims or charges than usual.

A day is compared with the same weekday of the eight weeks before, a week with the eight weeks before it. The score is
the robust z of ln((value + 1) / (median of those + 1)): 0.6745 (x - median) / MAD over all days or weeks. Beyond 3.5 it
is an anomaly, if it is also far from that median (SMALLEST_RATIO) and not of too few claims (FEWEST_CLAIMS). The first
four weeks have nothing to compare with, and a first or last week counts only if it is complete.
"""

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, Field

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.measures import MEASURES
from claims_pipeline.dashboard.members import days_chosen
from claims_pipeline.dashboard.shown_sql import RUN_AS_IT_IS, shown_sql
from claims_pipeline.reference.holidays import federal_holidays

WEEKS_BEFORE, FEWEST_BEFORE = 8, 4
ANOMALY_SCORE = 3.5
FEWEST_CLAIMS = 20
"""Where fewer claims are usual, chance alone doubles them."""
SMALLEST_RATIO = 1.25
"""A value within a quarter of the usual one is not worth a look, however steady the others are."""

Measured = Literal["claims", "charges"]


class Anomaly(BaseModel):
    """A day or week of receipt with far more or less than usual."""

    grain: Literal["day", "week"]
    first_day: date
    last_day: date
    measured: Measured
    value: float
    usual: float
    score: float
    holidays: list[str] = Field(
        description="Federal holidays that explain less than usual; empty where nothing explains it."
    )
    reason: str


class Anomalies(BaseModel):
    """The unusual days and weeks under the filters."""

    items: list[Anomaly] = Field(description="The latest first.")
    sql: str = Field(description=RUN_AS_IT_IS)


def anomalies(view: View, filters: Filters) -> Anomalies:
    """Return the anomalies under the filters, the latest first."""
    claims, charges = (MEASURES[name].of_totals(filters.charged) for name in ("claim_count", "charge_amount"))
    counted = (
        f"select received_date as day, {claims} as claims, {charges} as charges\n"
        f"    from {filters.claims_by_day} {filters.where} group by all"
    )
    sql = anomalies_sql(counted, *days_chosen(view, filters))
    rows = view.select_remembered(sql, *filters.parameters)
    return Anomalies(items=[anomaly(row) for row in rows], sql=shown_sql(sql, filters.parameters))


def anomalies_sql(counted: str, first: date, last: date) -> str:
    """Return the query of the anomalies from `first` to `last`.

    Args:
        counted: a query of the claims and charges of each day that has some: day, claims, charges.
        first: the first day that may be compared, or be compared with.
        last: the last of those days.
    """
    return f"""with counted as (
    {counted}
),
days as (
    select unnest(generate_series(date '{first}', date '{last}', interval 1 day))::date as day
),
periods as (
    select 'day' as grain, day as first_day, day as last_day, isodow(day) as compared_with,
        coalesce(claims, 0)::double as claims, coalesce(charges, 0)::double as charges
    from days left join counted using (day)
    union all
    select 'week', min(day), max(day), 0, coalesce(sum(claims), 0)::double, coalesce(sum(charges), 0)::double
    from days left join counted using (day) group by date_trunc('week', day) having count(*) = 7
),
compared as (
    select *, count(*) over earlier as period_count, median(claims) over earlier as usual_claims,
        median(charges) over earlier as usual_charges
    from periods
    window earlier as (
        partition by grain, compared_with order by first_day rows between {WEEKS_BEFORE} preceding and 1 preceding
    )
),
measured as (
    select *, 'claims' as measured, claims as value, usual_claims as usual from compared
    union all
    select *, 'charges', charges, usual_charges from compared
),
logs as (
    select *, ln((greatest(value, 0) + 1) / (greatest(usual, 0) + 1)) as log_ratio  -- a negative sum counts as none
    from measured where period_count >= {FEWEST_BEFORE}
),
centered as (
    select *, log_ratio - median(log_ratio) over (partition by grain, measured) as deviation from logs
),
scored as (
    select *, 0.6745 * deviation / nullif(median(abs(deviation)) over (partition by grain, measured), 0) as score
    from centered
)
select grain, first_day, last_day, measured, value, usual, round(score, 1) as score
from scored
where abs(score) > {ANOMALY_SCORE} and abs(log_ratio) > ln({SMALLEST_RATIO}) and usual_claims >= {FEWEST_CLAIMS}
order by first_day desc, grain desc, measured desc"""


def anomaly(row: dict[str, Any]) -> Anomaly:
    """Return a row of the query with the reason in words."""
    first, last, value, usual = row["first_day"], row["last_day"], row["value"], row["usual"]

    def said(amount: float) -> str:
        return f"${amount:,.0f}" if row["measured"] == "charges" else f"{amount:,.0f} claims"

    compared = f"a {first:%A}" if row["grain"] == "day" else "a week"
    more = "more" if value > usual else "less" if row["measured"] == "charges" else "fewer"
    holidays = _holidays(first, last) if value < usual else []
    reason = f"{said(value)} received, {more} than the usual {said(usual)} of {compared} in the weeks before"
    return Anomaly.model_validate(
        row | {"holidays": holidays, "reason": reason + "".join(f" ({name})" for name in holidays)}
    )


def _holidays(first: date, last: date) -> list[str]:
    """Return the names of the federal holidays from `first` to `last`: many practices are closed then."""
    years = range(first.year, last.year + 2)  # New Year's Day may be kept on December 31
    return [one.name for year in years for one in federal_holidays(year) if first <= one.day <= last]
