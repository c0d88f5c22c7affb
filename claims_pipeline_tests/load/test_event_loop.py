"""The loader where an event loop runs already (a notebook, a web server), and when a signal comes."""

import asyncio
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline import load
from claims_pipeline.errors import ClaimsPipelineError, ConfigError, DataError, Interrupted, ServerUnavailable
from claims_pipeline.lake import Lake
from claims_pipeline.load import Counts, LoadOptions, Progress, load_files, load_files_async, reconcile_async
from claims_pipeline.load.event_loop import (
    SIGNALS,
    ending_on_interrupt,
    in_thread,
    run_to_end,
    stopping_on_interrupt,
)
from claims_pipeline.load.ledger.lock import holding_lock
from claims_pipeline.load.ledger.store import open_ledger
from claims_pipeline.load.sending.client import connect
from claims_pipeline.load.sending.in_flight import InFlightLimit
from claims_pipeline.load.sending.send import Sender
from claims_pipeline.settings import Settings
from claims_pipeline.signals import ending_like_ctrl_c, handlers_restored

NOBODY = "http://127.0.0.1:1/fhir"


@pytest.fixture
def unanswered(tmp_path: Path) -> Settings:
    """Settings of an installation whose FHIR server does not run."""
    return Settings(home=tmp_path / "home", fhir_base_url=NOBODY, fhir_wait_seconds=60)


def patients(folder: Path) -> list[str]:
    file = folder / "patients.ndjson"
    file.write_text(json.dumps({"resourceType": "Patient", "id": "loop-1"}))
    return [str(file)]


async def ticks(while_running: asyncio.Task[Any]) -> int:
    """Count how often this event loop has its turn while a task runs."""
    count = 0
    while not while_running.done():
        await asyncio.sleep(0.01)
        count += 1
    return count


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("load_lake", lambda settings: load.load_lake(Lake(settings.lake_path), settings)),
        ("load_files", lambda settings: load.load_files(["x.ndjson"], settings)),
        ("reconcile", load.reconcile),
        ("remove", load.remove),
        ("retry_dead_letters", lambda settings: load.retry_dead_letters([], settings)),
    ],
)
def test_a_blocking_call_inside_an_event_loop_names_the_form_to_await(
    unanswered: Settings, name: str, call: Callable[[Settings], object]
) -> None:
    async def cell() -> None:
        call(unanswered)

    with pytest.raises(ConfigError, match=f"^{name} cannot be called where an event loop runs") as refused:
        asyncio.run(cell())

    assert f"await {name}_async(...)" in refused.value.fix
    assert callable(getattr(load, f"{name}_async"))


