"""Providers and claims whose charges are far from those of their specialty.

The score is the robust z of the logarithm: 0.6745 (ln x - median) / MAD over the peers of the same specialty, where MAD
is the median distance from the median. Above 3.5 a value is an outlier (Iglewicz and Hoaglin, How to Detect and Handle
Outliers, 1993). A specialty with fewer than `FEWEST_PEERS` peers, or whose peers are all alike, has no outliers.
"""

from typing import Any, Literal

from pydantic import BaseModel, Field

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.answers import RUN_AS_IT_IS
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.shown_sql import shown_sql

OUTLIER_SCORE = 3.5
FEWEST_PEERS = 8
FEWEST_CLAIMS = 10
"""A provider with fewer claims is not compared: one expensive patient would make an outlier of them."""


class Outlier(BaseModel):
    """A provider or claim whose charges are far from those of the peers."""

    kind: Literal["provider", "claim"]
    value: str = Field(description="The id.")
    label: str
    specialty: str
    amount: float = Field(description="Charges for one patient, or of the claim.")
    claim_count: int = Field(description="Claims of the provider; 0 for a claim.")
    peer_amount: float = Field(description="Median of the peers.")
    peer_count: int
    score: float = Field(description="Robust z of the logarithm.")
    reason: str
    sql: str = Field(description=RUN_AS_IT_IS)


class OutlierQuery(Filters):
    """Filters, and what is compared with its peers."""

    of: Literal["providers", "claims"] = Field(
        default="providers", description="Charges of a provider for one patient, or of a claim, against the specialty."
    )
    count: int = Field(default=20, ge=1, le=1_000, description="Outliers in the answer, the farthest first.")


def cost_outliers(view: View, query: OutlierQuery) -> list[Outlier]:
    """Return the providers or claims that charge far more or less than their peers."""
    compared = _PROVIDERS if query.of == "providers" else _CLAIMS
    where = f"{query.where} {'and' if query.where else 'where'} {query.charged} and total_charge_amount > 0"
    sql = _SCORED.format(compared=compared.format(where=where), count=query.count)
    rows = view.select_remembered(sql, *query.parameters)
    shown = shown_sql(sql, query.parameters)
    return [Outlier(kind="provider" if query.of == "providers" else "claim", reason=_reason(row), sql=shown, **row)
            for row in rows]  # fmt: skip


def _reason(row: dict[str, Any]) -> str:
    times = row["amount"] / row["peer_amount"]
    compared = f"{times:.1f} times" if times >= 1 else f"{100 * times:.0f}% of"
    what = "for one patient" if row["claim_count"] else "on one claim"
    specialty = row["specialty"].replace("_", " ")
    return (
        f"${row['amount']:,.2f} {what}, {compared} the median of {row['peer_count']:,} peers in {specialty} "
        f"(${row['peer_amount']:,.2f})"
    )


_PROVIDERS = f"""
    select practitioner_id as value, any_value(practitioner_name) as label, specialty,
        (sum(total_charge_amount) / count(distinct patient_number))::double as amount, count(*) as claim_count
    from claims_current {{where}}
    group by practitioner_id, specialty having count(*) >= {FEWEST_CLAIMS}"""

_CLAIMS = """
    select claim_id as value, patient_name as label, specialty, total_charge_amount::double as amount, 0 as claim_count
    from claims_current {where}"""

_SCORED = f"""with compared as materialized ({{compared}}
),
logs as (select *, ln(amount) as log_amount from compared),
peers as (
    select specialty, median(log_amount) as center, mad(log_amount) as spread, count(*) as peer_count
    from logs group by specialty
),
scored as (
    select *, 0.6745 * (log_amount - center) / spread as z from logs join peers using (specialty)
    where peer_count >= {FEWEST_PEERS} and spread > 1e-9
)
select value, label, specialty, round(amount, 2) as amount, claim_count, round(exp(center), 2) as peer_amount,
    peer_count, round(z, 1) as score
from scored where abs(z) > {OUTLIER_SCORE}
order by abs(z) desc, value
limit {{count}}"""
