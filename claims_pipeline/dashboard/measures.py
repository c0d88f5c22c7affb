"""Measures of claims: counts, sums and averages, each declared once for the API, OpenAPI and the docs.

A new measure is one entry of `MEASURES`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

Unit = Literal["claims", "lines", "patients", "members", "months", "USD", "days", "%"]


@dataclass(frozen=True)
class Measure:
    """One figure of a set of claims.

    Attributes:
        name: in the API.
        title: as a person reads it.
        unit: of the figure.
        meaning: one sentence, on the page and in the documentation.
        sql: over `claims_current`; `{charged}` is the filter that selects the claims whose charges count,
            `{patients}` the number of different patients, `{member_months}` the member months of the days and members
            that are chosen, `{months_chosen}` how many months the days are.
        sql_of_lines: the same over `claim_lines`, for a breakdown of lines; empty if it has no meaning there.
        sql_of_totals: the same over `claims_by_day`, or over `procedures_by_day` for lines, whose rows are totals of a
            day; empty if it cannot be computed from these.
        why_not_additive: why the figures of the values of a dimension of claims do not add up to the figure of all;
            empty if they do.
        decimals: digits after the point that the page shows, everywhere the same.
        brief: a few words that stand under the figure on a card of its own.
    """

    name: str
    title: str
    unit: Unit
    meaning: str
    sql: str
    sql_of_lines: str = ""
    sql_of_totals: str = ""
    why_not_additive: str = ""
    decimals: int = 0
    brief: str = ""

    @property
    def is_additive(self) -> bool:
        """Whether the figures of the values of a dimension of claims add up to the figure of all."""
        return not self.why_not_additive

    @property
    def is_per_member(self) -> bool:
        """Whether it is divided by members, or counts them."""
        return "{member_months}" in self.sql

    @property
    def has_all_values_in_memory(self) -> bool:
        """Whether DuckDB keeps all values of a group until it knows the figure, as for a median: that takes longest."""
        return any(function in self.sql for function in ("{patients}", "median("))

    def of_values(self, charged: str, *, is_of_lines: bool = False, has_few_values: bool = False) -> str:
        """Return its SQL for a query with GROUP BY over the claims, or lines, that are joined to `members`."""
        sql = self.sql_of_lines if is_of_lines else self.sql
        months = {name: f"any_value({name})" for name in _OF_MEMBERS_TABLE}
        patients = PATIENTS_OF_FEW_GROUPS if has_few_values else "count(distinct patient_number)"
        return sql.format(charged=f"where {charged}", patients=patients, **months)

    def of_totals(self, charged: str) -> str:
        """Return its SQL over a table of totals; for a measure per member joined to `members`, with GROUP BY."""
        return self.sql_of_totals.format(charged=f"where {charged}", member_months="any_value(member_months)")

    def of_all(self, charged: str, *, is_of_lines: bool = False) -> str:
        """Return its SQL for one row over all claims, or lines; `members` is there too, also without a claim."""
        sql = self.sql_of_lines if is_of_lines else self.sql
        months = {name: f"(select {name} from members)" for name in _OF_MEMBERS_TABLE}
        return sql.format(charged=f"where {charged}", patients=PATIENTS_OF_FEW_GROUPS, **months)


PATIENTS_OF_FEW_GROUPS = "count_patients(patient_number)"
"""Faster than `count(distinct patient_number)`; each group takes memory for all patients, in each thread."""

_OF_MEMBERS_TABLE = ("member_months", "months_chosen")


_AVERAGE = "An average of averages weighs small groups as much as large ones."
_OF_MEMBERS = "Only payer, plan, plan type, age, gender, patient's state and periods divide members; others share all."
_PER_MEMBER = (
    "By payer, plan, plan type, age, gender, patient's state and period each value is divided by its own member months."
)

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        measure.name: measure
        for measure in (
            Measure(
                "claim_count",
                "Claims",
                "claims",
                "Claims of every status.",
                "count(*)::bigint",
                "count(distinct claim_number)::bigint",
                "coalesce(sum(claim_count), 0)::bigint",
            ),
            Measure(
                "charge_amount",
                "Charges",
                "USD",
                "Charges of the active claims, or of the chosen statuses; of lines, those of the lines.",
                "coalesce(sum(total_charge_amount) filter ({charged}), 0)::decimal(18, 2)",
                "coalesce(sum(charge_amount) filter ({charged}), 0)::decimal(18, 2)",
                "coalesce(sum(charge_amount) filter ({charged}), 0)::decimal(18, 2)",
                decimals=2,
            ),
            Measure(
                "charged_claim_count",
                "Claims charged",
                "claims",
                "Claims whose charges count.",
                "count(*) filter ({charged})::bigint",
                "count(distinct claim_number) filter ({charged})::bigint",
                "coalesce(sum(claim_count) filter ({charged}), 0)::bigint",
            ),
            Measure(
                "average_charge_amount",
                "Average charge",
                "USD",
                "Average charge per charged claim.",
                "round(avg(total_charge_amount) filter ({charged}), 2)::decimal(18, 2)",
                sql_of_totals="round(sum(charge_amount) filter ({charged})::double "
                "/ nullif(sum(claim_count) filter ({charged}), 0), 2)::decimal(18, 2)",
                why_not_additive=_AVERAGE,
                decimals=2,
            ),
            Measure(
                "median_charge_amount",
                "Median charge",
                "USD",
                "Half of the charged claims have a lower charge, half a higher one.",
                "round(median(total_charge_amount) filter ({charged}), 2)::decimal(18, 2)",
                why_not_additive="Medians cannot be added.",
                decimals=2,
                brief="half lower, half higher",
            ),
            Measure(
                "patient_count",
                "Patients",
                "patients",
                "Persons with at least one of the claims.",
                "{patients}",
                "{patients}",
                why_not_additive="A patient may have claims of several values.",
            ),
            Measure(
                "line_count",
                "Lines",
                "lines",
                "Service lines of the claims.",
                "sum(line_count)::bigint",
                "count(*)::bigint",
                "sum(line_count)::bigint",
            ),
            Measure(
                "average_lag_days",
                "Days to receipt",
                "days",
                "From the first day of service to the receipt of a claim, on average.",
                "round(avg(received_date - claim_start_date), 1)::double",
                why_not_additive=_AVERAGE,
                decimals=1,
                brief="from service, on average",
            ),
            Measure(
                "member_count",
                "Members",
                "members",
                "Members of the plans in an average month of the days.",
                "round({member_months} / {months_chosen}, 1)",
                "round({member_months} / {months_chosen}, 1)",
                why_not_additive=_OF_MEMBERS,
            ),
            Measure(
                "member_month_count",
                "Member months",
                "months",
                "Members of the plans, once for each month with a day of coverage.",
                "round({member_months}, 1)",
                "round({member_months}, 1)",
                why_not_additive=_OF_MEMBERS,
            ),
            Measure(
                "charge_pmpm",
                "Charges PMPM",
                "USD",
                "Charges divided by member months: charges per member per month (PMPM).",
                "round(coalesce(sum(total_charge_amount) filter ({charged}), 0)::double / {member_months}, 2)",
                "round(coalesce(sum(charge_amount) filter ({charged}), 0)::double / {member_months}, 2)",
                "round(coalesce(sum(charge_amount) filter ({charged}), 0)::double / {member_months}, 2)",
                why_not_additive=_PER_MEMBER,
                decimals=2,
                brief="per member per month",
            ),
            Measure(
                "claims_per_1000",
                "Claims per 1,000",
                "claims",
                "Claims of every status per 1,000 members per year.",
                "round(count(*) * 12000 / {member_months}, 1)",
                "round(count(distinct claim_number) * 12000 / {member_months}, 1)",
                "round(sum(claim_count) * 12000 / {member_months}, 1)",
                why_not_additive=_PER_MEMBER,
                decimals=1,
                brief="members, in a year",
            ),
            Measure(
                "not_active_percent",
                "Cancelled or draft",
                "%",
                "Share of the claims that are cancelled or a draft.",
                "round(100 * count(*) filter (where claim_status <> 'active') / nullif(count(*), 0), 1)",
                why_not_additive="Shares of different totals cannot be added.",
                decimals=1,
                brief="of all claims",
            ),
        )
    }
)

if TYPE_CHECKING:
    MeasureName = str
else:
    MeasureName = Literal[tuple(MEASURES)]


def plain_number(value: Any) -> Any:
    """Return a figure of a query as JSON has it: a decimal as a float."""
    return float(value) if isinstance(value, Decimal) else value
