"""The lists of claims and patients: sorted, filtered, in pages."""

from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from claims_pipeline.dashboard.analytics import Rows, View
from claims_pipeline.dashboard.answers import ClaimPage, PatientPage
from claims_pipeline.dashboard.filters import PATIENT_MATCHES, Filters
from claims_pipeline.reference import diagnosis_labels, place_of_service_labels, procedure_labels

MAX_OFFSET = 1_000_000
"""Beyond it a page takes long, and nobody turns 20,000 pages: filter, or sort the other way."""
_COUNT = Field(default=50, ge=1, le=1_000, description="Items in one answer.")
_OFFSET = Field(default=0, ge=0, le=MAX_OFFSET, description="Items to skip.")

ClaimSort = Literal[
    "claim_id", "-claim_id",
    "claim_status", "-claim_status",
    "received_date", "-received_date",
    "claim_start_date", "-claim_start_date",
    "patient_name", "-patient_name",
    "facility_state", "-facility_state",
    "total_charge_amount", "-total_charge_amount",
]  # fmt: skip
PatientSort = Literal[
    "patient_id", "-patient_id",
    "last_name", "-last_name",
    "birth_date", "-birth_date",
    "state", "-state",
    "claim_count", "-claim_count",
    "active_charge_amount", "-active_charge_amount",
]  # fmt: skip


class ClaimQuery(Filters):
    """Filters, order and part of the list of claims."""

    count: int = _COUNT
    offset: int = _OFFSET
    sort: ClaimSort = Field(default="-received_date", description="Column to sort by; with a minus, descending.")


class PatientQuery(BaseModel):
    """Filter, order and part of the list of patients."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    patient: str | None = Field(default=None, min_length=1, max_length=100, description="An id, or part of a name.")
    count: int = _COUNT
    offset: int = _OFFSET
    sort: PatientSort = Field(default="patient_id", description="Column to sort by; with a minus, descending.")


def claim_page(view: View, query: ClaimQuery) -> ClaimPage:
    """Return a part of the list of claims."""
    total = view.select_remembered(
        f"select coalesce(sum(claim_count), 0)::bigint as n from {query.claims_by_day} {query.where}",
        *query.parameters,
    )[0]["n"]
    order = _order(query.sort, "claims_current.rowid")
    rows = view.select(  # finding the page's places first makes a deep page five times as fast as sorting whole rows
        f"""
        with page as (select rowid as place from claims_current {query.where} {order} limit ? offset ?)
        select claims_current.*, payer_name, plan_name
        from claims_current left join coverages_current using (coverage_id)
        where claims_current.rowid in (select place from page) {order}
        """,
        *query.parameters,
        query.count,
        query.offset,
    )
    return ClaimPage(items=_with_labels(rows), **_paging("/api/claims", query, total))


def patient_page(view: View, query: PatientQuery) -> PatientPage:
    """Return a part of the list of patients."""
    where = f"where {PATIENT_MATCHES}" if query.patient else ""
    parameters = [query.patient] * 2 if query.patient else []
    total = view.select_remembered(f"select count(*) as n from patients_current {where}", *parameters)[0]["n"]
    rows = view.select(
        f"select * exclude (first_received_date, address_line, zip_code, as_of_date) "
        f"from patients_current join patient_totals using (patient_id) {where} "
        f"{_order(query.sort, 'patient_id')} limit ? offset ?",
        *parameters,
        query.count,
        query.offset,
    )
    return PatientPage(items=rows, **_paging("/api/patients", query, total))


def _order(sort: str, key: str) -> str:
    """Return the ORDER BY clause. `key` settles ties; rows are stored by day and id, and rowid compares faster."""
    direction = "desc" if sort.startswith("-") else "asc"
    return f"order by {sort.removeprefix('-')} {direction}, {key} {direction}"


def _paging(path: str, query: ClaimQuery | PatientQuery, total: int) -> dict[str, Any]:
    def address(offset: int) -> str:
        given = query.model_dump(mode="json", exclude_defaults=True) | {"count": query.count, "offset": offset}
        return f"{path}?{urlencode(given, doseq=True)}"

    following, preceding = query.offset + query.count, max(query.offset - query.count, 0)
    return {
        "total": total,
        "count": query.count,
        "offset": query.offset,
        "next": address(following) if following < total and following <= MAX_OFFSET else None,
        "previous": address(preceding) if query.offset else None,
    }


def _with_labels(rows: Rows) -> Rows:
    procedures, diagnoses, places = procedure_labels(), diagnosis_labels(), place_of_service_labels()
    return [
        row
        | {
            "procedures": [_code(code, procedures) for code in row["hcpcs_codes"]],
            "diagnoses": [_code(code, diagnoses) for code in row["diagnosis_codes"]],
            "place_of_service": _code(row["place_of_service_code"], places),
        }
        for row in rows
    ]


def _code(code: str, labels: dict[str, str]) -> dict[str, str]:
    return {"code": code, "label": labels.get(code, "")}
