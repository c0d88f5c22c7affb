"""What `fhir_load` does: loads days in turns, and records each that is finished."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial

import dagster as dg

from claims_pipeline import load
from claims_pipeline.errors import ClaimsPipelineError, DataError, LoaderLocked
from claims_pipeline.lake import Lake
from claims_pipeline.load import Counts, LoadOptions, LoadReport
from claims_pipeline.orchestration.faulty_days import faulty_days, name_faults
from claims_pipeline.orchestration.load_config import LoadConfig
from claims_pipeline.orchestration.load_turns import Rows, finished_days, rows_by_day, turns
from claims_pipeline.reports import save_report
from claims_pipeline.server import with_reasons
from claims_pipeline.settings import Settings

PROGRESS_SECONDS = 10.0
"""A line of log costs about 10 ms in the event log, and the load waits for it."""

Numbers = dict[str, int | float]


def load_days(
    context: dg.AssetExecutionContext, lake: Lake, settings: Settings, days: Sequence[date], config: LoadConfig
) -> Iterator[dg.AssetMaterialization]:
    """Load the days without faults; attach numbers to each that is finished, and yield it if not all will be.

    Raises:
        Interrupted: a signal came, be it in the last bundle of all: a run that is to end does not go on.
        ClaimsPipelineError: a day is not loaded; the days that are finished have been yielded before.
    """
    load_turn = partial(_load_turn, context, lake, settings, config.options(), is_full=config.is_full)
    faults = faulty_days(lake, days)
    rows = rows_by_day(lake, [day for day in days if day not in faults])
    waiting: dict[date, Numbers] = {}  # finished, and to be recorded: by Dagster itself if all ends well
    problems: list[ClaimsPipelineError] = []
    for turn in turns(rows):
        yield from _recorded(waiting)
        report = load_turn(turn)
        of_turn = {day: rows[day] for day in turn}
        waiting = _numbers(report, finished_days(report, of_turn), of_turn)
        _attach(context, waiting)
        if ending := report.stopped or report.interrupted:
            problems = [ending]
            break
        if report.exit_code:
            problems.append(_left_over(report, settings))
    if faults:
        problems.append(_not_loaded(name_faults(faults)))
    if problems:
        yield from _recorded(waiting)
        raise problems[0]


def _load_turn(
    context: dg.AssetExecutionContext,
    lake: Lake,
    settings: Settings,
    options: LoadOptions,
    days: Sequence[date],
    *,
    is_full: bool,
) -> LoadReport:
    say = load.at_most_every(PROGRESS_SECONDS, context.log.info)
    load_turn = partial(
        load.load_lake,
        lake,
        settings,
        days=days,
        full=is_full,
        on_progress=with_reasons(settings, say, context.log.warning),
    )
    try:
        report = load_turn(options=options)
    except LoaderLocked as error:
        context.log.info(f"{error.message}: waiting until it is done")
        report = load_turn(options=replace(options, wait_for_lock=True))
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
