"""`alerts`: tells a person what is wrong, once when it begins and once when it is over."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from claims_pipeline.days import parse_day
from claims_pipeline.errors import ServiceError
from claims_pipeline.orchestration.faulty_days import WARNINGS
from claims_pipeline.orchestration.freshness import DUE_DAY
from claims_pipeline.orchestration.incidents import Book, Incident
from claims_pipeline.orchestration.missing_days import LOADED
from claims_pipeline.orchestration.notify import Message, deliver
from claims_pipeline.orchestration.partitions import daily, days_of_run
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.quality import CHECKS
from claims_pipeline.settings import Settings

RUNS = "runs"
"""Family of the incidents of days whose run failed."""

WILL_RETRY = "dagster/will_retry"

EVALUATIONS_A_CHECK = 20
"""So many of the latest are looked at each minute."""

ENDED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}

BLOCKING = {check.name for check in CHECKS} - WARNINGS
"""A failure of these makes the run of its days fail, which is told."""


@dg.sensor(minimum_interval_seconds=60)
def alerts(context: dg.SensorEvaluationContext, installation: Installation) -> dg.SkipReason:
    """Tell the log, CLAIMS_ALERT_WEBHOOK and CLAIMS_ALERT_EMAIL of failed runs, failed checks and stale data.

    An incident is told once, and once more when it is over: its days are loaded, its check passes, its job succeeds.
    """
    checks = sorted(context.repository_def.asset_graph.asset_check_keys if context.repository_def else ())
    if context.cursor:
        book = Book.model_validate_json(context.cursor)
        look(context.instance, book, checks)
    else:
        book = first_look(context.instance, checks)
    told = len(book.unsent)
    _send(context, book, installation.settings)
    context.update_cursor(book.model_dump_json())
    open_now = sum(map(len, book.open.values()))
    return dg.SkipReason(f"{open_now:,} open incidents, {told:,} messages")


def first_look(instance: dg.DagsterInstance, checks: Sequence[dg.AssetCheckKey]) -> Book:
    """Return the checks that fail now as incidents that are to be told; runs are looked at from now on."""
    book = Book(runs_until=_now().timestamp())
    look(instance, book, checks)
    book.tell_open_ones_only()
    return book


def look(instance: dg.DagsterInstance, book: Book, checks: Sequence[dg.AssetCheckKey]) -> None:
    """Open and close incidents by what has happened to runs and to some checks since the last look."""
    _look_at_runs(instance, book)
    _look_at_checks(instance, book, [check for check in checks if check.name not in BLOCKING])


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
                book.end(_family(run))
            continue
        if run.tags.get(WILL_RETRY) == "true":
            continue
        not_loaded = _not_loaded(instance, days)
        if days and not not_loaded:
            continue
        incident = Incident(
            subject=f"claims_pipeline: {run.job_name} failed",
            text=f"{_reason(instance, run)}\nrun {run.run_id}",
            days=not_loaded,
            since=_now().isoformat(timespec="seconds"),
        )
        book.begin(RUNS if days else _family(run), incident)
    if open_days := book.days(RUNS):
        book.end(RUNS, set(open_days) - set(_not_loaded(instance, open_days)))


def _look_at_checks(instance: dg.DagsterInstance, book: Book, checks: Sequence[dg.AssetCheckKey]) -> None:
    for at, evaluation in _evaluations(instance, checks, after=book.checks_until):
        book.checks_until = at
        family = f"check {evaluation.asset_key.to_user_string()}.{evaluation.check_name}"
        checked, faulty = _days_of(evaluation)
        if checked:
            book.end(family, set(checked) - set(faulty))
        elif evaluation.passed:
            book.end(family)
        if not evaluation.passed and not _is_told_as_failed(evaluation, faulty, book):
            incident = Incident(
                subject=f"claims_pipeline: {family} failed",
                text=evaluation.description or "see the check in Dagster's UI",
                days=faulty,
                since=_now().isoformat(timespec="seconds"),
            )
            book.begin(family, incident)


def _is_told_as_failed(evaluation: dg.AssetCheckEvaluation, faulty: Sequence[date], book: Book) -> bool:
    """Tell whether a check fails because of days only whose failed runs are open incidents already."""
    due = evaluation.metadata.get(DUE_DAY)
    days = {str(day) for day in faulty} or ({str(due.value)} if due else set())
    return bool(days) and days <= {str(day) for day in book.days(RUNS)}


def _evaluations(
    instance: dg.DagsterInstance, checks: Sequence[dg.AssetCheckKey], *, after: float
) -> list[tuple[float, dg.AssetCheckEvaluation]]:
    """Return the evaluations of some checks after a time with their times (seconds since 1970), in order."""
    storage = instance.event_log_storage
    found = []
    for key in storage.get_latest_asset_check_execution_by_key(checks):  # one query; most checks were never evaluated
        for record in storage.get_asset_check_execution_history(key, limit=EVALUATIONS_A_CHECK, status=ENDED):
            evaluation = record.evaluation
            if record.event and evaluation and record.event.timestamp > after:
                found.append((record.event.timestamp, evaluation))
    return sorted(found, key=lambda one: one[0])


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


def _family(run: dg.DagsterRun) -> str:
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


def _send(context: dg.SensorEvaluationContext, book: Book, settings: Settings) -> None:
    """Deliver what is unsent; what could not be delivered stays for the next tick."""
    left = []
    for subject, text in book.unsent:
        context.log.warning(f"{subject}: {text}")
        try:
            deliver(Message(subject, text), settings)
        except ServiceError as error:
            context.log.warning(error.render())
            left.append((subject, text))
    book.unsent = left


def _now() -> datetime:
    return datetime.now(UTC)
