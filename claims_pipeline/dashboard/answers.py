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
