"""Incidents from the events of an instance: one alert when they begin, one all-clear when they are over."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from claims_pipeline.orchestration import freshness
from claims_pipeline.orchestration.alerts import new_book
from claims_pipeline.orchestration.incidents import Book
from claims_pipeline.orchestration.instance import opened_instance
from claims_pipeline.orchestration.missing_days import LOADED
from claims_pipeline.orchestration.partitions import RANGE_END, RANGE_START, daily
from claims_pipeline.orchestration.watch import look
from claims_pipeline_tests.orchestration.evaluations import evaluate, warn

CHECKS = [
    dg.AssetCheckKey(dg.AssetKey("claims"), "codes_known"),
    dg.AssetCheckKey(dg.AssetKey("claims"), "total_is_sum"),
    dg.AssetCheckKey(LOADED, freshness.NAME),
]
DAYS = ["2025-02-03", "2025-02-04", "2025-02-05"]


@dg.asset(name="fhir_load", partitions_def=daily, backfill_policy=dg.BackfillPolicy.single_run())
def load_that_fails_on_wednesdays(context: dg.AssetExecutionContext) -> None:
    for key in context.partition_keys:
        if date.fromisoformat(key).weekday() == 2:
            raise dg.Failure(f"not loaded, because of faults in the rows: {key} (total_is_sum: 3)")
        context.log_event(dg.AssetMaterialization(LOADED, partition=key))


@dg.asset(name="fhir_load", partitions_def=daily, backfill_policy=dg.BackfillPolicy.single_run())
def load_that_works() -> None: ...


def run(asset: dg.AssetsDefinition, instance: dg.DagsterInstance, first: str, last: str, **tags: str) -> None:
    range_tags = {RANGE_START: first, RANGE_END: last}
    dg.materialize([asset], instance=instance, tags=range_tags | tags, raise_on_error=False)


def subjects(book: Book) -> list[str]:
    return [message.subject.removeprefix("claims_pipeline: ") for message in book.unsent]


@pytest.fixture(params=["memory", pytest.param("SQLite", marks=pytest.mark.heavy)])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Both storages: the one of files has a log for each run, and refuses some questions about all runs."""
    made = opened_instance(tmp_path / "dagster") if request.param == "SQLite" else dg.DagsterInstance.ephemeral()
    with made as instance:
        yield instance


@pytest.fixture
def book() -> Book:
    return Book(runs_until=(datetime.now(UTC) - timedelta(minutes=1)).timestamp())


@pytest.mark.heavy
def test_a_failed_day_sends_one_alert_however_often_it_fails_and_one_more_when_it_is_loaded(
    instance: dg.DagsterInstance, book: Book
) -> None:
    run(load_that_fails_on_wednesdays, instance, *DAYS[::2])
    look(instance, book, CHECKS)
    run(load_that_fails_on_wednesdays, instance, DAYS[2], DAYS[2])
    look(instance, book, CHECKS)
    at_first = list(book.unsent)
    run(load_that_works, instance, DAYS[2], DAYS[2])
    look(instance, book, CHECKS)
    look(instance, book, CHECKS)

    assert len(at_first) == 1
    assert "days: 2025-02-05\n" in at_first[0].text
    assert "(total_is_sum: 3)" in at_first[0].text
    assert len(book.unsent) == 2
    assert book.unsent[1].subject.startswith("over: ")
    assert book.open == []


@pytest.mark.heavy
def test_other_days_that_fail_are_another_incident(instance: dg.DagsterInstance, book: Book) -> None:
    run(load_that_fails_on_wednesdays, instance, "2025-02-05", "2025-02-05")
    look(instance, book, CHECKS)
    run(load_that_fails_on_wednesdays, instance, "2025-02-12", "2025-02-12")
    look(instance, book, CHECKS)
    run(load_that_works, instance, "2025-02-12", "2025-02-12")
    look(instance, book, CHECKS)

    assert len(book.unsent) == 3
    assert "days: 2025-02-12\n" in book.unsent[2].text
    assert [str(day) for day in book.days("runs")] == ["2025-02-05"]


def test_a_run_that_will_be_retried_sends_no_alert(instance: dg.DagsterInstance, book: Book) -> None:
    run(load_that_fails_on_wednesdays, instance, DAYS[2], DAYS[2], **{"dagster/will_retry": "true"})
    look(instance, book, CHECKS)

    assert book.unsent == []


