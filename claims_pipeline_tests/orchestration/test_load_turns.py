from datetime import date, timedelta
from pathlib import Path

import pytest

from claims_pipeline.load import Counts, LoadReport
from claims_pipeline.load.report import Latency
from claims_pipeline.orchestration import load_turns
from claims_pipeline.orchestration.load_turns import finished_days, rows_by_day, turns
from claims_pipeline_tests.lakes import START, Shape, tiny_lake

FIRST, SECOND = date(2025, 1, 1), date(2025, 1, 2)


def report(by_day: dict[str, dict[str, Counts]]) -> LoadReport:
    return LoadReport("lake", "server", {}, by_day, {}, 0, 0, 0, 0, 0, 1.0, 1.0, Latency())


def test_rows_are_those_of_the_files(tmp_path: Path) -> None:
    lake = tiny_lake(tmp_path, Shape("t", days=2, patients=5, claims_a_day=4))

    assert rows_by_day(lake, [START])[START] == {"Patient": 4, "Coverage": 4, "Claim": 4}
    assert rows_by_day(lake, [START + timedelta(days=9)]) == {
        START + timedelta(days=9): {"Patient": 0, "Coverage": 0, "Claim": 0}
    }


def test_the_newest_days_come_first_and_each_turn_is_about_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_turns, "ROWS_A_TURN", 100)
    rows = {FIRST + timedelta(days=number): {"Claim": 60} for number in range(5)}

    assert [[day.day for day in turn] for turn in turns(rows)] == [[5, 4], [3, 2], [1]]
    assert turns({}) == []


def test_a_day_is_finished_when_each_of_its_rows_has_its_end() -> None:
    rows = {FIRST: {"Patient": 1, "Claim": 2}, SECOND: {"Patient": 1, "Claim": 2}}
    half = report(
        {
            str(FIRST): {"Patient": Counts(read=1, unchanged=1), "Claim": Counts(read=1, created=1)},
            str(SECOND): {"Patient": Counts(read=1, superseded=1), "Claim": Counts(read=2, created=2)},
        }
    )
    failed = report({str(FIRST): {"Patient": Counts(read=1, created=1), "Claim": Counts(read=2, created=1, failed=1)}})

    assert finished_days(half, rows) == [SECOND]
    assert finished_days(failed, {FIRST: rows[FIRST]}) == []


def test_a_day_without_rows_is_finished() -> None:
    assert finished_days(report({}), {FIRST: {"Patient": 0, "Claim": 0}}) == [FIRST]
