"""The wall clock decides nothing: it may jump, and that of the server may be another one."""

import itertools
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import httpx
import pytest

from claims_pipeline import load  # noqa: F401 - its modules are looked through for clocks
from claims_pipeline.errors import LoaderLocked
from claims_pipeline.load import list_dead_letters, load_lake, reconcile
from claims_pipeline.load.ledger.lock import holding_lock
from claims_pipeline.load.ledger.settling import settle
from claims_pipeline.load.ledger.store import open_ledger
from claims_pipeline.load.pipeline.rejections import DeadLetters
from claims_pipeline.load.resource import Resource, Result
from claims_pipeline.load.sending.answer import read_answer
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, tiny_lake
from claims_pipeline_tests.load.proxy import Fault, Request, faulty
from claims_pipeline_tests.server_state import ids, versions

YEAR = timedelta(days=365)
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)

SetClock = Callable[[Callable[[], datetime]], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Return what makes a function the wall clock of the whole package."""

    def set_clock(now: Callable[[], datetime]) -> None:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Self:
                return cls.fromtimestamp(now().timestamp(), tz)

        for name, module in list(sys.modules.items()):
            if name.startswith("claims_pipeline.") and issubclass(getattr(module, "datetime", object), datetime):
                monkeypatch.setattr(module, "datetime", Clock)
        monkeypatch.setattr(time, "time", lambda: now().timestamp())

    return set_clock


def standing_at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def rejected(reason: str) -> Result:
    patient = Resource("Patient", "clock-1", "hash", "", "file.ndjson:1", "{}", [])
    return Result(patient, "rejected", http_status=422, text=reason)


def reject(settings: Settings, reason: str) -> None:
    """Have a patient rejected in a run of its own."""
    with open_ledger(settings.ledger_path) as ledger:
        letters = DeadLetters(ledger)
        letters.add([rejected(reason)], "files")
        settle(ledger, [rejected(reason)], "files")


@pytest.mark.parametrize("step", [YEAR, timedelta(0), -YEAR], ids=["a year on", "none", "a year back"])
def test_the_open_dead_letter_is_the_one_written_last_whatever_the_clock_did(
    tmp_path: Path, set_clock: SetClock, step: timedelta
) -> None:
    settings = Settings(home=tmp_path)
    set_clock(standing_at(NOON))
    reject(settings, "the first reason")
    set_clock(standing_at(NOON + step))
    reject(settings, "the second reason")

    assert list_dead_letters(settings)["reason"].to_list() == ["the second reason"]


def test_dead_letters_of_one_run_are_in_their_order_though_the_clock_goes_back(
    tmp_path: Path, set_clock: SetClock
) -> None:
    settings = Settings(home=tmp_path)
    with open_ledger(settings.ledger_path) as ledger:
        letters = DeadLetters(ledger)
        for hour in (3, 2, 1):
            set_clock(standing_at(NOON + timedelta(hours=hour)))
            letters.add([rejected(f"at {12 + hour}")], "files")
        settle(ledger, [rejected("")], "files")
        letters.close()

    assert list_dead_letters(settings)["reason"].to_list() == ["at 13"]


def test_a_lock_is_held_until_it_is_released_whatever_the_clock_did(tmp_path: Path, set_clock: SetClock) -> None:
    with open_ledger(Settings(home=tmp_path).ledger_path) as ledger:
        set_clock(standing_at(NOON))
        with holding_lock(ledger):
            for step in (YEAR, -YEAR):
                set_clock(standing_at(NOON + step))
                with pytest.raises(LoaderLocked, match="another loader writes"), holding_lock(ledger):
                    pass
        with holding_lock(ledger):
            pass


@pytest.mark.parametrize(
    ("date", "retry_after", "seconds"),
    [
        ("Mon, 01 Mar 2010 12:00:00 GMT", "Mon, 01 Mar 2010 12:00:07 GMT", 7.0),
        ("Mon, 01 Mar 2060 12:00:00 GMT", "Mon, 01 Mar 2060 12:00:07 GMT", 7.0),
        ("Sat, 01 Mar 2025 12:00:00 GMT", "Sat, 01 Mar 2025 11:00:00 GMT", 0.0),
        ("Sat, 01 Mar 2025 12:00:00 GMT", "Sun, 01 Mar 2026 12:00:00 GMT", 120.0),
        ("noon", "Sat, 01 Mar 2025 12:00:09 GMT", 9.0),
        ("", "Sat, 01 Mar 2025 12:00:09 -0000", 9.0),
        ("", "Mon, 01 Mar 2010 12:00:07 GMT", 0.0),
        ("", "Mon, 01 Mar 2060 12:00:07 GMT", 120.0),
        ("", "Mon, 99 Mar 2060 12:00:07 GMT", None),
        ("", "nan", 0.0),
        ("", "inf", 120.0),
        ("", "-3", 0.0),
    ],
)
def test_a_date_to_wait_for_is_judged_by_the_clock_of_the_server_that_named_it(
    set_clock: SetClock, date: str, retry_after: str, seconds: float | None
) -> None:
    set_clock(standing_at(NOON))
    headers = {"Retry-After": retry_after} | ({"Date": date} if date else {})
    request = httpx.Request("POST", "http://127.0.0.1/fhir")
    assert read_answer(httpx.Response(503, headers=headers, request=request), 1).retry_after == seconds


@pytest.fixture
def restless_clock(set_clock: SetClock) -> None:
    """A clock that is a year ahead or behind each time somebody looks."""
    now = datetime.now
    steps = itertools.cycle((YEAR, -YEAR, timedelta(0)))
    set_clock(lambda: now(UTC) + next(steps))


@pytest.mark.server
@pytest.mark.usefixtures("restless_clock")
def test_a_load_during_which_the_clock_jumps_by_years_loses_nothing_and_waits_for_nothing(target: Settings) -> None:
    shape = Shape("clock", days=5, claims_a_day=12, patients=12)
    lake = tiny_lake(target.lake_path, shape)
    in_another_age = {"Date": "Mon, 01 Mar 2060 12:00:00 GMT", "Retry-After": "Mon, 01 Mar 2060 12:00:01 GMT"}

    def now_and_then_busy(request: Request) -> Fault | None:
        return Fault(status=503, headers=in_another_age) if request.number in {5, 12} else None

    began = time.monotonic()
    with faulty(target.fhir_base_url, now_and_then_busy) as proxy:
        report = load_lake(lake, target.model_copy(update={"fhir_base_url": proxy.base_url, "batch_size": 4}))

    assert report.exit_code == 0
    assert report.retries >= 2
    assert 0 < report.sending_seconds <= report.seconds < time.monotonic() - began
    claims = ids(target.fhir_base_url, "Claim", shape.prefix)
    assert len(claims) == len(set(claims)) == report.by_type["Claim"].created == 60
    assert versions(target.fhir_base_url, "Claim", shape.prefix) == {1}
    assert reconcile(target, deep=True).is_equal
    assert load_lake(lake, target).requests_with_resources == 0
