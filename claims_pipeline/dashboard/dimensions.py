"""Dimensions by which claims are filtered and broken down, each declared once for the API, OpenAPI and the docs.

A new dimension is one entry of `DIMENSIONS`; its name is also a filter of every route with figures, unless another
filter selects its values.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from claims_pipeline.dashboard.grains import Grain, name_of
from claims_pipeline.reference import (
    diagnosis_labels,
    place_of_service_labels,
    procedure_labels,
    specialty_labels,
    state_codes,
)


def _no_labels() -> dict[str, str]:
    return {}


GENDERS = ("male", "female", "other", "unknown")
"""http://hl7.org/fhir/administrative-gender"""


def _genders() -> Collection[str]:
    return GENDERS


def _states_or_unknown() -> Collection[str]:
    return [*state_codes(), UNKNOWN]


A_STATE = "should be a state of the United States in two letters, such as CA"
UNKNOWN = "unknown"
"""In place of what is said of a patient whom the lake does not have."""


@dataclass(frozen=True)
class Dimension:
    """One way to divide claims.

    Attributes:
        name: as a parameter, and in the address of the breakdown.
        title: as a person reads it.
        meaning: one sentence for the documentation.
        column: SQL over `claims_current`, or over `claim_lines` if it divides lines.
        labels: labels of its values, by value; a value without one is its own label.
        label_column: SQL for the label of a value, where the data have it.
        number_column: a column of integers, one for each value of `column`: grouping by it is faster.
        has_few_values: it has some dozens of values at most, so each may take memory for all patients.
        is_of_lines: it divides service lines: a claim counts under each of its values.
        is_of_members: it divides members too, by the column of the same name in `member_months`.
        grain: it divides days of receipt, each value is the first day of such a period.
        filtered_by: the filter that selects its values, where that is not one of its own name.
        values: returns the values that it can have, also those that no claim has; None if any text can be a value.
        should_be: what to say where a text is none of `values`.
    """

    name: str
    title: str
    meaning: str
    column: str
    labels: Callable[[], dict[str, str]] = _no_labels
    label_column: str = ""
    number_column: str = ""
    has_few_values: bool = False
    is_of_lines: bool = False
    is_of_members: bool = False
    grain: Grain | None = None
    filtered_by: Literal["status", "days", ""] = ""
    values: Callable[[], Collection[str]] | None = None
    should_be: str = ""

    @property
    def path(self) -> str:
        """Its name in addresses."""
        return self.name.replace("_", "-")

    def labeller(self) -> Callable[[str], str]:
        """Return a function from a value to its label, which is the value itself where there is none."""
        grain, labels = self.grain, self.labels()

        def label_of(value: str) -> str:
            if grain:
                name = name_of(grain, date.fromisoformat(value))
                return f"{name[:1].upper()}{name[1:]}"
            return labels.get(value, value.replace("_", " "))

        return label_of

    def condition(self, value_count: int) -> str:
        """Return the SQL condition over `claims_current` that a claim has one of `value_count` values, each a `?`.

        DuckDB tests a list of constants while it scans the column; a list in one parameter would be a join.
        """
        is_chosen = f"{self.column} in ({', '.join('?' * value_count)})"
        if not self.is_of_lines:
            return is_chosen
        return f"claim_number in (select claim_number from claim_lines where {is_chosen})"


def _of_time(grain: Grain, meaning: str) -> Dimension:
    column = f"date_trunc('{grain}', received_date)::date"
    return Dimension(grain, grain.capitalize(), meaning, column, grain=grain, filtered_by="days")


DIMENSIONS: Mapping[str, Dimension] = MappingProxyType(
    {
        dimension.name: dimension
        for dimension in (
            Dimension(
                "payer", "Payer", "Payer of the coverage.", "payer_name", has_few_values=True, is_of_members=True
            ),
            Dimension("plan", "Plan", "Plan of the coverage.", "plan_name", has_few_values=True, is_of_members=True),
            Dimension(
                "plan_type",
                "Plan type",
                "Type of the plan, such as ppo or medicaid.",
                "plan_type",
                has_few_values=True,
                is_of_members=True,
            ),
            Dimension(
                "provider",
                "Provider",
                "Rendering practitioner.",
                "practitioner_id",
                label_column="any_value(practitioner_name)",
                number_column="practitioner_number",
            ),
            Dimension(
                "specialty",
                "Specialty",
                "Specialty of the practitioner.",
                "specialty",
                specialty_labels,
                has_few_values=True,
            ),
            Dimension(
                "organization",
                "Organization",
                "Billing provider.",
                "organization_id",
                label_column="any_value(organization_name)",
            ),
            Dimension("location", "Location", "Site of care.", "location_id", label_column="any_value(location_name)"),
            Dimension(
                "diagnosis",
                "Diagnosis",
                "Principal diagnosis, ICD-10-CM.",
                "principal_diagnosis_code",
                diagnosis_labels,
            ),
            Dimension(
                "chapter",
                "Chapter",
                "Chapter of ICD-10-CM of the principal diagnosis.",
                "diagnosis_chapter",
                has_few_values=True,
            ),
            Dimension(
                "procedure",
                "Procedure",
                "CPT or HCPCS code of a line.",
                "hcpcs_code",
                procedure_labels,
                is_of_lines=True,
            ),
            Dimension(
                "category",
                "Category",
                "Category of a line's procedure.",
                "procedure_category",
                has_few_values=True,
                is_of_lines=True,
            ),
            Dimension(
                "state",
                "State",
                "State of the site of care.",
                "facility_state",
                has_few_values=True,
                values=state_codes,
                should_be=A_STATE,
            ),
            Dimension("city", "City", "City of the site of care.", "facility_city || ', ' || facility_state"),
            Dimension(
                "place_of_service",
                "Place of service",
                "CMS place of service of the claim.",
                "place_of_service_code",
                place_of_service_labels,
                has_few_values=True,
            ),
            Dimension(
                "age_band",
                "Age",
                "Age of the patient on the first day of service.",
                "age_band",
                has_few_values=True,
                is_of_members=True,
            ),
            Dimension(
                "gender",
                "Gender",
                "Gender of the patient.",
                "gender",
                has_few_values=True,
                is_of_members=True,
                values=_genders,
                should_be="should be 'male', 'female', 'other' or 'unknown'",
            ),
            Dimension(
                "patient_state",
                "Patient's state",
                "State of the patient now; of a member whom no claim names, at the start of the coverage.",
                "patient_state",
                has_few_values=True,
                is_of_members=True,
                values=_states_or_unknown,
                should_be=f"{A_STATE}, or '{UNKNOWN}'",
            ),
            Dimension(
                "status",
                "Status",
                "Current status of the claim.",
                "claim_status",
                has_few_values=True,
                filtered_by="status",
            ),
            _of_time("month", "Month of receipt, by its first day; the latest first."),
            _of_time("week", "Week of receipt, by its Monday; the latest first."),
            _of_time("day", "Day of receipt; the latest first."),
        )
    }
)

FILTERING: Mapping[str, Dimension] = MappingProxyType(
    {name: dimension for name, dimension in DIMENSIONS.items() if not dimension.filtered_by}
)
"""Those whose names are filters."""

if TYPE_CHECKING:
    FilteringName = str
else:
    FilteringName = Literal[tuple(FILTERING)]