def test_a_warning_is_over_when_its_days_pass_not_when_others_do(instance: dg.DagsterInstance, book: Book) -> None:
    warn(instance, "codes_known", "2025-02-05")
    evaluate(instance, "codes_known", passed=True, first_day="2025-02-06", last_day="2025-02-06")
    look(instance, book, CHECKS)
    warn(instance, "codes_known", "2025-02-05")
    look(instance, book, CHECKS)
    at_first = subjects(book)
    evaluate(instance, "codes_known", passed=True, first_day="2025-02-01", last_day="2025-02-28")
    look(instance, book, CHECKS)

    assert at_first == ["check claims.codes_known failed"]
    assert subjects(book)[1:] == ["over: claims_pipeline: check claims.codes_known failed"]


def test_a_blocking_check_is_part_of_the_alert_of_the_run_that_it_stops(
    instance: dg.DagsterInstance, book: Book
) -> None:
    evaluate(instance, "total_is_sum", passed=False, first_day="2025-02-05", last_day="2025-02-05")
    look(instance, book, CHECKS)

    assert book.unsent == []


@pytest.mark.heavy
def test_a_load_that_fails_after_its_days_warning_was_sent_sends_one_more_message_and_one_all_clear(
    instance: dg.DagsterInstance, book: Book
) -> None:
    warn(instance, "codes_known", DAYS[2])
    look(instance, book, CHECKS)
    run(load_that_fails_on_wednesdays, instance, DAYS[2], DAYS[2])
    look(instance, book, CHECKS)
    instance.report_runless_asset_event(freshness.evaluation(instance, datetime(2025, 2, 6, 7, tzinfo=UTC)))
    look(instance, book, CHECKS)
    run(load_that_works, instance, DAYS[2], DAYS[2])
    look(instance, book, CHECKS)
    before_it_passes = list(book.unsent)
    instance.report_runless_asset_event(dg.AssetMaterialization(LOADED, partition=DAYS[2]))
    instance.report_runless_asset_event(freshness.evaluation(instance, datetime(2025, 2, 6, 8, tzinfo=UTC)))
    evaluate(instance, "codes_known", passed=True, first_day=DAYS[2], last_day=DAYS[2])
    look(instance, book, CHECKS)

    warning, failure = before_it_passes
    assert warning.subject == "claims_pipeline: check claims.codes_known failed"
    assert failure.subject.startswith("also: claims_pipeline: ")
    assert "(total_is_sum: 3)" in failure.text
    assert f"days: {DAYS[2]}\n" in failure.text
    assert subjects(book)[2:] == ["over: claims_pipeline: check claims.codes_known failed"]


def test_a_day_that_is_late_after_its_warning_was_sent_sends_one_more_message(
    instance: dg.DagsterInstance, book: Book
) -> None:
    warn(instance, "codes_known", DAYS[2])
    look(instance, book, CHECKS)
    instance.report_runless_asset_event(freshness.evaluation(instance, datetime(2025, 2, 6, 7, tzinfo=UTC)))
    look(instance, book, CHECKS)

    assert subjects(book) == [
        "check claims.codes_known failed",
        "also: claims_pipeline: check fhir_load.yesterday_is_loaded failed",
    ]


def test_two_warnings_of_a_day_are_one_alert_that_names_both(instance: dg.DagsterInstance, book: Book) -> None:
    both = [*CHECKS, dg.AssetCheckKey(dg.AssetKey("claims"), "codes_fit_patient")]
    warn(instance, "codes_known", DAYS[0])
    warn(instance, "codes_fit_patient", DAYS[0])
    look(instance, book, both)

    assert subjects(book) == ["check claims.codes_known failed"]
    assert "also: claims_pipeline: check claims.codes_fit_patient failed" in book.unsent[0].text


