"""Filters of claims: the same parameters in the page's address, the API and the charts."""

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    create_model,
    model_validator,
)

from claims_pipeline.aggregate import MODELS
from claims_pipeline.dashboard.dimensions import FILTERING, Dimension
from claims_pipeline.dashboard.texts import PatientText, ValueText, patient_condition
from claims_pipeline.days import Day

ClaimStatus = Literal["active", "cancelled", "draft"]
Basis = Literal["received", "service"]
Compare = Literal["before", "year"]


def _value_of(dimension: Dimension) -> Any:
    """Return the type of one value of a dimension."""
    values = dimension.values
    if not values:
        return ValueText

    def require_value(text: str) -> str:
        if text not in values():
            raise ValueError(dimension.should_be)
        return text

    def name_values(schema: dict[str, Any]) -> None:
        schema["enum"] = sorted(values())

    return Annotated[str, AfterValidator(require_value), Field(json_schema_extra=name_values)]


if TYPE_CHECKING:
    _Dimensions = BaseModel
else:  # a field for each dimension, so that a new dimension is one declaration
    _Dimensions = create_model(
        "_Dimensions",
        **{
            name: (list[_value_of(dimension)], Field(default_factory=list, description=dimension.meaning))
            for name, dimension in FILTERING.items()
        },
    )


class Filters(_Dimensions):
    """Filters that select the claims to count; one that is not given selects all.

    Each dimension of FILTERING is one too, by its name: a list of values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: list[ClaimStatus] = Field(
        default_factory=list,
        description="Status of the claim, may be repeated. Given, it also decides what is charged.",
    )
    received_from: Day | None = Field(
        default=None,
        validation_alias=AliasChoices("received_from", "created_from"),
        description="First day of receipt. The older name created_from means the same.",
    )
    received_to: Day | None = Field(
        default=None,
        validation_alias=AliasChoices("received_to", "created_to"),
        description="Last day of receipt. The older name created_to means the same.",
    )
    patient: PatientText | None = Field(
        default=None, description="A patient's id or a part of it, parts of the names, or 'Last, First'."
    )
    basis: Basis = Field(
        default="received",
        description="Day by which the charts over time count: when a claim was received, or when the service began.",
    )
    compare: Compare = Field(
        default="before",
        description="What the figures are compared with: as many days before, or the same days of the year before.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.received_from and self.received_to and self.received_from > self.received_to:
            msg = f"received_from ({self.received_from}) is later than received_to ({self.received_to})"
            raise ValueError(msg)
        return self

    def within(self, first: date, last: date) -> "Filters":
        """Return the same filters for other days of receipt."""
        chosen = self.model_dump(include=set(Filters.model_fields), exclude={"received_from", "received_to"})
        return Filters.model_validate(chosen | {"received_from": first, "received_to": last})

    @property
    def where(self) -> str:
        """The WHERE clause over a table of claims; over `claims_by_day` if that is what the property names."""
        return _where([*self._conditions, *(dimension.condition(len(values)) for dimension, values in self.chosen)])

    @property
    def where_of_lines(self) -> str:
        """The WHERE clause over claim_lines: all lines of the claims that count."""
        if not self.chosen:
            return self.where
        return f"where claim_number in (select claim_number from claims_current {self.where})"

    @property
    def parameters(self) -> list[Any]:
        """The values for the placeholders in `where` and `where_of_lines`."""
        days = [day for day in (self.received_from, self.received_to) if day]
        patient = patient_condition(self.patient)[1] if self.patient else []
        return [*self.status, *days, *patient, *(value for _, values in self.chosen for value in values)]

    @property
    def _conditions(self) -> list[str]:
        marks = ", ".join("?" * len(self.status))
        patients = (
            f"select patient_number from patients_current where {patient_condition(self.patient)[0]}"
            if self.patient
            else ""
        )
        conditions = [
            f"claim_status in ({marks})" if self.status else "",
            "received_date >= ?" if self.received_from else "",
            "received_date <= ?" if self.received_to else "",
            f"patient_number in ({patients})" if patients else "",
        ]
        return [condition for condition in conditions if condition]

    @property
    def chosen(self) -> list[tuple[Dimension, list[str]]]:
        """The dimensions that are filtered by, with their values."""
        given = ((dimension, getattr(self, name)) for name, dimension in FILTERING.items())
        return [(dimension, values) for dimension, values in given if values]

    @property
    def has_joins(self) -> bool:
        """Whether `where` looks values up in another table or in a long list, which DuckDB does by a join."""
        return bool(self.patient) or any(one.is_of_lines or len(values) > 1 for one, values in self.chosen)

    @property
    def where_of_members(self) -> str:
        """The conditions over `member_months`, each after "and": those of the filters that divide members too."""
        return "".join(f" and {one.condition(len(values))}" for one, values in self.chosen if one.is_of_members)

    @property
    def parameters_of_members(self) -> list[Any]:
        """The values for the placeholders in `where_of_members`."""
        return [value for one, values in self.chosen if one.is_of_members for value in values]

    @property
    def charged_statuses(self) -> list[ClaimStatus]:
        """Statuses whose charges are added up."""
        return list(self.status) or ["active"]

    @property
    def charged(self) -> str:
        """SQL condition over a table with claim_status that selects the claims whose charges count."""
        return "true" if self.status else "claim_status = 'active'"

    def where_charged(self, *, is_of_lines: bool = False) -> str:
        """Return `where`, or `where_of_lines`, with the condition that the charges of the claim count."""
        where = self.where_of_lines if is_of_lines else self.where
        return f"{where} and {self.charged}" if where else f"where {self.charged}"

    @property
    def day(self) -> str:
        """The column of `claims_by_day` that charts over time count by."""
        return "received_date" if self.basis == "received" else "service_date"

    @property
    def claims_by_day(self) -> str:
        """The table that counts claims by day; if it lacks columns that the filters need, a query over the claims.

        Only the latter has the column service_date.
        """
        is_by_day = all(dimension.column in _COLUMNS_BY_DAY for dimension, _ in self.chosen)
        is_enough = is_by_day and not self.patient and self.basis == "received"
        return "claims_by_day" if is_enough else _CLAIMS

    @property
    def procedures_by_day(self) -> str:
        """The table that counts lines by day and procedure; if it lacks columns that the filters need, the lines."""
        return _LINES if self.patient or self.chosen else "procedures_by_day"

    def by_day(self, dimension: Dimension) -> str:
        """Return the table that counts claims, or lines, by day and the dimension; without one, a query over them."""
        if dimension.is_of_lines:
            return self.procedures_by_day
        return self.claims_by_day if dimension.column in _COLUMNS_BY_DAY else _CLAIMS


def _where(conditions: list[str]) -> str:
    return f"where {' and '.join(conditions)}" if conditions else ""


_COLUMNS_BY_DAY = {column.name for model in MODELS if model.name == "claims_by_day" for column in model.columns}

_CLAIMS = """(
    select *, claim_start_date as service_date, 1 as claim_count, total_charge_amount as charge_amount
    from claims_current
)"""

_LINES = "(select *, 1 as line_count from claim_lines)"
