"""The headline figures."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date

from pydantic import AwareDatetime, BaseModel, Field

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.answers import Amount
from claims_pipeline.dashboard.comparison import changing_from
from claims_pipeline.dashboard.dimensions import Dimension
from claims_pipeline.dashboard.filters import ClaimStatus, Filters
from claims_pipeline.dashboard.measures import MEASURES
from claims_pipeline.dashboard.shown_sql import RUN_AS_IT_IS, shown_sql


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
    changing_from: date = Field(description="Claims received on this day or later may still get another status.")
    population_count: int = Field(description="Persons in the population, with or without a claim.")


class ChosenValue(BaseModel):
    """A value of a dimension that is filtered by, and its label."""

    dimension: str
    value: str
    label: str


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
    chosen: list[ChosenValue] = Field(description="The values of dimensions that are filtered by, with their labels.")
    build: Build
    sql: str = Field(description=RUN_AS_IT_IS)


def stats(view: View, filters: Filters) -> Stats:
    """Return the headline figures under the filters."""
    by_status = view.select_remembered(
        f"select claim_status, {MEASURES['claim_count'].of_totals(filters.charged)} as claim_count "
        f"from {filters.claims_by_day} {filters.where} group by all order by all",
        *filters.parameters,
    )
    figures = ", ".join(f"{MEASURES[name].of_totals(filters.charged)} as {name}" for name in _OF_TOTALS)
    totals = view.select_remembered(
        f"select {figures}, min(received_date) as first_received_date, max(received_date) as last_received_date "
        f"from {filters.claims_by_day} {filters.where}",
        *filters.parameters,
    )[0]
    return Stats(
        claim_count=sum(row["claim_count"] for row in by_status),
        claim_count_by_status=by_status,
        patient_count=_patient_count(view, filters),
        charged_statuses=filters.charged_statuses,
        chosen=[one for dimension, values in filters.chosen for one in _chosen(view, dimension, values)],
        build=build_of(view),
        sql=_sql(filters),
        **totals,
    )


def build_of(view: View) -> Build:
    """Return what the view was built from."""
    built_from = view.built_from
    return Build.model_validate(
        asdict(built_from) | {"built_at": built_from.built_at.replace(tzinfo=UTC), "changing_from": changing_from(view)}
    )


def _chosen(view: View, dimension: Dimension, values: list[str]) -> Iterator[ChosenValue]:
    names: dict[str, str] = {}
    if dimension.label_column:
        rows = view.select_remembered(
            f"select {dimension.column} as value, {dimension.label_column} as label from claims_current "
            f"where {dimension.condition(len(values))} group by value",
            *values,
        )
        names = {row["value"]: row["label"] for row in rows}
    label_of = dimension.labeller()
    for value in values:
        yield ChosenValue(dimension=dimension.name, value=value, label=names.get(value) or label_of(value))


def _sql(filters: Filters) -> str:
    measures = (MEASURES[name] for name in _HEADLINE)
    figures = ",\n    ".join(f"{one.of_all(filters.charged)} as {one.name}" for one in measures)
    return shown_sql(f"select {figures}\nfrom claims_current\n{filters.where}", filters.parameters)


_OF_TOTALS = ("charge_amount", "charged_claim_count", "average_charge_amount")
_HEADLINE = ("claim_count", *_OF_TOTALS, "patient_count")


def _patient_count(view: View, filters: Filters) -> int:
    count: int = view.select_remembered(
        f"select {MEASURES['patient_count'].of_all(filters.charged)} as n from claims_current {filters.where}",
        *filters.parameters,
    )[0]["n"]
    return count
