"""How close the lake is to public figures, a check for each row of the calibration table."""

import hashlib
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

from claims_pipeline.orchestration.automation import when_days_have_changed
from claims_pipeline.orchestration.failures import RETRIES, failing_as_dagster
from claims_pipeline.orchestration.feed_assets import claims, enrollment
from claims_pipeline.orchestration.metadata import OWNERS
from claims_pipeline.orchestration.partitions import one_run
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.reference import read_table

if TYPE_CHECKING:
    from claims_pipeline.fidelity import Measurement

CHECK_NAMES = {
    1: "visit_levels_of_established_patients",
    2: "visit_levels_of_new_patients",
    3: "lines_per_claim",
    4: "office_visits_by_season",
    5: "respiratory_infections_by_season",
    6: "visits_in_holiday_weeks",
    7: "coverage_of_the_population",
    8: "medicare_by_age",
    9: "concentration_of_charges",
    10: "conditions_of_those_65_and_over",
    11: "charges_against_medicare_fees",
    12: "claims_by_city",
    13: "services_on_weekends",
    14: "months_until_receipt",
    15: "final_status_of_claims",
    16: "members_who_leave_their_plan",
    17: "gaps_in_medicaid",
    18: "deaths_by_age",
    19: "new_cases_of_diabetes",
    20: "dual_eligibles",
    21: "families",
    22: "births",
    23: "well_child_visits",
    24: "corrected_claims",
    25: "asthma_by_season",
    26: "emergency_visits_for_asthma",
    27: "use_by_disability",
    28: "colorectal_screening",
    29: "member_months_by_year",
    30: "visits_by_video",
    31: "deliveries_by_cesarean",
    32: "births_with_delivery",
    33: "claims_of_a_member",
    34: "office_visits_by_age",
    35: "emergency_visits_by_payer",
    36: "new_patients",
    37: "mammograms",
    38: "hemoglobin_tests",
    39: "influenza_vaccinations",
    40: "charges_by_year",
}
"""What each row of the calibration table measures, as the name of its check."""


def _calibration_version() -> str:
    """Return a code version that changes with the figures that the lake is compared with."""
    return hashlib.sha256(read_table("calibration").write_csv().encode()).hexdigest()[:12]


def _specs() -> list[dg.AssetCheckSpec]:
    metrics = pl.col("metric").unique(maintain_order=True).str.join("; ")
    rows = read_table("calibration").group_by("row", maintain_order=True).agg(metrics)
    rows = rows.join(read_table("calibration_sources"), on="row", maintain_order="left")
    return [
        dg.AssetCheckSpec(CHECK_NAMES[int(row)], asset="fidelity", description=f"{metric}. {source}; {tolerance}")
        for row, metric, source, tolerance in rows.iter_rows()
    ]


@dg.multi_asset(
    name="fidelity",
    specs=[
        dg.AssetSpec(
            "fidelity",
            deps=[enrollment, claims],
            description=(
                "The lake's figures beside public ones; "
                "a lake of under 24 months or 200,000 claims is measured, not judged."
            ),
            group_name="analytics",
            kinds={"polars"},
            owners=OWNERS,
            code_version=_calibration_version(),
            automation_condition=when_days_have_changed,
            skippable=True,
        )
    ],
    check_specs=_specs(),
    can_subset=True,
    backfill_policy=one_run,
    retry_policy=RETRIES,
)
def fidelity(
    context: dg.AssetExecutionContext, installation: Installation
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Measure the lake once, for the asset and for each of its checks; any of them can be run alone."""
    from claims_pipeline.fidelity import measure

    with failing_as_dagster():
        report = measure(installation.lake)
    context.log.info(report.summary())
    if context.selected_asset_keys:
        yield dg.MaterializeResult(
            metadata={
                "rows_held": report.held,
                "rows_judged": report.judged,
                "rows_uncertain": report.uncertain,
                "rows_too_small": report.too_small,
                "report": dg.MetadataValue.md(_table(report.measurements)),
            }
        )
    wanted = {key.name for key in context.selected_asset_check_keys}
    for row, group in groupby(sorted(report.measurements, key=lambda one: one.row), key=lambda one: one.row):
        if CHECK_NAMES[row] in wanted:
            yield _result(row, list(group))


def _result(row: int, measurements: "list[Measurement]") -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=CHECK_NAMES[row],
        asset_key="fidelity",
        passed=all(one.verdict != "misses" for one in measurements),
        metadata={one.part or one.metric: f"{one.generated} ({one.verdict})" for one in measurements},
    )


def _table(measurements: "tuple[Measurement, ...]") -> str:
    names = ("row", "metric", "part", "target", "generated", "standard_error", "verdict")
    rows = [names, ["---"] * len(names), *([getattr(one, name) for name in names] for one in measurements)]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)
