import json
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from claims_pipeline.definitions import defs
from claims_pipeline.orchestration import sensors
from claims_pipeline.orchestration.missing_days import LOADED
from claims_pipeline.orchestration.partitions import RANGE_END, RANGE_START, daily
from claims_pipeline.orchestration.resources import Installation

FIRST = daily.start.date()
UP_TO = FIRST + timedelta(days=9)


@pytest.fixture(autouse=True)
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """The FHIR server of an installation whose last day that is due is UP_TO: set whether it answers."""
    state = {"answers": True}
    monkeypatch.setenv("CLAIMS_HOME", str(tmp_path))
    monkeypatch.setattr(sensors, "answers", lambda _: state["answers"])
    monkeypatch.setattr(sensors, "last_due_day", lambda _: UP_TO)
    return state


def load_all_but(instance: dg.DagsterInstance, *numbers: int) -> None:
    for number in set(range(10)) - set(numbers):
        day = FIRST + timedelta(days=number)
        instance.report_runless_asset_event(dg.AssetMaterialization(LOADED, partition=str(day)))


def tick(name: str, instance: dg.DagsterInstance, cursor: str | None = None) -> SensorExecutionData:
    with dg.build_sensor_context(
        instance, cursor, repository_def=defs.get_repository_def(), resources={"installation": Installation()}
    ) as context:
        return defs.resolve_sensor_def(name).evaluate_tick(context)


def ranges(ticked: SensorExecutionData) -> list[tuple[str | None, str | None]]:
    return [(request.tags.get(RANGE_START), request.tags.get(RANGE_END)) for request in ticked.run_requests or []]


def key(number: int) -> str:
    return str(FIRST + timedelta(days=number))


def test_three_days_of_downtime_are_asked_for_once_in_one_run(instance: dg.DagsterInstance) -> None:
    load_all_but(instance, 7, 8, 9)

    first = tick("missing_days_sensor", instance)
    second = tick("missing_days_sensor", instance, first.cursor)

    assert ranges(first) == [(key(7), key(9))]
    assert second.run_requests == []
    assert "3 days are missing and were asked for" in (second.skip_message or "")


@pytest.mark.heavy
def test_a_day_that_was_asked_for_long_ago_is_asked_for_again_alone(instance: dg.DagsterInstance) -> None:
    load_all_but(instance, 2, 3)
    asked = json.loads(tick("missing_days_sensor", instance).cursor or "")
    asked[key(3)] = "2025-01-01T00:00:00+00:00"

    again = tick("missing_days_sensor", instance, json.dumps(asked))

    assert [request.partition_key for request in again.run_requests or []] == [key(3)]


def test_nothing_is_asked_for_while_the_server_is_down_and_all_of_it_when_it_is_back(
    instance: dg.DagsterInstance, server: dict[str, bool]
) -> None:
    load_all_but(instance, 4, 5)
    server["answers"] = False
    held = tick("missing_days_sensor", instance)
    down = tick("fhir_server_sensor", instance)
    still_down = tick("fhir_server_sensor", instance, down.cursor)
    server["answers"] = True
    back = tick("fhir_server_sensor", instance, still_down.cursor)
    quiet = tick("fhir_server_sensor", instance, back.cursor)

    assert held.run_requests == down.run_requests == still_down.run_requests == quiet.run_requests == []
    assert down.cursor == still_down.cursor
    assert ranges(back) == [(key(4), key(5))]


def test_a_complete_lake_asks_for_nothing(instance: dg.DagsterInstance) -> None:
    load_all_but(instance)

    assert "no day is missing" in (tick("missing_days_sensor", instance).skip_message or "")
