"""What the API answers: the shapes behind its OpenAPI description."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, PlainSerializer

from claims_pipeline.dashboard.charts.registry import Width
from claims_pipeline.dashboard.filters import ClaimStatus

Amount = Annotated[
    Decimal, PlainSerializer(float, return_type=float, when_used="json"), Field(description="US dollars")
]
"""A JSON number; two decimals survive the way through a double up to 10^13 dollars."""

RUN_AS_IT_IS = "Returns the same on a copy of analytics.duckdb."


class Problem(BaseModel):
    """The one shape of an error, on every route."""

    message: str = Field(description="What is wrong.")
    where: str = Field(description="The route, parameter or file concerned.")
    fix: str = Field(description="What to do next, often a command.")
    parameters: dict[str, str] = Field(
        default_factory=dict, description="What is wrong with each parameter that is wrong, by its name."
    )


class StatusCount(BaseModel):
    """Claims of one status."""

    claim_status: ClaimStatus
    claim_count: int


class Build(BaseModel):
    """The build that the figures come from. The lake holds what was received from `first_day` to `last_day`."""

    built_at: AwareDatetime
    first_day: date
    last_day: date
    day_count: int
    population_count: int = Field(description="Persons in the population, with or without a claim.")


class Stats(BaseModel):
    """Headline figures under the filters."""

    claim_count: int
    claim_count_by_status: list[StatusCount]
    patient_count: int = Field(description="Persons with at least one of these claims.")
    charge_amount: Amount = Field(description="Charges of the claims whose status is in charged_statuses.")
    charged_claim_count: int
    average_charge_amount: Amount | None = Field(description="For one charged claim; null where there is none.")
    charged_statuses: list[ClaimStatus]
    first_received_date: date | None
    last_received_date: date | None
    build: Build


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


class Page(BaseModel):
    """A part of a list. The four addresses lead to other parts of it; null where there is none."""

    total: int
    count: int = Field(description="Number of items asked for.")
    offset: int = Field(description="Number of items before this part.")
    first: str | None
    previous: str | None
    next: str | None
    last: str | None


class ClaimPage(Page):
    """A part of the list of claims."""

    items: list[Claim]


class PatientPage(Page):
    """A part of the list of patients."""

    items: list[Patient]


class BreakdownRow(BaseModel):
    """The figures of one value of a dimension."""

    value: str = Field(description="As the filter of the dimension's name takes it.")
    label: str
    figures: dict[str, float | int | None] = Field(description="By measure; null where it has no meaning.")


class Breakdown(BaseModel):
    """Figures by the values of a dimension."""

    dimension: str
    measure: str = Field(description="The figure by which the values are ordered, the largest first.")
    items: list[BreakdownRow]
    total: dict[str, float | int | None] = Field(
        description="The figures of all claims, or lines; a claim with several procedures counts once in it."
    )
    value_count: int = Field(description="Values that there are, also those that are not in the answer.")
    sql: str = Field(description=RUN_AS_IT_IS)


class Line(BaseModel):
    """One service line."""

    claim_line_number: int
    procedure: Code
    modifiers: list[str]
    diagnosis_pointers: list[int]
    line_service_date: date
    place_of_service: Code
    unit_count: int
    unit_charge_amount: Amount
    charge_amount: Amount


class Version(BaseModel):
    """One version of a claim, as the payer received it."""

    version_number: int
    claim_status: ClaimStatus
    as_of_date: date = Field(description="Day on which the payer received it.")
    total_charge_amount: Amount


class ClaimDetail(Claim):
    """One claim with its lines and the history of its versions."""

    practitioner_id: str
    practitioner_name: str
    specialty: str
    organization_id: str
    coverage_id: str
    plan_type: str
    lines: list[Line]
    versions: list[Version]
    fhir_url: str = Field(description="The claim on the FHIR server, if it is loaded.")


class CoverageSpan(BaseModel):
    """One coverage that a claim of the patient names."""

    coverage_id: str
    payer_name: str | None
    plan_name: str
    plan_type: str
    coverage_start_date: date
    coverage_end_date: date


class PatientDetail(Patient):
    """One patient with the coverages that claims name."""

    address_line: str
    zip_code: str
    first_received_date: date
    coverages: list[CoverageSpan]
    claims: str = Field(description="Address of the patient's claims.")
    fhir_url: str = Field(description="The patient on the FHIR server, if loaded.")


class ComparedDays(BaseModel):
    """The days that are compared with days before, ends included."""

    first_day: date
    last_day: date
    before_first_day: date
    before_last_day: date
    reason: str = Field(description="Why there is no comparison; empty where there is one.")


class Card(BaseModel):
    """One headline figure."""

    name: str
    title: str
    unit: str
    meaning: str
    value: float | int | None = Field(description="Under the filters.")
    current: float | int | None = Field(description="Of the days that are compared.")
    before: float | int | None = Field(description="Of the days before.")
    course: list[float | int | None] = Field(description="By day, week or month of receipt; null where there is none.")
    sql: str = Field(description=RUN_AS_IT_IS)


class Cards(BaseModel):
    """The headline figures with their changes."""

    items: list[Card]
    compared: ComparedDays


class Effects(BaseModel):
    """By what charges changed; the four add up to the change to the cent."""

    members: Amount = Field(description="More or fewer member months.")
    use: Amount = Field(description="More or fewer units for each member month.")
    mix: Amount = Field(description="Another share of the units, or a value that is new or gone.")
    price: Amount = Field(description="Other charges for one unit.")


class ChangedValue(BaseModel):
    """The change of the charges of one value of a dimension."""

    value: str
    label: str
    before_amount: Amount
    after_amount: Amount
    effects: Effects


class WhatChanged(BaseModel):
    """The change in charges, by the values of a dimension, the largest first."""

    by: str
    compared: ComparedDays
    items: list[ChangedValue]
    total: ChangedValue
    sql: str = Field(description=f"The charges and units of the later days. {RUN_AS_IT_IS}")


class Found(BaseModel):
    """One thing that a search text may mean. `value` is its id, or its value as a filter."""

    kind: Literal["claim", "patient", "provider", "procedure", "diagnosis"]
    value: str
    label: str
    note: str


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


class Anomaly(BaseModel):
    """A day or week of receipt with far more or less than usual."""

    grain: Literal["day", "week"]
    first_day: date
    last_day: date
    measured: Literal["claims", "charges"]
    value: float
    usual: float
    score: float
    reason: str


class ChartLink(BaseModel):
    """A chart and where its Vega-Lite specification is."""

    name: str
    title: str
    description: str
    width: Width = Field(description="Part of the page's width.")
    href: str


class Health(BaseModel):
    """Whether the dashboard answers, and whether it has figures to show."""

    status: Literal["ok"]
    version: str
    analytics: Literal["built", "not built"]
    built_at: AwareDatetime | None
