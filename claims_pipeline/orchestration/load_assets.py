"""The load: the day's resources into the FHIR server, changed ones only."""

from datetime import date

import dagster as dg

from claims_pipeline import load
from claims_pipeline.errors import DataError
from claims_pipeline.load import Counts, LoadReport
from claims_pipeline.orchestration.failures import failing_as_dagster
from claims_pipeline.orchestration.feed_assets import claims, coverages, directory, patients
from claims_pipeline.orchestration.partitions import daily, one_run
from claims_pipeline.orchestration.resources import Installation, days_of
from claims_pipeline.reports import save_report
from claims_pipeline.server import with_reasons

PROGRESS_SECONDS = 10.0
"""A line of log costs about 10 ms in the event log, and the load waits for it."""


@dg.asset(
    group_name="fhir",
    kinds={"fhir"},
    partitions_def=daily,
    backfill_policy=one_run,
    deps=[directory, patients, coverages, claims],
)
@failing_as_dagster()
def fhir_load(context: dg.AssetExecutionContext, installation: Installation) -> None:
    """The day's directory, patients, coverages and claims on the FHIR server."""
    settings, days = installation.settings, days_of(context)
    progress = with_reasons(settings, load.at_most_every(PROGRESS_SECONDS, context.log.info), context.log.warning)
    report = load.load_lake(installation.lake, settings, days=days, on_progress=progress)
    save_report(report, settings.runs_path)
    context.log.info(report.render())
    _add_counts(context, report, days)
    if report.stopped is not None:
        raise report.stopped
    if report.exit_code:
        total = report.total
        raise DataError(
            f"{total.rejected:,} resources were rejected, {total.failed:,} failed",
            where=f"{settings.runs_path}, the newest load",
            fix="claims dead-letters list" if total.rejected else "materialize the same days again",
        )


def _add_counts(context: dg.AssetExecutionContext, report: LoadReport, days: list[date]) -> None:
    for key in map(str, days):
        counts = sum(report.by_day.get(key, {}).values(), Counts())
        metadata = {
            "dagster/partition_row_count": counts.read,
            "unchanged": counts.unchanged,
            "superseded": counts.superseded,
            "loaded": counts.loaded,
            "rejected": counts.rejected,
            "failed": counts.failed,
        }
        context.add_asset_metadata(metadata, partition_key=key)
