"""Checks of a published file: keys are unique, sums agree with the lake and between models, each id has its row."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from claims_pipeline.aggregate.built_from import attach_read_only
from claims_pipeline.aggregate.models import MODELS


@dataclass(frozen=True)
class Check:
    """One check of a model.

    Attributes:
        name: unique among all checks.
        model: the model that is checked.
        meaning: one sentence.
        sql: selects the rows that are wrong.
    """

    name: str
    model: str
    meaning: str
    sql: str


def _unique_keys() -> Iterator[Check]:
    for model in MODELS:
        key = ", ".join(model.key)
        yield Check(
            f"{model.name}_has_unique_keys",
            model.name,
            f"No two rows have the same {key}.",
            f"select {key} from {model.name} group by all having count(*) > 1",
        )


_ACTIVE = "filter (where claim_status = 'active')"
_SUMS: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...]]] = {
    "claim_lines": (
        "claims_current",
        "Lines and claims that have lines",
        ("count(*)", "count(distinct claim_number)"),  # a total that is not the sum of its lines is the lake's fault
        ("sum(line_count)", "count(*) filter (line_count > 0)"),
    ),
    "claims_by_day": (
        "claims_current",
        "Claims, charges and charges of active claims",
        ("sum(claim_count)", "sum(charge_amount)", f"sum(charge_amount) {_ACTIVE}"),
        ("count(*)", "sum(total_charge_amount)", f"sum(total_charge_amount) {_ACTIVE}"),
    ),
    "procedures_by_day": (
        "claim_lines",
        "Lines, units and charges",
        ("sum(line_count)", "sum(unit_count)", "sum(charge_amount)"),
        ("count(*)", "sum(unit_count)", "sum(charge_amount)"),
    ),
    "procedures": (
        "claim_lines",
        "Lines, units and charges of active claims",
        ("sum(line_count)", "sum(unit_count)", "sum(active_charge_amount)"),
        ("count(*)", "sum(unit_count)", f"sum(charge_amount) {_ACTIVE}"),
    ),
    "member_months": ("member_spans", "Member months", ("sum(member_count)",), ("sum(month_count)",)),
    **dict.fromkeys(
        ("patient_totals", "diagnoses", "providers", "locations", "plans", "demographics", "run_out"),
        (
            "claims_current",
            "Claims and charges of active claims",
            ("sum(claim_count)", "sum(active_charge_amount)"),
            ("count(*)", f"sum(total_charge_amount) {_ACTIVE}"),
        ),
    ),
}
"""By model: the model that it is made of, what is summed, its own sums, and those of the other, one by one equal."""


def _sums() -> Iterator[Check]:
    def select(model: str, sums: tuple[str, ...]) -> str:
        return f"select {', '.join(f'coalesce({one}, 0)' for one in sums)} from {model}"

    for model, (other, summed, sums, sums_of_other) in _SUMS.items():
        yield Check(
            f"{model}_adds_up",
            model,
            f"{summed} add up to those of {other}.",
            f"{select(model, sums)} except {select(other, sums_of_other)}",
        )


_OF_LAKE: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...]]] = {
    "claims_current": (
        "claims",
        "It has as many claims as the lake's files, with the same sum of charges.",
        ("count(*)", "coalesce(sum(total_charge_amount), 0)"),
        ("id_count", "charge_amount"),
    ),
    "claim_lines": (
        "claims",
        "It has as many lines as the claims of the lake's files, with the same sum of charges.",
        ("count(*)", "coalesce(sum(charge_amount), 0)"),
        ("line_count", "line_charge_amount"),
    ),
    "claim_versions": (
        "claims",
        "It has as many versions of claims as the lake's files.",
        ("count(*)",),
        ("version_count",),
    ),
    "patients_current": ("patients", "It has as many patients as the lake's files.", ("count(*)",), ("id_count",)),
    "coverages_current": ("coverages", "It has as many coverages as the lake's files.", ("count(*)",), ("id_count",)),
}
"""By model: the table of the lake that it is made of, the check's meaning, its own totals, and those of the lake.

The other models agree with these by `_SUMS`.
"""


def _agreement_with_lake() -> Iterator[Check]:
    for model, (table, meaning, totals, totals_of_lake) in _OF_LAKE.items():
        of_lake = f"select {', '.join(totals_of_lake)} from lake_totals where table_name = '{table}'"
        yield Check(
            f"{model}_agrees_with_the_lake",
            model,
            meaning,
            f"select {', '.join(totals)} from {model} except {of_lake}",
        )


_PARENTS: dict[str, tuple[tuple[str, str], ...]] = {
    "claims_current": (("patient_id", "patients_current"), ("coverage_id", "coverages_current")),
    "claim_lines": (("claim_number", "claims_current"), ("hcpcs_code", "procedures")),
    "claim_versions": (("claim_id", "claims_current"),),
    "coverages_current": (("patient_id", "patients_current"),),
    "patient_totals": (("patient_id", "patients_current"),),
}
"""By model: the column that refers to a row of another model, by the same name."""


def _no_orphans() -> Iterator[Check]:
    for model, parents in _PARENTS.items():
        for column, parent in parents:
            yield Check(
                f"{model}_{column}_is_known",
                model,
                f"Each {column} is one of {parent}.",
                f"select {column} from {model} anti join {parent} using ({column})",
            )


CHECKS: tuple[Check, ...] = (*_unique_keys(), *_agreement_with_lake(), *_sums(), *_no_orphans())


def violations(analytics_path: Path) -> dict[Check, int]:
    """Return how many rows of a published file are wrong by each check; 0 where all is well."""
    with duckdb.connect() as connection:
        attach_read_only(connection, analytics_path)
        counts: dict[Check, int] = {}
        for check in CHECKS:
            row = connection.execute(f"select count(*) from ({check.sql})").fetchone()
            counts[check] = row[0] if row else 0
        return counts
