"""The load: the day's resources into the FHIR server, changed ones only."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import partial

import dagster as dg

from claims_pipeline import load
from claims_pipeline.errors import ClaimsPipelineError, DataError, LoaderLocked
from claims_pipeline.fhir import mapping_digest
from claims_pipeline.load import Counts, LoadReport
from claims_pipeline.orchestration.failures import RETRIES, failing_as_dagster
from claims_pipeline.orchestration.faulty_days import faulty_days, name_faults
from claims_pipeline.orchestration.feed_assets import claims, coverages, directory, patients
from claims_pipeline.orchestration.load_config import LoadConfig
from claims_pipeline.orchestration.load_turns import Rows, finished_days, rows_by_day, turns
from claims_pipeline.orchestration.metadata import OWNERS
from claims_pipeline.orchestration.partitions import daily, one_run
from claims_pipeline.orchestration.resources import Installation, days_of
from claims_pipeline.reports import save_report
from claims_pipeline.server import with_reasons
from claims_pipeline.settings import Settings, load_settings

PROGRESS_SECONDS = 10.0
"""A line of log costs about 10 ms in the event log, and the load waits for it."""

Events = Iterator[dg.AssetMaterialization | dg.MaterializeResult[None]]
Numbers = dict[str, int | float]


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
        settings, lake = config.applied_to(installation.settings), installation.lake
        faults = faulty_days(lake, days_of(context))
        rows = rows_by_day(lake, [day for day in days_of(context) if day not in faults])
        waiting: dict[date, Numbers] = {}  # finished, and to be recorded: by Dagster itself if all ends well
        problems: list[ClaimsPipelineError] = []
        for turn in turns(rows):
            yield from _recorded(waiting)
            report = _load_turn(context, installation, settings, turn, config)
            of_turn = {day: rows[day] for day in turn}
            waiting = _numbers(report, finished_days(report, of_turn), of_turn)
            _attach(context, waiting)
            if report.stopped is not None:
                problems = [report.stopped]
                break
            if report.exit_code:
                problems.append(_left_over(report, settings))
        if faults:
            problems.append(_not_loaded(name_faults(faults)))
        if problems:
            yield from _recorded(waiting)
            raise problems[0]
        yield dg.MaterializeResult()


def _load_turn(
    context: dg.AssetExecutionContext,
    installation: Installation,
    settings: Settings,
    days: list[date],
    config: LoadConfig,
) -> LoadReport:
    load_days = partial(
        load.load_lake,
        installation.lake,
        settings,
        days=days,
        full=config.is_full,
        on_progress=with_reasons(settings, load.at_most_every(PROGRESS_SECONDS, context.log.info), context.log.warning),
    )
    try:
        report = load_days(options=config.options())
    except LoaderLocked as error:
        context.log.info(f"{error.message}: waiting until it is done")
        report = load_days(options=replace(config.options(), wait_for_lock=True))
    save_report(report, settings.runs_path)
    context.log.info(report.render())
    return report


def _numbers(report: LoadReport, finished: list[date], rows: Mapping[date, Rows]) -> dict[date, Numbers]:
    """Return what the UI plots over the days; what is known of a turn only is its rate, or is shared out by rows."""
    total = sum(sum(of_day.values()) for of_day in rows.values()) or 1
    rates = {"claims_per_second": report.claims_per_second, "latency_p95_seconds": report.latency.p95}
    known = {name: round(rate, 4) for name, rate in rates.items() if rate is not None}
    numbers: dict[date, Numbers] = {}
    for day in finished:
        counts = sum(report.by_day.get(str(day), {}).values(), Counts())
        numbers[day] = {
            "dagster/partition_row_count": counts.read,
            "unchanged": counts.unchanged,
            "superseded": counts.superseded,
            "loaded": counts.loaded,
            "rejected": counts.rejected,
            "failed": counts.failed,
            "seconds": round(report.seconds * sum(rows[day].values()) / total, 4),
        } | known
    return numbers


def _attach(context: dg.AssetExecutionContext, numbers: Mapping[date, Numbers]) -> None:
    for day, of_day in numbers.items():
        context.add_asset_metadata(of_day, partition_key=str(day))


def _recorded(numbers: Mapping[date, Numbers]) -> Iterator[dg.AssetMaterialization]:
    for day, of_day in numbers.items():
        yield dg.AssetMaterialization("fhir_load", partition=str(day), metadata=of_day)


def _left_over(report: LoadReport, settings: Settings) -> DataError:
    total = report.total
    return DataError(
        f"{total.rejected:,} resources were rejected, {total.failed:,} failed",
        where=f"{settings.runs_path}, the newest load",
        fix="claims dead-letters list" if total.rejected else "materialize the same days again",
    )


def _not_loaded(faults: str) -> DataError:
    return DataError(
        f"not loaded, because of faults in the rows: {faults}",
        fix="look at the failed checks of claims, repair the partition or materialize claims again, then fhir_load",
    )