@pytest.mark.heavy
def test_a_warning_of_a_run_under_way_is_sent_with_the_end_of_the_run(instance: dg.DagsterInstance, book: Book) -> None:
    at_the_load = []

    @dg.asset_check(asset=dg.AssetKey("claims"), name="codes_known")
    def warning() -> dg.AssetCheckResult:
        metadata: dict[str, Any] = {"first_day": DAYS[2], "last_day": DAYS[2], "faulty_days": {DAYS[2]: 1}}
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, metadata=metadata)

    @dg.asset(name="claims", partitions_def=daily)
    def claims() -> None: ...

    @dg.asset(name="fhir_load", partitions_def=daily, deps=[claims])
    def failing_load(context: dg.AssetExecutionContext) -> None:
        look(context.instance, book, CHECKS)
        at_the_load.extend(subjects(book))
        raise dg.Failure("not loaded")

    job = dg.Definitions(assets=[claims, failing_load], asset_checks=[warning], jobs=[dg.define_asset_job("daily")])
    job.resolve_job_def("daily").execute_in_process(instance=instance, partition_key=DAYS[2], raise_on_error=False)
    look(instance, book, CHECKS)
    look(instance, book, CHECKS)

    assert at_the_load == []
    assert subjects(book) == ["daily failed"]
    assert "also: claims_pipeline: check claims.codes_known failed" in book.unsent[0].text


def test_what_passes_before_the_next_look_sends_no_alert(instance: dg.DagsterInstance, book: Book) -> None:
    warn(instance, "codes_known", DAYS[0])
    evaluate(instance, "codes_known", passed=True, first_day=DAYS[0], last_day=DAYS[0])
    look(instance, book, CHECKS)

    assert book.unsent == []


def test_stale_data_is_an_incident_from_seven_on_and_an_old_day_does_not_end_it(
    instance: dg.DagsterInstance, book: Book
) -> None:
    def report(hour: int) -> None:
        instance.report_runless_asset_event(freshness.evaluation(instance, datetime(2025, 2, 6, hour, tzinfo=UTC)))

    for day in ("2025-02-03", "2025-02-04"):
        instance.report_runless_asset_event(dg.AssetMaterialization(LOADED, partition=day))
    report(6)
    report(7)
    instance.report_runless_asset_event(dg.AssetMaterialization(LOADED, partition="2025-02-03"))
    report(8)
    look(instance, book, CHECKS)
    at_first = subjects(book)
    instance.report_runless_asset_event(dg.AssetMaterialization(LOADED, partition="2025-02-05"))
    report(9)
    look(instance, book, CHECKS)

    assert at_first == ["check fhir_load.yesterday_is_loaded failed"]
    assert subjects(book)[1:] == ["over: claims_pipeline: check fhir_load.yesterday_is_loaded failed"]


def test_when_alerts_are_switched_on_open_failures_are_sent_and_past_ones_are_not(
    instance: dg.DagsterInstance,
) -> None:
    for check, passed in (("codes_known", False), ("codes_known", True), ("codes_fit_patient", False)):
        evaluate(instance, check, passed=passed)

    book = new_book()
    look(instance, book, [*CHECKS, dg.AssetCheckKey(dg.AssetKey("claims"), "codes_fit_patient")])

    assert subjects(book) == ["check claims.codes_fit_patient failed"]


def test_a_stale_day_sends_no_second_alert_when_its_run_fails_and_the_next_stale_day_none_either(
    instance: dg.DagsterInstance, book: Book
) -> None:
    for day in (6, 7):
        instance.report_runless_asset_event(freshness.evaluation(instance, datetime(2025, 2, day, 7, tzinfo=UTC)))
        look(instance, book, CHECKS)
    run(load_that_fails_on_wednesdays, instance, DAYS[2], DAYS[2])
    look(instance, book, CHECKS)

    assert subjects(book) == ["check fhir_load.yesterday_is_loaded failed"]


@pytest.mark.heavy
def test_a_failed_day_sends_no_second_alert_as_stale_or_unusual(instance: dg.DagsterInstance, book: Book) -> None:
    run(load_that_fails_on_wednesdays, instance, DAYS[2], DAYS[2])
    instance.report_runless_asset_event(freshness.evaluation(instance, datetime(2025, 2, 6, 7, tzinfo=UTC)))
    faulty = {"first_day": DAYS[2], "last_day": DAYS[2], "faulty_days": {DAYS[2]: 1}}
    evaluate(instance, "codes_known", passed=False, **faulty)
    look(instance, book, CHECKS)

    assert len(book.unsent) == 1
    assert "days: 2025-02-05\n" in book.unsent[0].text
