import threading
import weakref
from datetime import date
from pathlib import Path

import duckdb
import pytest

from claims_pipeline import aggregate
from claims_pipeline.dashboard.analytics import Analytics, NotBuilt
from claims_pipeline_tests.aggregate.example_lake import BEN, FEB_3, claim, write_day, write_example_lake

COUNT = "select count(*) as n from claims_current"
PATIENT_COUNT = "select count(*) as n from claims_current where patient_id = ?"


def test_a_new_build_is_seen_without_a_restart(tmp_path: Path) -> None:
    lake, path = write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb"
    analytics = Analytics(path)
    with pytest.raises(NotBuilt):
        analytics.view()
    aggregate.build(lake, path)
    before = analytics.view()
    assert before.select_remembered(COUNT) == [{"n": 5}]
    for number in (1, 2, 3):  # the second swap is the one that a cached database would miss
        row = claim(f"claim-20250203-00009{number}", BEN, "CA", {"99213": "1.00"}, received_date=FEB_3)
        write_day(lake, date(2025, 2, 10 + number), [row])
        aggregate.build(lake, path)
        assert analytics.view().select_remembered(COUNT) == [{"n": 5 + number}]
    assert before.select(COUNT) == [{"n": 5}], (
        "a request that began before the build ends with the figures it began with"
    )


def test_a_view_that_was_swapped_is_closed_at_once(tmp_path: Path) -> None:
    lake, path = write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb"
    aggregate.build(lake, path)
    analytics = Analytics(path)
    analytics.view().select_remembered(COUNT)
    swapped = weakref.ref(analytics.view())
    write_day(lake, date(2025, 2, 4), [claim("claim-20250204-000000", BEN, "CA", {"1": "1.00"}, received_date=FEB_3)])
    aggregate.build(lake, path)
    analytics.view()
    assert swapped() is None, "it would keep the disk space of the file that was replaced"


def test_the_view_is_kept_while_the_file_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    aggregate.build(write_example_lake(tmp_path / "lake"), path)
    analytics = Analytics(path)
    assert analytics.view() is analytics.view()


def test_answers_are_remembered_by_their_parameters(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    aggregate.build(write_example_lake(tmp_path / "lake"), path)
    view = Analytics(path).view()
    first = view.select_remembered(PATIENT_COUNT, BEN)
    first[0]["n"] = 99
    assert view.select_remembered(PATIENT_COUNT, BEN) == [{"n": 2}], "what a caller does with an answer stays with it"
    assert view.select_remembered(PATIENT_COUNT, "nobody") == [{"n": 0}]


def test_many_threads_may_ask_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    aggregate.build(write_example_lake(tmp_path / "lake"), path)
    analytics, answers = Analytics(path), []
    threads = [threading.Thread(target=lambda: answers.append(analytics.view().select(COUNT))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[{"n": 5}]] * 20


def test_a_question_cannot_reach_other_files(tmp_path: Path) -> None:
    path, secret = tmp_path / "a.duckdb", tmp_path / "secret.txt"
    secret.write_text("secret")
    aggregate.build(write_example_lake(tmp_path / "lake"), path)
    with pytest.raises(duckdb.PermissionException):
        Analytics(path).view().select("from read_text(?)", str(secret))
