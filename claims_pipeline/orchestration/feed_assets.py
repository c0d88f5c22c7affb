"""The feed: directory, enrollment, and the daily patients -> coverages -> claims."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import date

import dagster as dg

from claims_pipeline import generate, schema
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.orchestration.failures import RETRIES, failing_as_dagster
from claims_pipeline.orchestration.metadata import FEED_VERSION, OWNERS, add_day_numbers, table_metadata, table_schema
from claims_pipeline.orchestration.partitions import daily, one_run, yearly
from claims_pipeline.orchestration.resources import Installation, days_of

GROUP = "feed"
KINDS = {"polars", "parquet"}
YEARS_OF_A_DAY = dg.TimeWindowPartitionMapping(start_offset=-60, allow_nonexistent_upstream_partitions=True)
"""The years of a day and of the 60 days before it: of claims received since then a new version may come on the day."""


@dg.asset(
    group_name=GROUP,
    kinds=KINDS,
    owners=OWNERS,
    code_version=FEED_VERSION,
    backfill_policy=one_run,
    retry_policy=RETRIES,
    metadata={table.name: table_schema(table.columns) for table in schema.DIRECTORY},
)
def directory(installation: Installation) -> dg.MaterializeResult[None]:
    """Payers, plans, organizations, locations and practitioners."""
    with failing_as_dagster():
        rows = generate.write_directory(installation.lake, installation.feed())
    return dg.MaterializeResult(metadata=_directory_numbers(rows))


@dg.asset(
    group_name=GROUP,
    kinds=KINDS,
    owners=OWNERS,
    code_version=FEED_VERSION,
    backfill_policy=one_run,
    retry_policy=RETRIES,
    metadata=table_metadata(schema.ENROLLMENT),
)
def enrollment(installation: Installation) -> dg.MaterializeResult[None]:
    """Every person of the population with spans of coverage and chronic conditions."""
    with failing_as_dagster():
        rows = generate.write_enrollment(installation.lake, installation.feed())
    return dg.MaterializeResult(metadata={"dagster/row_count": rows})


@dg.asset(
    group_name=GROUP,
    kinds=KINDS,
    owners=OWNERS,
    code_version=FEED_VERSION,
    partitions_def=yearly,
    backfill_policy=one_run,
    retry_policy=RETRIES,
    deps=[directory, enrollment],
    metadata=table_metadata(schema.VISITS),
)
def visits(context: dg.AssetExecutionContext, installation: Installation) -> None:
    """The visits behind the claims of a year of receipt: who is seen for what, when, by whom."""
    years = [int(key) for key in context.partition_keys]
    with failing_as_dagster():
        rows_by_year = generate.write_visits(installation.lake, installation.feed(), years)
    for year, rows in rows_by_year.items():
        context.add_asset_metadata({"dagster/partition_row_count": rows}, partition_key=str(year))


@dg.asset(
    group_name=GROUP,
    kinds=KINDS,
    owners=OWNERS,
    code_version=FEED_VERSION,
    partitions_def=daily,
    backfill_policy=one_run,
    retry_policy=RETRIES,
    deps=[directory, enrollment, dg.AssetDep(visits, partition_mapping=YEARS_OF_A_DAY)],
    metadata=table_metadata(schema.PATIENTS, schema.ENROLLMENT),
)
def patients(context: dg.AssetExecutionContext, installation: Installation) -> None:
    """The patients whom the day's claims name, as they were on that day."""
    with failing_as_dagster():
        _write_what_is_missing(context, installation)
    _write_days(context, installation, schema.PATIENTS, generate.write_patients)


@dg.asset(
    group_name=GROUP,
    kinds=KINDS,
    owners=OWNERS,
    code_version=FEED_VERSION,
    partitions_def=daily,
    backfill_policy=one_run,
    retry_policy=RETRIES,
    deps=[enrollment, dg.AssetDep(visits, partition_mapping=YEARS_OF_A_DAY), patients],
    metadata=table_metadata(schema.COVERAGES, schema.ENROLLMENT, schema.PATIENTS),
)
def coverages(context: dg.AssetExecutionContext, installation: Installation) -> None:
    """The coverages that the day's claims name, each valid on its date of service."""
    _write_days(context, installation, schema.COVERAGES, generate.write_coverages)


@dg.asset(
    group_name=GROUP,
    kinds=KINDS,
    owners=OWNERS,
    code_version=FEED_VERSION,
    partitions_def=daily,
    backfill_policy=one_run,
    retry_policy=RETRIES,
    deps=[directory, dg.AssetDep(visits, partition_mapping=YEARS_OF_A_DAY), patients, coverages],
    metadata=table_metadata(schema.CLAIMS, schema.PATIENTS, schema.COVERAGES),
)
def claims(context: dg.AssetExecutionContext, installation: Installation) -> None:
    """What the payer received on the day: new claims, and new versions of earlier ones."""
    _write_days(context, installation, schema.CLAIMS, generate.write_claims)


def _write_days(
    context: dg.AssetExecutionContext,
    installation: Installation,
    table: schema.Table,
    write: Callable[[Lake, Feed, Iterable[date]], Mapping[date, int]],
) -> None:
    began = time.monotonic()
    with failing_as_dagster():
        rows = write(installation.lake, installation.feed(), days_of(context))
    add_day_numbers(context, installation.lake, table, rows, time.monotonic() - began)


def _write_what_is_missing(context: dg.AssetExecutionContext, installation: Installation) -> None:
    """Let the days of a new lake or year be made without a run of what they are made from before them."""
    feed, lake = installation.feed(), installation.lake
    if not all(lake.path(table).exists() for table in schema.DIRECTORY):
        rows = generate.write_directory(lake, feed)
        context.log_event(dg.AssetMaterialization("directory", metadata=_directory_numbers(rows)))
    if not lake.path(schema.ENROLLMENT).exists():
        count = generate.write_enrollment(lake, feed)
        context.log_event(dg.AssetMaterialization("enrollment", metadata={"dagster/row_count": count}))
    missing = generate.missing_years(lake, feed, days_of(context))
    for year, visits_made in generate.write_visits(lake, feed, missing).items():
        numbers = {"dagster/partition_row_count": visits_made}
        context.log_event(dg.AssetMaterialization("visits", partition=str(year), metadata=numbers))


def _directory_numbers(rows: Mapping[str, int]) -> dict[str, int]:
    return {"dagster/row_count": sum(rows.values()), **rows}
