"""What a load tells while it runs."""

import asyncio
import time
from pathlib import Path

import pytest

from claims_pipeline.load import load_files
from claims_pipeline.load import progress as progress_module
from claims_pipeline.load.progress import Pace, Progress, at_most_every, reporting
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import BASE, FakeServer


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (Progress("waiting for http://127.0.0.1:8080/fhir"), "waiting for http://127.0.0.1:8080/fhir"),
        (Progress("reading", settled=12_000), "reading: 12,000 resources"),
        (Progress("comparing Claim", settled=200, total=1_000), "comparing Claim: 200 of 1,000 resources"),
        (
            Progress("claims", 1_500, 18_665, claims_per_second=412.4, in_flight=4, retries=12, seconds_left=3_723),
            "claims: 1,500 of 18,665 resources, 412 claims/s, 4 in flight, 12 retries, 1:02:03 left",
        ),
        (
            Progress("files", 1_500, 18_665, resources_per_second=1_412.4, in_flight=4),
            "files: 1,500 of 18,665 resources, 1,412 resources/s, 4 in flight, 0 retries",
        ),
    ],
)
def test_a_line_says_where_a_load_is(progress: Progress, line: str) -> None:
    assert str(progress) == line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.4, "0:00 left"), (59.6, "1:00 left"), (61, "1:01 left"), (3_600, "1:00:00 left")],
)
def test_time_left_reads_like_a_clock(seconds: float | None, text: str) -> None:
    assert Progress("claims", seconds_left=seconds).time_left == text


def test_the_pace_is_that_of_the_last_seconds_and_not_of_the_whole_load() -> None:
    pace = Pace()
    for second in range(61):
        settled = second if second <= 30 else 30 + 100 * (second - 30)
        pace.add(float(second), settled, settled, 2 * settled)

    assert pace.claims_per_second == pytest.approx(100.0)
    assert pace.resources_per_second == pytest.approx(200.0)
    assert pace.seconds_left(1_000) == pytest.approx(10.0)


def test_claims_a_second_count_from_when_the_first_were_sent() -> None:
    pace = Pace()
    for second in range(11):
        pace.add(float(second), second * 10, 0, 0)
    pace.add(12.0, 300, 200, 200)

    assert pace.claims_per_second == pytest.approx(100.0)


def test_no_more_claims_than_resources_are_loaded_a_second_after_a_change_of_table() -> None:
    pace = Pace()
    for second in range(9):
        pace.add(float(second), second * 10, 0, second * 10)  # patients
    pace.add(10.0, 280, 200, 280)  # claims

    assert pace.claims_per_second == pytest.approx(100.0)
    assert pace.resources_per_second == pytest.approx(100.0)


def test_there_is_no_forecast_from_a_moment_or_from_nothing() -> None:
    pace = Pace()
    assert pace.seconds_left(10) is None
    pace.add(0.0, 0, 0, 0)
    pace.add(1.0, 1, 0, 0)
    assert pace.seconds_left(18_664) is None
    pace.add(5.0, 1, 0, 0)
    assert pace.seconds_left(18_664) == pytest.approx(5.0 * 18_664)
    assert pace.seconds_left(0) is None


def test_a_line_comes_with_each_new_stage_and_not_with_each_event() -> None:
    lines: list[str] = []
    tell = at_most_every(60.0, lines.append)

    for settled in range(5):
        tell(Progress("patients", settled, 10))
    tell(Progress("claims", 5, 10))

    assert lines == ["patients: 0 of 10 resources", "claims: 5 of 10 resources"]


def test_stages_that_come_day_after_day_do_not_bring_lines_day_after_day() -> None:
    lines: list[str] = []
    tell = at_most_every(60.0, lines.append)

    for day in range(365):
        for table in ("patients", "coverages", "claims"):
            tell(Progress(table, day, 365))

    assert len(lines) == 3


