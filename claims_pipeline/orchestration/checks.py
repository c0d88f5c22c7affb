"""Asset checks: are the rows right, is the whole realistic, does the server hold what was loaded."""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from claims_pipeline import load, quality
from claims_pipeline.days import parse_day
from claims_pipeline.orchestration.failures import failing_as_dagster
from claims_pipeline.orchestration.feed_assets import claims
from claims_pipeline.orchestration.load_assets import fhir_load
from claims_pipeline.orchestration.partitions import RANGE_END, RANGE_START
from claims_pipeline.orchestration.resources import Installation


@dg.multi_asset_check(
    name="claims_quality",
    specs=[dg.AssetCheckSpec(check.name, asset=claims, description=check.meaning) for check in quality.CHECKS],
)
def claims_quality(context: dg.AssetCheckExecutionContext, installation: Installation) -> Iterator[dg.AssetCheckResult]:
    """Look for faults in the rows of the run's days, or of all days when the run has none."""
    with failing_as_dagster():
        report = quality.check(installation.lake, _days(context))
    for name, count in report.counts:
        yield dg.AssetCheckResult(
            passed=count == 0, check_name=name, asset_key=claims.key, metadata={"findings": count, "days": report.days}
        )


@dg.asset_check(asset=fhir_load)
@failing_as_dagster()
def server_holds_what_was_loaded(installation: Installation) -> dg.AssetCheckResult:
    """Count the server's resources by type against the ledger; fewer is a failure."""
    report = load.reconcile(installation.settings)
    counts = {name: f"{compared.server:,} of {compared.ledger:,}" for name, compared in report.by_type.items()}
    return dg.AssetCheckResult(passed=report.is_equal, metadata=counts)


def _days(context: dg.AssetCheckExecutionContext) -> list[date] | None:
    """Return the days of the run; a check without partitions has them as tags only."""
    tags = context.run.tags
    if day := tags.get("dagster/partition"):
        return [parse_day(day)]
    if not {RANGE_START, RANGE_END} <= tags.keys():
        return None
    first, last = (parse_day(tags[tag]) for tag in (RANGE_START, RANGE_END))
    return [date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1)]
