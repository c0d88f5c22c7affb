"""The load: the day's resources into the FHIR server, changed ones only."""

import dagster as dg

from claims_pipeline import load
from claims_pipeline.orchestration.failures import failing_as_dagster
from claims_pipeline.orchestration.feed_assets import claims, coverages, directory, patients
from claims_pipeline.orchestration.partitions import daily, one_run
from claims_pipeline.orchestration.resources import Installation, days_of


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
    report = load.load_lake(
        installation.lake, installation.settings, days=days_of(context), on_progress=context.log.info
    )
    context.log.info(report.render())