def test_a_progress_that_does_not_change_is_reported_again_and_again_until_the_block_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress_module, "REPORT_SECONDS", 0.001)
    told: list[Progress] = []
    third = asyncio.Event()

    def tell(progress: Progress) -> None:
        told.append(progress)
        if len(told) == 3:
            third.set()

    async def waiting() -> int:
        async with reporting(tell, Progress("waiting")), asyncio.timeout(10):
            await third.wait()
        count = len(told)
        await asyncio.sleep(0.01)
        return count

    assert asyncio.run(waiting()) == len(told)
    assert set(told) == {Progress("waiting")}


@pytest.mark.heavy
def test_data_without_claims_has_a_pace_of_resources(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "patients.ndjson"
    file.write_text("\n".join(f'{{"resourceType":"Patient","id":"pace-{n}"}}' for n in range(300)))
    told: list[Progress] = []

    load_files([str(file)], fake_target.model_copy(update={"batch_size": 10}), on_progress=told.append)

    assert told[-1].speed.endswith(" resources/s")
    assert told[-1].resources_per_second > 0
    assert len(fake_server.names("Patient")) == 300


@pytest.mark.heavy
@pytest.mark.parametrize("wait", [True, False])
def test_a_load_does_not_wait_for_a_server_that_is_ready(fake_target: Settings, tmp_path: Path, wait: bool) -> None:
    file = tmp_path / "patient.ndjson"
    file.write_text('{"resourceType":"Patient","id":"pace-1"}')
    told: list[Progress] = []

    load_files([str(file)], fake_target, wait=wait, on_progress=told.append)

    assert told[0].stage == f"asking {BASE}"
    assert not [progress for progress in told if progress.stage.startswith("waiting")]


@pytest.mark.heavy
def test_the_look_at_the_server_counts_as_requests_and_as_time(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "patient.ndjson"
    file.write_text('{"resourceType":"Patient","id":"pace-1"}')
    load_files([str(file)], fake_target)
    fake_server.requests.clear()

    again = load_files([str(file)], fake_target, on_progress=lambda _: time.sleep(0.02))

    assert again.requests == len(fake_server.requests) > 0
    assert 0.02 < again.seconds < 60
    assert again.sending_seconds == 0


def test_of_what_is_older_than_the_pace_the_latest_counts_only() -> None:
    pace = Pace()
    for second, settled in ((0.0, 0), (30.0, 60), (31.0, 70), (60.0, 360)):
        pace.add(second, settled, settled, settled)
    assert pace.seconds_left(10) == pytest.approx(30.0 * 10 / 300)

    pace.add(61.0, 370, 370, 370)
    assert pace.seconds_left(10) == pytest.approx(30.0 * 10 / 300)
    pace.add(61.5, 373, 373, 373)
    assert pace.seconds_left(10) == pytest.approx(30.5 * 10 / 303)


def test_a_forecast_needs_three_seconds() -> None:
    pace = Pace()
    pace.add(0.0, 0, 0, 0)
    pace.add(2.9, 10, 10, 10)
    assert pace.seconds_left(10) is None
    pace.add(3.0, 10, 10, 10)
    assert pace.seconds_left(10) == pytest.approx(3.0)


def test_one_moment_has_no_pace() -> None:
    pace = Pace()
    assert pace.claims_per_second == 0.0
    pace.add(1.0, 5, 5, 5)
    pace.add(1.0, 9, 9, 9)
    assert (pace.claims_per_second, pace.resources_per_second) == (0.0, 0.0)


def test_a_pace_says_how_far_a_load_is() -> None:
    pace = Pace()
    pace.add(time.monotonic() - 10, 0, 0, 0)

    progress = pace.progress("claims", settled=30, total=90, claims=10, resources=20, in_flight=3, retries=4)

    assert (progress.stage, progress.settled, progress.total) == ("claims", 30, 90)
    assert (progress.in_flight, progress.retries) == (3, 4)
    assert progress.claims_per_second == pytest.approx(1.0, rel=0.1)
    assert progress.resources_per_second == pytest.approx(2.0, rel=0.1)
    assert progress.seconds_left == pytest.approx(20.0, rel=0.1)


def test_without_a_pause_every_line_passes() -> None:
    lines: list[str] = []
    tell = at_most_every(0.0, lines.append)

    for settled in range(3):
        tell(Progress("patients", settled, 10))

    assert lines == [f"patients: {settled} of 10 resources" for settled in range(3)]
