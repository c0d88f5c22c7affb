"""Incidents from the events of an instance: told once when they begin, once when they are over."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from claims_pipeline.definitions import defs
from claims_pipeline.errors import ServiceError
from claims_pipeline.orchestration import alerts, freshness
from claims_pipeline.orchestration.alerts import look
from claims_pipeline.orchestration.incidents import Book
from claims_pipeline.orchestration.instance import opened_instance
from claims_pipeline.orchestration.missing_days import LOADED
from claims_pipeline.orchestration.notify import Message
from claims_pipeline.orchestration.partitions import RANGE_END, RANGE_START, daily
from claims_pipeline.orchestration.resources import Installation

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


def evaluate(instance: dg.DagsterInstance, name: str, *, passed: bool, **metadata: Any) -> None:
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(asset_key=dg.AssetKey("claims"), check_name=name, passed=passed, metadata=metadata)
    )


def subjects(book: Book) -> list[str]:
    return [subject.removeprefix("claims_pipeline: ") for subject, _ in book.unsent]


@pytest.fixture(params=["memory", "SQLite"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Both storages: the one of files has a log for each run, and refuses some questions about all runs."""
    made = opened_instance(tmp_path / "dagster") if request.param == "SQLite" else dg.DagsterInstance.ephemeral()
    with made as instance:
        yield instance


@pytest.fixture
def book() -> Book:
    return Book(runs_until=(datetime.now(UTC) - timedelta(minutes=1)).timestamp())


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
    assert "days: 2025-02-05\n" in at_first[0][1]
    assert "(total_is_sum: 3)" in at_first[0][1]
    assert len(book.unsent) == 2
    assert book.unsent[1][0].startswith("over: ")
    assert book.open == {}


def test_other_days_that_fail_are_another_incident(instance: dg.DagsterInstance, book: Book) -> None:
    run(load_that_fails_on_wednesdays, instance, "2025-02-05", "2025-02-05")
    look(instance, book, CHECKS)
    run(load_that_fails_on_wednesdays, instance, "2025-02-12", "2025-02-12")
    look(instance, book, CHECKS)
    run(load_that_works, instance, "2025-02-12", "2025-02-12")
    look(instance, book, CHECKS)

    assert len(book.unsent) == 3
    assert "days: 2025-02-12\n" in book.unsent[2][1]
    assert [str(day) for day in book.days("runs")] == ["2025-02-05"]


def test_a_run_that_will_be_retried_sends_no_alert(instance: dg.DagsterInstance, book: Book) -> None:
    run(load_that_fails_on_wednesdays, instance, DAYS[2], DAYS[2], **{"dagster/will_retry": "true"})
    look(instance, book, CHECKS)

    assert book.unsent == []


def test_a_warning_is_over_when_its_days_pass_not_when_others_do(instance: dg.DagsterInstance, book: Book) -> None:
    evaluate(
        instance,
        "codes_known",
        passed=False,
        first_day="2025-02-05",
        last_day="2025-02-05",
        faulty_days={"2025-02-05": 2},
    )
    evaluate(instance, "codes_known", passed=True, first_day="2025-02-06", last_day="2025-02-06")
    look(instance, book, CHECKS)
    evaluate(
        instance,
        "codes_known",
        passed=False,
        first_day="2025-02-05",
        last_day="2025-02-05",
        faulty_days={"2025-02-05": 1},
    )
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


@pytest.fixture
def tick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance) -> Callable[[str], str]:
    """Evaluates the sensor `alerts` with a cursor and returns the new one."""
    monkeypatch.setenv("CLAIMS_HOME", str(tmp_path))

    def evaluate(cursor: str) -> str:
        with dg.build_sensor_context(
            instance, cursor, repository_def=defs.get_repository_def(), resources={"installation": Installation()}
        ) as context:
            return defs.resolve_sensor_def("alerts").evaluate_tick(context).cursor or ""

    return evaluate


def test_what_cannot_be_delivered_is_delivered_at_a_later_tick(
    instance: dg.DagsterInstance, book: Book, tick: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered: list[Message] = []

    def unreachable(*_: object) -> None:
        raise ServiceError("an alert was not delivered")

    run(load_that_fails_on_wednesdays, instance, DAYS[2], DAYS[2])
    monkeypatch.setattr(alerts, "deliver", unreachable)
    cursor = tick(book.model_dump_json())
    monkeypatch.setattr(alerts, "deliver", lambda message, _: delivered.append(message))
    cursor = tick(cursor)
    tick(cursor)

    assert [message.subject.split()[-1] for message in delivered] == ["failed"]


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

    book = alerts.first_look(instance, [*CHECKS, dg.AssetCheckKey(dg.AssetKey("claims"), "codes_fit_patient")])

    assert subjects(book) == ["check claims.codes_fit_patient failed"]


def test_a_failed_day_sends_no_second_alert_as_stale_or_unusual(instance: dg.DagsterInstance, book: Book) -> None:
    run(load_that_fails_on_wednesdays, instance, DAYS[2], DAYS[2])
    instance.report_runless_asset_event(freshness.evaluation(instance, datetime(2025, 2, 6, 7, tzinfo=UTC)))
    faulty = {"first_day": DAYS[2], "last_day": DAYS[2], "faulty_days": {DAYS[2]: 1}}
    evaluate(instance, "codes_known", passed=False, **faulty)
    look(instance, book, CHECKS)

    assert len(book.unsent) == 1
    assert "days: 2025-02-05\n" in book.unsent[0][1]