def test_an_error_reaches_whoever_awaits(unanswered: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        asyncio.run(load_files_async([str(tmp_path / "nothing.ndjson")], unanswered))
    with pytest.raises(ServerUnavailable):
        asyncio.run(load_files_async(patients(tmp_path), unanswered, wait=False))


def test_the_callers_event_loop_keeps_running_and_receives_the_progress(unanswered: Settings, tmp_path: Path) -> None:
    told: list[tuple[Progress, threading.Thread]] = []

    def on_progress(progress: Progress) -> None:
        told.append((progress, threading.current_thread()))

    async def cell() -> int:
        settings = unanswered.model_copy(update={"fhir_wait_seconds": 2})
        task = asyncio.create_task(load_files_async(patients(tmp_path), settings, on_progress=on_progress))
        count = await ticks(task)
        assert isinstance(task.exception(), ServerUnavailable)
        return count

    assert asyncio.run(cell()) > 10
    assert {thread for _, thread in told} == {threading.main_thread()}
    stages = [progress.stage for progress, _ in told]
    assert stages[0] == f"asking {NOBODY}"
    assert set(stages[1:]) == {f"waiting for {NOBODY}"}
    assert len(stages) > 2  # so that whoever listens can look for the reason again


async def cancelled_when_told(paths: list[str], settings: Settings, options: LoadOptions) -> str:
    """Cancel a load when it waits, and return its progress then."""
    told: asyncio.Queue[Progress] = asyncio.Queue()
    task = asyncio.create_task(load_files_async(paths, settings, options=options, on_progress=told.put_nowait))
    while not (progress := await told.get()).stage.startswith("waiting"):
        pass
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return progress.stage


def test_cancelling_ends_a_load_that_waits_for_the_server_and_frees_the_ledger(
    unanswered: Settings, tmp_path: Path
) -> None:
    began = time.monotonic()

    stage = asyncio.run(cancelled_when_told(patients(tmp_path), unanswered, LoadOptions()))

    assert stage == f"waiting for {NOBODY}"
    assert time.monotonic() - began < unanswered.fhir_wait_seconds / 2
    with open_ledger(unanswered.ledger_path) as ledger, holding_lock(ledger):
        pass


def test_cancelling_ends_a_load_that_waits_for_another_loader(unanswered: Settings, tmp_path: Path) -> None:
    with open_ledger(unanswered.ledger_path) as ledger, holding_lock(ledger):
        stage = asyncio.run(cancelled_when_told(patients(tmp_path), unanswered, LoadOptions(wait_for_lock=True)))

    assert stage == "waiting for another loader to end"


@pytest.mark.server
def test_a_load_and_a_reconciliation_are_awaited_in_a_notebook(target: Settings, tmp_path: Path) -> None:
    async def cells() -> None:
        first = await load_files_async(patients(tmp_path), target)
        assert first.by_type == {"Patient": Counts(read=1, created=1)}
        assert (await reconcile_async(target, deep=True)).is_equal

    asyncio.run(cells())

    assert load_files(patients(tmp_path), target).total == Counts(read=1, unchanged=1)


@pytest.fixture
def handlers() -> Iterator[list[Any]]:
    """What SIGINT and SIGTERM did before the test, and do after it."""
    before = [signal.getsignal(number) for number in SIGNALS]
    yield before
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.usefixtures("handlers")
def test_a_signal_ends_a_load_that_does_not_send_with_an_error_that_names_it(number: signal.Signals) -> None:
    left = []

    with pytest.raises(Interrupted, match=f"interrupted by {number.name}"), ending_on_interrupt():  # noqa: PT012
        try:
            signal.raise_signal(number)
            time.sleep(5)
        finally:
            left.append("temporary files")

    assert left == ["temporary files"]


@pytest.mark.usefixtures("handlers")
def test_a_signal_in_a_callback_that_a_task_waits_for_loses_no_callback() -> None:
    lost = []

    async def closing_late() -> None:
        loop = asyncio.get_running_loop()
        closed = loop.create_future()

        def close() -> None:
            signal.raise_signal(signal.SIGINT)
            closed.set_result(None)

        def give_up() -> None:
            lost.append("close")
            closed.set_result(None)

        loop.call_soon(close)
        end = loop.call_later(5, give_up)
        try:
            await asyncio.sleep(60)
        finally:
            await closed
            end.cancel()

    with pytest.raises(Interrupted, match="interrupted by SIGINT"), ending_on_interrupt():
        run_to_end(closing_late())

    assert lost == []


@pytest.mark.usefixtures("handlers")
def test_a_signal_in_the_last_moment_is_not_lost() -> None:
    async def signalled() -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted, match="interrupted by SIGINT"), ending_on_interrupt():
        run_to_end(signalled())


@pytest.mark.usefixtures("handlers")
def test_a_second_signal_ends_work_that_blocks_the_event_loop() -> None:
    async def blocking() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second signal was not handled")

    with pytest.raises(Interrupted, match="interrupted by SIGINT"), ending_on_interrupt():
        run_to_end(blocking())


