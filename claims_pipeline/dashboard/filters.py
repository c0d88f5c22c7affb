"""What a person filters by. The same parameters in the page's address, the API and the charts."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

ClaimStatus = Literal["active", "cancelled", "draft"]


def _iso_date(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value) if len(value) == len("2025-01-31") else _no_date()
        except ValueError:
            _no_date()
    return value


def _no_date() -> None:
    msg = "should be a day as 2025-01-31"
    raise ValueError(msg) from None


IsoDate = Annotated[date, BeforeValidator(_iso_date)]

PATIENT_MATCHES = (
    "patient_id in (select patient_id from patients_current where patient_id = ? "
    "or contains(lower(concat_ws(' ', first_name, last_name)), lower(?)))"
)


class Filters(BaseModel):
    """Which claims count. Everything that is not given does not limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: list[ClaimStatus] = Field(
        default_factory=list,
        description="Status of the claim, may be repeated. Given, it also decides what is charged.",
    )
    received_from: IsoDate | None = Field(default=None, description="First day of receipt.")
    received_to: IsoDate | None = Field(default=None, description="Last day of receipt.")
    patient: str | None = Field(
        default=None, min_length=1, max_length=100, description="A patient's id, or part of a name."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.received_from and self.received_to and self.received_from > self.received_to:
            msg = f"received_from ({self.received_from}) lies after received_to ({self.received_to})"
            raise ValueError(msg)
        return self

    @property
    def where(self) -> str:
        """The WHERE clause over a table with claim_status, received_date and, if asked for, patient_id."""
        marks = ", ".join("?" * len(self.status))
        conditions = [
            f"claim_status in ({marks})" if self.status else "",
            "received_date >= ?" if self.received_from else "",
            "received_date <= ?" if self.received_to else "",
            PATIENT_MATCHES if self.patient else "",
        ]
        given = [condition for condition in conditions if condition]
        return f"where {' and '.join(given)}" if given else ""

    @property
    def parameters(self) -> list[Any]:
        """The values for the question marks in `where`."""
        days = [day for day in (self.received_from, self.received_to) if day]
        return [*self.status, *days, *([self.patient] * 2 if self.patient else [])]

    @property
    def charged_statuses(self) -> list[ClaimStatus]:
        """Statuses whose charges are added up."""
        return list(self.status) or ["active"]

    @property
    def charges(self) -> str:
        """SQL for the sum of the charges over a table with claim_status and charge_amount."""
        return f"coalesce(sum(charge_amount){self._only_charged}, 0)::decimal(18, 2)"

    @property
    def charged_count(self) -> str:
        """SQL for the number of claims whose charges are added up, over a table with claim_status and claim_count."""
        return f"coalesce(sum(claim_count){self._only_charged}, 0)::bigint"

    @property
    def _only_charged(self) -> str:
        return "" if self.status else " filter (where claim_status = 'active')"

    @property
    def claims_by_day(self) -> str:
        """The table that counts claims by day; for one patient the same, counted from the claims."""
        return "claims_by_day" if self.patient is None else _CLAIMS_BY_DAY_AND_PATIENT

    @property
    def procedures_by_day(self) -> str:
        """The table that counts lines by day and procedure; for one patient the same, counted from the lines."""
        return "procedures_by_day" if self.patient is None else _PROCEDURES_BY_DAY_AND_PATIENT


_CLAIMS_BY_DAY_AND_PATIENT = """(
    select
        patient_id, received_date, claim_status, coalesce(gender, 'unknown') as gender, facility_state,
        1 as claim_count, total_charge_amount as charge_amount
    from claims_current left join patients_current using (patient_id)
)"""

_PROCEDURES_BY_DAY_AND_PATIENT = """(
    select patient_id, received_date, claim_status, hcpcs_code, 1 as line_count, unit_count, charge_amount
    from claim_lines
)"""
