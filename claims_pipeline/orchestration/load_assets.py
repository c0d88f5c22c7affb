"""The load: the day's resources into the FHIR server, changed ones only."""

from collections.abc import Iterator

import dagster as dg

from claims_pipeline.fhir import mapping_digest
from claims_pipeline.orchestration.failures import RETRIES, failing_as_dagster
from claims_pipeline.orchestration.feed_assets import claims, coverages, directory, patients
from claims_pipeline.orchestration.load_config import LoadConfig
from claims_pipeline.orchestration.metadata import OWNERS
from claims_pipeline.orchestration.partitions import daily, one_run
from claims_pipeline.orchestration.resources import Installation, days_of
from claims_pipeline.settings import load_settings

Events = Iterator[dg.AssetMaterialization | dg.MaterializeResult[None]]


@dg.asset(
    group_name="fhir",
    kinds={"fhir"},
    owners=OWNERS,
    code_version=mapping_digest()[:12],
    metadata={"FHIR server": dg.MetadataValue.url(load_settings().fhir_base_url)},
    partitions_def=daily,
    backfill_policy=one_run,
    deps=[directory, patients, coverages, claims],
    retry_policy=RETRIES,
)
def fhir_load(context: dg.AssetExecutionContext, installation: Installation, config: LoadConfig) -> Events:
    """The day's directory, patients, coverages and claims on the FHIR server.

    A day with a fault that a check of `claims` blocks is not loaded, and the others are. Each day is recorded when it
    is finished: if the load ends early, only the other days are left to do.
    """
    with failing_as_dagster():
        from claims_pipeline.orchestration.load_days import load_days

        settings = config.applied_to(installation.settings)
        yield from load_days(context, installation.lake, settings, days_of(context), config)
        yield dg.MaterializeResult()
