"""What has happened to runs and checks, as incidents that begin and end."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from claims_pipeline.days import parse_day
from claims_pipeline.orchestration.faulty_days import WARNINGS
from claims_pipeline.orchestration.freshness import DUE_DAY, NAME
from claims_pipeline.orchestration.incidents import Book
from claims_pipeline.orchestration.missing_days import LOADED, UNDER_WAY
from claims_pipeline.orchestration.partitions import daily, days_of_run
from claims_pipeline.quality import CHECKS

RUNS = "runs"
"""Cause of the incidents of days whose run failed."""

LATE = f"check {LOADED.to_user_string()}.{NAME}"
"""Cause of the incidents of days that are not loaded in time."""

NOT_LOADED = (RUNS, LATE)
"""Causes whose alert says that a day is not loaded: the other one of them is no news."""

WILL_RETRY = "dagster/will_retry"

EVALUATIONS_A_CHECK = 20
"""Number of the latest ones that are looked at each minute."""

HELD_AT_MOST = timedelta(hours=1)
"""A result waits so long for the end of its run; a run whose process was killed may never end."""

ENDED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}

BLOCKING = {check.name for check in CHECKS} - WARNINGS
"""A failure of these makes the run of its days fail, and the alert is that of the run."""


class _Evaluated(NamedTuple):
    """An evaluation of a check, when it was (seconds since 1970), and the run that it belongs to."""

    at: float
    run_id: str
    evaluation: dg.AssetCheckEvaluation


def look(instance: dg.DagsterInstance, book: Book, checks: Sequence[dg.AssetCheckKey]) -> None:
    """Open and close incidents by what has happened to runs and to some checks since the last look.

    A result of a run that is under way waits for its end: if the run fails too, that is one incident.
    """
    evaluated = _evaluations(instance, [check for check in checks if check.name not in BLOCKING], book.checks_until)
    held = _held(instance, evaluated)
    _look_at_runs(instance, book)
    _look_at_checks(book, [one for one in evaluated if one not in held])
    if evaluated:
        # the evaluations after the first that is held are looked at again: opening and closing twice changes nothing
        seen = [one.at for one in evaluated if not held or one.at < held[0].at]
        book.checks_until = max([book.checks_until, *seen])
    book.report()


def _look_at_runs(instance: dg.DagsterInstance, book: Book) -> None:
    since = datetime.fromtimestamp(book.runs_until, UTC)
    ended = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS]
    records = instance.get_run_records(dg.RunsFilter(statuses=ended, updated_after=since))
    for record in sorted(records, key=lambda record: record.update_timestamp):
        book.runs_until = max(book.runs_until, record.update_timestamp.timestamp())
        run = record.dagster_run
        days = days_of_run(run.tags)
        if run.status == dg.DagsterRunStatus.SUCCESS:
            if not days:
                book.end(_job(run))
            continue
        if run.tags.get(WILL_RETRY) == "true":
            continue
        not_loaded = _not_loaded(instance, days)
        if days and not not_loaded:
            continue
        text = f"{_reason(instance, run)}\nrun {run.run_id}"
        cause, subject = RUNS if days else _job(run), f"claims_pipeline: {run.job_name} failed"
        book.begin(cause, subject, text, not_loaded, news_unless=NOT_LOADED)
    if open_days := book.days(RUNS):
        book.end(RUNS, set(open_days) - set(_not_loaded(instance, open_days)))


def _look_at_checks(book: Book, evaluated: Sequence[_Evaluated]) -> None:
    for _, _, evaluation in evaluated:
        cause = f"check {evaluation.asset_key.to_user_string()}.{evaluation.check_name}"
        checked, faulty = _days_of(evaluation)
        due = evaluation.metadata.get(DUE_DAY)
        if checked:
            book.end(cause, set(checked) - set(faulty))
        elif evaluation.passed:
            book.end(cause)
        if not evaluation.passed:
            text = evaluation.description or "see the check in Dagster's UI"
            subject = f"claims_pipeline: {cause} failed"
            if due:
                book.begin(cause, subject, text, [parse_day(str(due.value))], goes_on=True, news_unless=NOT_LOADED)
            else:
                book.begin(cause, subject, text, faulty)


def _held(instance: dg.DagsterInstance, evaluated: Sequence[_Evaluated]) -> list[_Evaluated]:
    """Return the evaluations of runs that are under way, in order."""
    since = (datetime.now(UTC) - HELD_AT_MOST).timestamp()
    recent = [one for one in evaluated if one.run_id and one.at > since]
    if not recent:
        return []
    runs = instance.get_runs(dg.RunsFilter(run_ids=sorted({one.run_id for one in recent}), statuses=UNDER_WAY))
    under_way = {run.run_id for run in runs}
    return [one for one in recent if one.run_id in under_way]


def _evaluations(instance: dg.DagsterInstance, checks: Sequence[dg.AssetCheckKey], after: float) -> list[_Evaluated]:
    """Return the evaluations of some checks after a time (seconds since 1970), in order."""
    storage = instance.event_log_storage
    found = []
    for key in storage.get_latest_asset_check_execution_by_key(checks):  # one query; most checks were never evaluated
        for record in storage.get_asset_check_execution_history(key, limit=EVALUATIONS_A_CHECK, status=ENDED):
            evaluation = record.evaluation
            if record.event and evaluation and record.event.timestamp > after:
                found.append(_Evaluated(record.event.timestamp, record.run_id, evaluation))
    return sorted(found, key=lambda one: one.at)


def _days_of(evaluation: dg.AssetCheckEvaluation) -> tuple[list[date], list[date]]:
    """Return the days that an evaluation is about, and those that are faulty; none for what has no days."""
    values = {name: value.value for name, value in evaluation.metadata.items()}
    first, last, faulty = values.get("first_day"), values.get("last_day"), values.get("faulty_days")
    if not isinstance(first, str) or not isinstance(last, str):
        return [], []
    numbers = range(parse_day(first).toordinal(), parse_day(last).toordinal() + 1)
    named = faulty if isinstance(faulty, dict) else {}
    return [date.fromordinal(number) for number in numbers], [parse_day(day) for day in named]


def _not_loaded(instance: dg.DagsterInstance, days: Sequence[date]) -> list[date]:
    """Return the days whose latest load has not succeeded."""
    if not days:
        return []
    states = instance.get_status_by_partition(LOADED, [str(day) for day in days], daily) or {}
    loaded = instance.get_materialized_partitions(LOADED)
    return [day for day in days if str(day) not in loaded or _is_failed(states.get(str(day)))]


def _is_failed(state: object) -> bool:
    return getattr(state, "value", None) == "FAILED"


def _job(run: dg.DagsterRun) -> str:
    """Return the cause of the incidents of what has no days."""
    selected = ",".join(sorted(key.to_user_string() for key in run.asset_selection or ()))
    return f"job {run.job_name} {selected}".strip()


def _reason(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """Return why a run failed: what its failed steps say."""
    return "\n".join(_step_failures(instance, run)) or "its process ended"


def _step_failures(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[str]:
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        failure = entry.dagster_event.step_failure_data if entry.dagster_event else None
        if failure is None:
            continue
        ours = failure.user_failure_data
        said = (ours and ours.description) or (failure.error.message.strip() if failure.error else "failed")
        yield f"{entry.step_key}: {said}"
