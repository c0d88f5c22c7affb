"""The sensor `alerts`: what is sent, where, and what waits for the next tick."""

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from claims_pipeline.definitions import defs
from claims_pipeline.orchestration import alerts, notify
from claims_pipeline.orchestration.instance import opened_instance
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.ports import free_port
from claims_pipeline_tests.orchestration.evaluations import warn
from claims_pipeline_tests.orchestration.receivers import mail_server, webhook

pytestmark = pytest.mark.heavy

DAYS = ["2025-02-03", "2025-02-04", "2025-02-05"]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with opened_instance(tmp_path / "dagster") as instance:
        yield instance


Tick = Callable[..., str]


@pytest.fixture
def tick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance) -> Tick:
    """Evaluates the sensor `alerts`, as a daemon that has just started, and returns what it says."""
    monkeypatch.setenv("CLAIMS_HOME", str(tmp_path))

    def evaluate() -> str:
        with dg.build_sensor_context(
            instance,
            repository_def=defs.get_repository_def(),
            resources={"installation": Installation()},
        ) as context:
            return defs.resolve_sensor_def("alerts").evaluate_tick(context).skip_message or ""

    return evaluate


@pytest.fixture
def got(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, str]]]:
    """What arrives at a local receiver of alerts."""
    with webhook() as (address, got):
        monkeypatch.setenv("CLAIMS_ALERT_WEBHOOK", address)
        yield got


def test_what_cannot_be_delivered_is_delivered_at_a_later_tick(
    instance: dg.DagsterInstance, tick: Tick, got: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    warn(instance, "codes_known", DAYS[2])
    with monkeypatch.context() as unreachable:
        unreachable.setenv("CLAIMS_ALERT_WEBHOOK", f"http://127.0.0.1:{free_port()}")
        tick()
    assert got == []
    tick()
    tick()

    assert [message["text"].splitlines()[0] for message in got] == ["claims_pipeline: check claims.codes_known failed"]


def test_what_one_place_has_got_is_not_sent_there_again_while_another_takes_nothing(
    instance: dg.DagsterInstance, tick: Tick, got: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAIMS_ALERT_EMAIL", "a@example.org")
    monkeypatch.setenv("CLAIMS_SMTP_PORT", str(free_port()))
    warn(instance, "codes_known", DAYS[2])
    tick()
    tick()

    assert len(got) == 1
    book = alerts.read_book(instance)
    assert book
    assert [message.places for message in book.unsent] == [["mail"]]


def test_two_sensors_at_once_send_one_alert(
    instance: dg.DagsterInstance, tick: Tick, got: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def deliver_while_another_ticks(*args: Any) -> str | None:
        said.append(tick())
        return notify.deliver(*args)

    warn(instance, "codes_known", DAYS[2])
    monkeypatch.setattr(alerts, "deliver", deliver_while_another_ticks)
    said.append(tick())

    assert set(said[:-1]) == {"another tick is at work"}
    assert said[-1] == "open incidents: 1, messages: 1"
    assert len(got) == 1


def test_a_tick_leaves_to_the_next_one_what_it_has_no_time_to_deliver(
    instance: dg.DagsterInstance, tick: Tick, got: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    warn(instance, "codes_known", DAYS[0])
    warn(instance, "codes_fit_patient", DAYS[1])
    with monkeypatch.context() as slow:
        slow.setattr(alerts, "SENDING_SECONDS", 0.0)
        tick()
        assert len(got) < 2
    tick()

    assert len(got) == 2


@pytest.fixture
def silent_webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A receiver that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("CLAIMS_ALERT_WEBHOOK", f"http://127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.setattr(notify, "TIMEOUT_SECONDS", 0.1)
        yield listening


def connections(listening: socket.socket) -> int:
    """Return how many connections wait at a socket."""
    listening.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            listening.accept()[0].close()
            count += 1
    return count


def test_a_place_that_hangs_is_tried_once_a_tick_and_all_messages_arrive_at_the_other(
    instance: dg.DagsterInstance, tick: Tick, silent_webhook: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "SENDING_SECONDS", 0.15)
    for day in DAYS:
        warn(instance, "codes_known", day)
    with mail_server() as (port, mails):
        monkeypatch.setenv("CLAIMS_ALERT_EMAIL", "a@example.org")
        monkeypatch.setenv("CLAIMS_SMTP_PORT", str(port))
        for _ in range(2):
            tick()

    assert len(mails) == len(DAYS)
    assert connections(silent_webhook) == 2


def test_a_message_that_cannot_be_delivered_is_logged_once(
    instance: dg.DagsterInstance, tick: Tick, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLAIMS_ALERT_WEBHOOK", f"http://127.0.0.1:{free_port()}")
    warn(instance, "codes_known", DAYS[2], "2 codes are not known")
    for _ in range(3):
        tick()

    assert capfd.readouterr().err.count("2 codes are not known") == 1


def test_the_oldest_messages_are_dropped_when_too_many_wait(
    instance: dg.DagsterInstance, tick: Tick, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(alerts, "UNSENT_AT_MOST", 2)
    monkeypatch.setenv("CLAIMS_ALERT_WEBHOOK", f"http://127.0.0.1:{free_port()}")
    for day in DAYS:
        warn(instance, "codes_known", day)
    tick()

    book = alerts.read_book(instance)
    assert book
    assert [DAYS[1] in book.unsent[0].text, DAYS[2] in book.unsent[1].text] == [True, True]
    assert "gave up the delivery of the oldest 1 messages" in capfd.readouterr().err


def test_text_that_no_encoding_takes_is_escaped(
    instance: dg.DagsterInstance, tick: Tick, got: list[dict[str, str]]
) -> None:
    warn(instance, "codes_known", DAYS[0], "claims-\udcff.parquet cannot be read")
    tick()

    assert r"claims-\udcff.parquet cannot be read" in got[0]["text"]
