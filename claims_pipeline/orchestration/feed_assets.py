"""The feed: directory, enrollment, and the daily patients -> coverages -> claims."""

import time
from collections.abc import Mapping

import dagster as dg

from claims_pipeline import schema
from claims_pipeline.orchestration.failures import RETRIES, failing_as_dagster
from claims_pipeline.orchestration.metadata import FEED_VERSION, OWNERS, add_day_numbers, table_metadata, table_schema
from claims_pipeline.orchestration.partitions import daily, one_run
from claims_pipeline.orchestration.resources import Installation, days_of

GROUP = "feed"
KINDS = {"polars", "parquet"}


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
    from claims_pipeline import generate

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
    from claims_pipeline import generate

    with failing_as_dagster():
        rows = generate.write_enrollment(installation.lake, installation.feed())
    return dg.MaterializeResult(metadata={"dagster/row_count": rows})


@dg.asset(
    group_name=GROUP,
    kinds=KINDS,
    owners=OWNERS,
    code_version=FEED_VERSION,
    backfill_policy=one_run,
    retry_policy=RETRIES,
    deps=[directory, enrollment],
    metadata=table_metadata(schema.VISITS),
)
def visits(installation: Installation) -> dg.MaterializeResult[None]:
    """The visits behind the feed's claims, a file a year of receipt: who is seen for what, when, by whom.

    Days after the feed's end make the years that they need. The asset has no partitions: Dagster's command runs a range
    of days together only with assets of the same partitions or of none.
    """
    from claims_pipeline import generate

    feed = installation.feed()
    with failing_as_dagster():
        rows = generate.write_visits(installation.lake, feed, range(feed.start_date.year, feed.end_date.year + 1))
    return dg.MaterializeResult(metadata=_visits_numbers(rows))


@dg.asset(
    group_name=GROUP,
    kinds=KINDS,
    owners=OWNERS,
    code_version=FEED_VERSION,
    partitions_def=daily,
    backfill_policy=one_run,
    retry_policy=RETRIES,
    deps=[directory, enrollment, visits],
    metadata=table_metadata(schema.PATIENTS, schema.ENROLLMENT),
)
def patients(context: dg.AssetExecutionContext, installation: Installation) -> None:
    """The patients whom the day's claims name, and the subscribers of their coverages, as they were on that day."""
    with failing_as_dagster():
        _write_what_is_missing(context, installation)
    _write_days(context, installation, schema.PATIENTS)


@dg.asset(
    group_name=GROUP,
    kinds=KINDS,
    owners=OWNERS,
    code_version=FEED_VERSION,
    partitions_def=daily,
    backfill_policy=one_run,
    retry_policy=RETRIES,
    deps=[enrollment, visits, patients],
    metadata=table_metadata(schema.COVERAGES, schema.ENROLLMENT, schema.PATIENTS),
)
def coverages(context: dg.AssetExecutionContext, installation: Installation) -> None:
    """The coverages that the day's claims name, each valid on its date of service."""
    _write_days(context, installation, schema.COVERAGES)


@dg.asset(
    group_name=GROUP,
    kinds=KINDS,
    owners=OWNERS,
    code_version=FEED_VERSION,
    partitions_def=daily,
    backfill_policy=one_run,
    retry_policy=RETRIES,
    deps=[directory, visits, patients, coverages],
    metadata=table_metadata(schema.CLAIMS, schema.PATIENTS, schema.COVERAGES),
)
def claims(context: dg.AssetExecutionContext, installation: Installation) -> None:
    """What the payer received on the day: new claims, and new versions of earlier ones."""
    _write_days(context, installation, schema.CLAIMS)


def _write_days(context: dg.AssetExecutionContext, installation: Installation, table: schema.Table) -> None:
    from claims_pipeline import generate

    write = {
        schema.PATIENTS: generate.write_patients,
        schema.COVERAGES: generate.write_coverages,
        schema.CLAIMS: generate.write_claims,
    }[table]
    began = time.monotonic()
    with failing_as_dagster():
        rows = write(installation.lake, installation.feed(), days_of(context))
    add_day_numbers(context, installation.lake, table, rows, time.monotonic() - began)


def _write_what_is_missing(context: dg.AssetExecutionContext, installation: Installation) -> None:
    """Let the days of a new lake or year be made without a run of what they are made from before them."""
    from claims_pipeline import generate

    feed, lake = installation.feed(), installation.lake
    if not all(lake.path(table).exists() for table in schema.DIRECTORY):
        rows = generate.write_directory(lake, feed)
        context.log_event(dg.AssetMaterialization("directory", metadata=_directory_numbers(rows)))
    if not lake.path(schema.ENROLLMENT).exists():
        count = generate.write_enrollment(lake, feed)
        context.log_event(dg.AssetMaterialization("enrollment", metadata={"dagster/row_count": count}))
    if missing := generate.missing_years(lake, feed, days_of(context)):
        reached = generate.enrolled_until(lake)
        visits_made = generate.write_visits(lake, feed, missing, max(days_of(context)))
        context.log_event(dg.AssetMaterialization("visits", metadata=_visits_numbers(visits_made)))
        if generate.enrolled_until(lake) > reached:
            context.log_event(dg.AssetMaterialization("enrollment", metadata={"dagster/row_count": feed.patients}))


def _directory_numbers(rows: Mapping[str, int]) -> dict[str, int]:
    return {"dagster/row_count": sum(rows.values()), **rows}


def _visits_numbers(rows: Mapping[int, int]) -> dict[str, int]:
    return {"dagster/row_count": sum(rows.values()), **{str(year): count for year, count in rows.items()}}
