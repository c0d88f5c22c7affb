"""Providers and claims whose charges, or levels of visits, are far from those of their specialty.

The models provider_outliers, claim_outliers and visit_outliers have those of all claims, and say what the score is.
Under filters the statement of the model runs over the claims that the filters select.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, Field

from claims_pipeline.aggregate import MODELS
from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.dimensions import DIMENSIONS
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.shown_sql import RUN_AS_IT_IS, shown_sql

MOST_REMEMBERED = 1_000
"""Longer answers are for files, and would take much memory."""


class Outlier(BaseModel):
    """A provider or claim whose charges, or levels of visits, are far from those of the peers."""

    kind: Literal["provider", "claim"]
    value: str = Field(description="The id.")
    label: str
    specialty: str
    amount: float = Field(description="Charges per patient, or of the claim, or average level of the visits.")
    claim_count: int = Field(description="Claims, or visits, of the provider; 0 for a claim.")
    peer_amount: float = Field(description="Median of the peers.")
    peer_count: int
    score: float = Field(description="Robust z of the logarithm.")
    reason: str


class Outliers(BaseModel):
    """The providers or claims under the filters that are far from their peers."""

    items: list[Outlier] = Field(description="The farthest first.")
    total: int = Field(description="Outliers that there are, also those that are not in the answer.")
    sql: str = Field(description=RUN_AS_IT_IS)


class OutlierQuery(Filters):
    """Filters, and what is compared with its peers."""

    of: Literal["providers", "claims", "visits"] = Field(
        default="providers",
        description="Charges of a provider per patient, or of a claim, or the average level of a provider's "
        "established office visits (1 of 99211 to 5 of 99215), against the specialty.",
    )
    count: int = Field(default=20, ge=1, le=50_000, description="Outliers in the answer, the farthest first.")


def cost_outliers(view: View, query: OutlierQuery) -> Outliers:
    """Return the providers or claims that are far from their peers."""
    kind, columns = _KINDS[query.of]
    sql = (
        f"{_chosen_claims(query)}select {columns}, specialty, round(amount, 2) as amount, "
        f"round(peer_amount, 2) as peer_amount, peer_count, round(score, 1) as score,\n"
        f"    count(*) over () as outlier_count\n"
        f"from {_outliers(query)}\norder by abs(outliers.score) desc, value\nlimit {query.count}"
    )
    select = view.select_remembered if query.count <= MOST_REMEMBERED else view.select
    rows = select(sql, *query.parameters)
    total = [row.pop("outlier_count") for row in rows]
    return Outliers(
        items=[Outlier(kind=kind, reason=_reason(row, query.of), **row) for row in rows],
        total=total[0] if total else 0,
        sql=shown_sql(sql, query.parameters),
    )


_KINDS: Mapping[str, tuple[Literal["provider", "claim"], str]] = MappingProxyType(
    {
        "providers": ("provider", "practitioner_id as value, practitioner_name as label, claim_count"),
        "claims": ("claim", "claim_id as value, patient_name as label, 0 as claim_count"),
        "visits": ("provider", "practitioner_id as value, practitioner_name as label, claim_count"),
    }
)


def _chosen_claims(query: OutlierQuery) -> str:
    """Return a `with` clause in which `claims_current` are the claims that the filters select.

    The models compare active claims. With a status filter all of the claims count, so they are called active here.
    """
    if not query.where:
        return ""
    columns = "* replace ('active' as claim_status)" if query.status else "*"
    return f"with claims_current as (\nselect {columns} from main.claims_current\n{query.where}\n)\n"


def _outliers(query: OutlierQuery) -> str:
    model = _MODELS[query.of]
    return f"(\n{model.sql}) as outliers" if query.where else f"{model.name} as outliers"


_MODELS = {f"{model.name.removesuffix('_outliers')}s": model for model in MODELS if model.name.endswith("_outliers")}


def _reason(row: dict[str, Any], of: str) -> str:
    if of == "visits":
        return (
            f"{row['claim_count']:,} established office visits of level {row['amount']:.1f} on average, "
            f"the median of {_peers(row)} is {row['peer_amount']:.1f} (1 is 99211, 5 is 99215)"
        )
    times = row["amount"] / row["peer_amount"]
    compared = f"{times:.1f} times" if times >= 1 else f"{100 * times:.0f}% of"
    what = "per patient" if row["claim_count"] else "on one claim"
    return f"${row['amount']:,.2f} {what}, {compared} the median of {_peers(row)} (${row['peer_amount']:,.2f})"


def _peers(row: dict[str, Any]) -> str:
    return f"{row['peer_count']:,} peers in {DIMENSIONS['specialty'].labeller()(row['specialty'])}"