def test_a_handler_that_raises_nothing_leaves_the_work_alone(handlers: list[Any]) -> None:
    seen: list[int] = []

    async def signalled_twice() -> str:
        for _ in range(2):
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return "done"

    async def signalled_at_once() -> None:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        assert run_to_end(signalled_twice()) == "done"
        run_to_end(signalled_at_once())
    finally:
        signal.signal(signal.SIGTERM, handlers[SIGNALS.index(signal.SIGTERM)])

    assert seen == [signal.SIGTERM] * 4


@pytest.mark.usefixtures("handlers")
def test_an_error_without_a_signal_stays_what_it_is() -> None:
    with pytest.raises(DataError, match="no room"), ending_on_interrupt():
        raise DataError("no room")


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.usefixtures("handlers")
def test_a_signal_stops_a_load_that_sends_and_the_next_one_is_not_caught(
    fake_target: Settings, number: signal.Signals
) -> None:
    async def sending() -> ClaimsPipelineError | None:
        async with connect(fake_target) as client:
            sender = Sender(client, InFlightLimit(1), patience_seconds=1, largest=1)
            before = signal.getsignal(number)
            with stopping_on_interrupt(sender):
                signal.raise_signal(number)
                await asyncio.sleep(0.01)
                assert signal.getsignal(number) == before
            return sender.stopped

    assert str(asyncio.run(sending())).startswith(f"interrupted by {number.name}")


@pytest.mark.usefixtures("handlers")
def test_a_load_in_the_background_of_a_script_ignores_what_the_script_ignores(fake_target: Settings) -> None:
    async def sending() -> ClaimsPipelineError | None:
        async with connect(fake_target) as client:
            sender = Sender(client, InFlightLimit(1), patience_seconds=1, largest=1)
            with stopping_on_interrupt(sender):
                signal.raise_signal(signal.SIGINT)
                await asyncio.sleep(0.01)
            return sender.stopped

    with handlers_restored():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with ending_like_ctrl_c(), ending_on_interrupt():
            signal.raise_signal(signal.SIGINT)
            assert run_to_end(sending()) is None


def test_in_another_thread_signals_are_left_to_the_main_one(fake_target: Settings, handlers: list[Any]) -> None:
    seen: list[list[Any]] = []

    async def sending() -> None:
        async with connect(fake_target) as client:
            with stopping_on_interrupt(Sender(client, InFlightLimit(1), patience_seconds=1, largest=1)):
                seen.append([signal.getsignal(number) for number in SIGNALS])

    def loading() -> None:
        with ending_on_interrupt():
            seen.append([signal.getsignal(number) for number in SIGNALS])
        asyncio.run(sending())

    thread = threading.Thread(target=loading)
    thread.start()
    thread.join()

    assert seen == [handlers, handlers]


def never_ending(*, on_progress: Callable[[Progress], None]) -> None:
    """Run a coroutine to its end, as a load does when it looks at the server, and go on with reading."""
    run_to_end(asyncio.sleep(0))
    while True:
        on_progress(Progress("reading"))
        time.sleep(0.001)


def test_cancelling_between_two_requests_ends_a_load_at_its_next_progress() -> None:
    async def cell() -> None:
        told: asyncio.Queue[Progress] = asyncio.Queue()
        task = asyncio.create_task(in_thread(never_ending)(on_progress=told.put_nowait))
        await told.get()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cell())


def test_cancelling_before_the_first_request_ends_it_when_it_begins() -> None:
    may_begin = threading.Event()
    ends: list[str] = []

    def reads_first(*, on_progress: Callable[[Progress], None]) -> None:
        on_progress(Progress("reading"))
        may_begin.wait(10)
        try:
            run_to_end(asyncio.sleep(10))
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    async def cell() -> None:
        told: asyncio.Queue[Progress] = asyncio.Queue()
        task = asyncio.create_task(in_thread(reads_first)(on_progress=told.put_nowait))
        await told.get()
        task.cancel()
        await asyncio.wait([task], timeout=0.01)
        may_begin.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cell())

    assert ends == ["cancelled"]
