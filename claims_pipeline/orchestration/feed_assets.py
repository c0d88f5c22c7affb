"""The feed: directory, enrollment, and the daily patients -> coverages -> claims."""

import dagster as dg

from claims_pipeline import generate, schema
from claims_pipeline.orchestration.failures import failing_as_dagster
from claims_pipeline.orchestration.metadata import add_row_counts, column_schema
from claims_pipeline.orchestration.partitions import daily, one_run
from claims_pipeline.orchestration.resources import Installation, days_of

GROUP = "feed"
KINDS = {"polars", "parquet"}


@dg.asset(group_name=GROUP, kinds=KINDS, backfill_policy=one_run)
@failing_as_dagster()
def directory(installation: Installation) -> dg.MaterializeResult[None]:
    """Payers, plans, organizations, locations and practitioners."""
    rows = generate.write_directory(installation.lake, installation.feed())
    return dg.MaterializeResult(metadata={"dagster/row_count": sum(rows.values()), **rows})


@dg.asset(group_name=GROUP, kinds=KINDS, backfill_policy=one_run, metadata=column_schema(schema.ENROLLMENT.columns))
@failing_as_dagster()
def enrollment(installation: Installation) -> dg.MaterializeResult[None]:
    """Every person of the population with spans of coverage and chronic conditions."""
    rows = generate.write_enrollment(installation.lake, installation.feed())
    return dg.MaterializeResult(metadata={"dagster/row_count": rows})


@dg.asset(
    group_name=GROUP,
    kinds=KINDS,
    partitions_def=daily,
    backfill_policy=one_run,
    deps=[directory, enrollment],
    metadata=column_schema(schema.PATIENTS.columns),
)
@failing_as_dagster()
def patients(context: dg.AssetExecutionContext, installation: Installation) -> None:
    """The patients whom the day's claims name, as they were on that day."""
    add_row_counts(context, generate.write_patients(installation.lake, installation.feed(), days_of(context)))


@dg.asset(
    group_name=GROUP,
    kinds=KINDS,
    partitions_def=daily,
    backfill_policy=one_run,
    deps=[enrollment, patients],
    metadata=column_schema(schema.COVERAGES.columns),
)
@failing_as_dagster()
def coverages(context: dg.AssetExecutionContext, installation: Installation) -> None:
    """The coverages that the day's claims name, each valid on its date of service."""
    add_row_counts(context, generate.write_coverages(installation.lake, installation.feed(), days_of(context)))


@dg.asset(
    group_name=GROUP,
    kinds=KINDS,
    partitions_def=daily,
    backfill_policy=one_run,
    deps=[directory, patients, coverages],
    metadata=column_schema(schema.CLAIMS.columns),
)
@failing_as_dagster()
def claims(context: dg.AssetExecutionContext, installation: Installation) -> None:
    """What the payer received on the day: new claims, and new versions of earlier ones."""
    add_row_counts(context, generate.write_claims(installation.lake, installation.feed(), days_of(context)))
