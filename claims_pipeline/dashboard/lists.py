"""The lists of claims and patients: sorted, filtered, in parts."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from claims_pipeline.dashboard.analytics import Rows, View
from claims_pipeline.dashboard.answers import Amount
from claims_pipeline.dashboard.filters import ClaimStatus, Filters
from claims_pipeline.dashboard.measures import MEASURES
from claims_pipeline.dashboard.parts import ListQuery, Page, paging, part_of
from claims_pipeline.dashboard.shown_sql import RUN_AS_IT_IS, shown_sql
from claims_pipeline.dashboard.texts import PatientText, patient_condition
from claims_pipeline.reference import diagnosis_labels, place_of_service_labels, procedure_labels


class Code(BaseModel):
    """A code and our own short label for it, empty where we have none."""

    code: str
    label: str


class Claim(BaseModel):
    """One claim in its current version."""

    claim_id: str
    claim_status: ClaimStatus
    received_date: date
    claim_start_date: date
    claim_end_date: date
    patient_id: str
    patient_name: str
    payer_name: str | None
    plan_name: str | None
    practitioner_id: str
    practitioner_name: str
    specialty: str
    diagnoses: list[Code] = Field(description="ICD-10-CM, the principal one first.")
    procedures: list[Code] = Field(description="CPT or HCPCS, one for each service line, in order.")
    place_of_service: Code
    facility_city: str
    facility_state: str
    total_charge_amount: Amount


class Patient(BaseModel):
    """One patient with a claim, at the last known address."""

    patient_id: str
    first_name: str
    last_name: str
    gender: str
    birth_date: date
    city: str
    state: str
    claim_count: int
    active_charge_amount: Amount
    last_received_date: date


class ClaimPage(Page):
    """A part of the list of claims."""

    items: list[Claim]
    total_sql: str = Field(description=f"Of `total`. {RUN_AS_IT_IS}")
    sql: str = Field(description=f"Of `items`. {RUN_AS_IT_IS} A part `before` a place is in reverse order there.")


class PatientPage(Page):
    """A part of the list of patients."""

    items: list[Patient]


ClaimSort = Literal[
    "claim_id", "-claim_id",
    "claim_status", "-claim_status",
    "received_date", "-received_date",
    "claim_start_date", "-claim_start_date",
    "patient_name", "-patient_name",
    "payer_name", "-payer_name",
    "plan_name", "-plan_name",
    "practitioner_name", "-practitioner_name",
    "specialty", "-specialty",
    "principal_diagnosis_code", "-principal_diagnosis_code",
    "first_hcpcs_code", "-first_hcpcs_code",
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


_CODES = {"diagnoses": "diagnosis_codes", "procedures": "hcpcs_codes", "place_of_service": "place_of_service_code"}
"""The columns with the codes that get labels."""
_COLUMNS = ", ".join(
    [*(_CODES.get(name, name) for name in Claim.model_fields), "principal_diagnosis_code", "first_hcpcs_code"]
)
"""What the list of claims returns or is sorted by. The rows of a page lie all over the file, so columns cost time."""


class ClaimQuery(Filters, ListQuery):
    """Filters, order and part of the list of claims."""

    sort: ClaimSort = Field(default="-received_date", description="Column to sort by; with a minus, descending.")


class PatientQuery(ListQuery):
    """Filter, order and part of the list of patients."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    patient: PatientText | None = Field(
        default=None, description="A part of an id, parts of the names, or 'Last, First'."
    )
    sort: PatientSort = Field(default="patient_id", description="Column to sort by; with a minus, descending.")


def claim_page(view: View, query: ClaimQuery) -> ClaimPage:
    """Return a part of the list of claims."""
    counted = f"select {MEASURES['claim_count'].of_totals(query.charged)} as n from {query.claims_by_day} {query.where}"
    total = view.select_remembered(counted, *query.parameters)[0]["n"]
    part = part_of(query, key="claim_id", number="claim_number", total=total)
    where = " and ".join(filter(None, [query.where.removeprefix("where "), part.condition]))
    # finding the page's rows first makes a deep page five times as fast as sorting whole rows
    sql = f"""with page as materialized (
    select rowid as row from claims_current {where and f"where {where}"} {part.order} limit ? offset ?
)
select {_COLUMNS}
from claims_current where rowid in (select row from page) {part.order_of_list}"""
    parameters = [*query.parameters, *part.values, part.limit, part.skip]
    rows = view.select(sql, *parameters)
    return ClaimPage(
        items=with_labels(rows),
        total_sql=shown_sql(counted, query.parameters),
        sql=shown_sql(sql, parameters),
        **paging("/api/claims", query, rows, part, key="claim_id"),
    )


def patient_page(view: View, query: PatientQuery) -> PatientPage:
    """Return a part of the list of patients."""
    condition, parameters = patient_condition(query.patient) if query.patient else ("", [])
    total = view.select_remembered(
        f"select count(*) as n from patients_current semi join patient_totals using (patient_number) "
        f"{condition and f'where {condition}'}",
        *parameters,
    )[0]["n"]
    part = part_of(query, key="patient_id", number="patient_number", total=total)
    where = " and ".join(filter(None, [condition, part.condition]))
    rows = view.select(
        f"select * exclude (first_received_date, address_line, zip_code, as_of_date) "
        f"from patients_current join patient_totals using (patient_id, patient_number) {where and f'where {where}'} "
        f"{part.order} limit ? offset ?",
        *parameters,
        *part.values,
        part.limit,
        part.skip,
    )
    rows = part.in_order(rows)
    return PatientPage(items=rows, **paging("/api/patients", query, rows, part, key="patient_id"))


def with_labels(rows: Rows) -> Rows:
    """Return rows of `claims_current` with the labels of their codes."""
    procedures, diagnoses, places = procedure_labels(), diagnosis_labels(), place_of_service_labels()
    return [
        row
        | {
            "procedures": [code_of(code, procedures) for code in row["hcpcs_codes"]],
            "diagnoses": [code_of(code, diagnoses) for code in row["diagnosis_codes"]],
            "place_of_service": code_of(row["place_of_service_code"], places),
        }
        for row in rows
    ]


def code_of(code: str, labels: dict[str, str]) -> dict[str, str]:
    """Return a code with its label, empty where there is none."""
    return {"code": code, "label": labels.get(code, "")}
