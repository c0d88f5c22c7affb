import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from claims_pipeline import aggregate
from claims_pipeline.aggregate.built_from import BuiltFrom
from claims_pipeline.dashboard import analytics
from claims_pipeline.dashboard.analytics import Analytics, View
from claims_pipeline.dashboard.published import NotBuilt, attach
from claims_pipeline.dashboard.rows_file import ClientLeft
from claims_pipeline.dashboard.turns import TooBusy, Turns
from claims_pipeline.settings import Settings
from claims_pipeline_tests.aggregate.example_lake import BEN, FEB_3, claim, write_day, write_example_lake

HEADER_BYTES, BLOCK_BYTES = 3 * 4096, 256 * 1024
"""Of a DuckDB file."""
COUNT = "select count(*) as n from claims_current"
PATIENT_COUNT = "select count(*) as n from claims_current where patient_id = ?"


@pytest.fixture
def published(example_settings: Settings, tmp_path: Path) -> Path:
    """A file of the example lake that is one test's own."""
    return Path(shutil.copy(example_settings.analytics_path, tmp_path / "a.duckdb"))


@pytest.mark.heavy
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


@pytest.mark.heavy
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


def test_the_view_is_kept_while_the_file_is_the_same(published: Path) -> None:
    analytics = Analytics(published)
    assert analytics.view() is analytics.view()


def test_answers_are_remembered_by_their_parameters(published: Path) -> None:
    view = Analytics(published).view()
    first = view.select_remembered(PATIENT_COUNT, BEN)
    first[0]["n"] = 99
    assert view.select_remembered(PATIENT_COUNT, BEN) == [{"n": 2}], "what a caller does with an answer stays with it"
    assert view.select_remembered(PATIENT_COUNT, "nobody") == [{"n": 0}]


def test_a_question_that_is_asked_several_times_at_once_is_answered_once(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    answer = analytics._answer

    def slow(connection: Any, turns: Turns, sql: str, parameters: tuple[Any, ...]) -> Any:
        asked.append(sql)
        time.sleep(0.05)
        return answer(connection, turns, sql, parameters)

    monkeypatch.setattr(analytics, "_answer", slow)
    view = View(published)
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: view.select_remembered(COUNT), range(4)))
    assert counts == [[{"n": 5}]] * 4
    assert asked == [COUNT]


def test_many_threads_may_ask_at_once(published: Path) -> None:
    analytics, answers = Analytics(published), []
    threads = [threading.Thread(target=lambda: answers.append(analytics.view().select(COUNT))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[{"n": 5}]] * 20


BIG = "select count(*) as n from (select distinct repeat('x', 100) || range as s from range({rows}) order by s)"


@pytest.mark.heavy
def test_a_query_that_needs_more_memory_spills_to_disk(published: Path) -> None:
    view = View(published, memory_limit="60MB")
    assert view.select(BIG.format(rows=600_000)) == [{"n": 600_000}]


def test_what_was_spilled_goes_with_the_view(published: Path) -> None:
    view = View(published, memory_limit="60MB")
    (spill,) = published.parent.glob(".a.duckdb.spill-*")
    assert spill.stat().st_mode & 0o077 == 0, "others cannot read it"
    del view
    assert not spill.exists()


def test_what_a_killed_dashboard_spilled_is_removed(published: Path) -> None:
    left = published.with_name(f".{published.name}.spill-{2**22 + 1}-x")  # above the largest process id of Linux
    left.mkdir()
    Analytics(published)
    assert not left.exists()


def test_a_query_without_a_place_in_time_is_refused_and_the_others_are_answered(published: Path) -> None:
    turns = Turns(at_once=1, patience=0.01)
    view = View(published, turns)
    with turns.turn(), pytest.raises(TooBusy):
        view.select(COUNT)
    assert view.select(COUNT) == [{"n": 5}]


def test_a_query_that_memory_does_not_hold_is_refused_for_now(published: Path) -> None:
    view = View(published, memory_limit="60MB")
    with pytest.raises(TooBusy):
        view.select("select list(repeat('x', 100) || range) as n from range(3000000)")
    assert view.select(COUNT) == [{"n": 5}]


def test_a_file_of_rows_leaves_nothing_behind(published: Path) -> None:
    view = View(published)
    (spill,) = published.parent.glob(".a.duckdb.spill-*")
    sql = "select claim_id from claims_current where patient_id = ?"
    with view.write(sql, BEN, options="format csv, header true") as file:
        assert file.read().splitlines() == [b"claim_id", b"claim-20250110-000001", b"claim-20250203-000001"]
    assert list(spill.iterdir()) == []


def test_a_file_is_written_also_after_the_folder_for_it_was_removed(published: Path) -> None:
    view = View(published)
    (spill,) = published.parent.glob(".a.duckdb.spill-*")
    spill.rmdir()
    view.write(COUNT, options="format csv").close()


def test_a_file_whose_folder_cannot_be_written_is_refused_for_now(published: Path) -> None:
    view = View(published)
    (spill,) = published.parent.glob(".a.duckdb.spill-*")
    spill.rmdir()
    spill.touch()
    with pytest.raises(TooBusy, match="a file of the dashboard's own cannot be written: File exists"):
        view.write(COUNT, options="format csv")


def test_a_build_is_refused_for_now_where_the_folder_to_spill_to_cannot_be_made(published: Path) -> None:
    named = published.rename(published.with_name("a" * 240))  # its folder's name would be too long
    with pytest.raises(TooBusy, match="cannot be written: File name too long"):
        Analytics(named).view()


@contextmanager
def a_full_disk() -> Iterator[None]:
    """Let a file of more than 100 bytes fail as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_that_the_disk_does_not_hold_is_refused_for_now(published: Path) -> None:
    view = View(published)
    with a_full_disk(), pytest.raises(TooBusy, match="perhaps because the disk is full"):
        view.write("select range from range(1000)", options="format csv")


@pytest.mark.heavy
@pytest.mark.parametrize("answer", ["select", "select_remembered"])
def test_a_query_whose_spill_the_disk_does_not_hold_is_refused_for_now(published: Path, answer: str) -> None:
    view = View(published, memory_limit="60MB")
    with a_full_disk(), pytest.raises(TooBusy, match="perhaps because the disk is full"):
        getattr(view, answer)(BIG.format(rows=600_000))
    assert view.select(COUNT) == [{"n": 5}]


def test_a_file_that_became_shorter_while_it_was_read_is_said_to_be_unreadable(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = View(published)

    def attach_and_cut(connection: duckdb.DuckDBPyConnection, path: Path) -> BuiltFrom:
        built_from = attach(connection, path)
        with path.open("r+b") as file:
            file.truncate(HEADER_BYTES)
        return built_from

    monkeypatch.setattr(analytics, "attach", attach_and_cut)
    with pytest.raises(NotBuilt, match="cannot be read"):
        view.write("select claim_id, total_charge_amount from claims_current", options="format csv")
    for ask in (view.select, view.select_remembered):
        with pytest.raises(NotBuilt, match="cannot be read"):
            ask("select claim_id, total_charge_amount from claims_current")


def test_files_are_written_a_few_at_a_time(published: Path) -> None:
    turns = Turns(at_once=1, patience=0.01)
    view = View(published, turns_at_files=turns)
    with turns.turn(), pytest.raises(TooBusy):
        view.write(COUNT, options="format csv")
    assert view.select(COUNT) == [{"n": 5}]


def test_a_file_with_a_damaged_block_is_said_to_be_unreadable(published: Path) -> None:
    with duckdb.connect(published) as connection:  # one that the claims are in
        sql = "select min(block_id) from pragma_storage_info('claims_current') where block_id >= 0"
        (block,) = connection.execute(sql).fetchall()[0]
    with published.open("r+b") as file:
        file.seek(HEADER_BYTES + block * BLOCK_BYTES + 100)
        file.write(b"damaged")
    view = Analytics(published).view()
    for ask in (view.select, view.select_remembered, partial(view.write, options="format csv")):
        with pytest.raises(NotBuilt, match="cannot be read"):
            ask("select claim_id, total_charge_amount from claims_current")


ENDLESS = "select count(*) as n from range(10000000000) as one, range(1000) as other"


def test_a_file_whose_client_has_left_ends_and_gives_its_place_to_the_next(published: Path) -> None:
    view = View(published, turns_at_files=Turns(at_once=1, patience=0.01))
    with pytest.raises(ClientLeft):
        view.write(ENDLESS, options="format csv", has_left=lambda: True)
    view.write(COUNT, options="format csv", has_left=lambda: False).close()


def test_a_file_whose_client_cannot_be_asked_for_ends_too(published: Path) -> None:
    def has_left() -> bool:
        raise ConnectionError

    view = View(published, turns_at_files=Turns(at_once=1, patience=0.01))
    with pytest.raises(ConnectionError):
        view.write(ENDLESS, options="format csv", has_left=has_left)
    view.write(COUNT, options="format csv").close()


@pytest.mark.parametrize("is_there", [True, False])
def test_a_file_is_refused_while_the_analytics_cannot_be_read(published: Path, is_there: bool) -> None:
    view = View(published)
    published.unlink()
    if is_there:
        published.write_bytes(b"no database")
    with pytest.raises(NotBuilt, match="cannot be read" if is_there else "not built yet"):
        view.write(COUNT, options="format csv")
    assert view.select(COUNT) == [{"n": 5}], "what is open stays so"


def test_a_file_that_a_program_writes_is_said_to_be_held_by_it(published: Path) -> None:
    """The file is sound, so the advice is not to remove it."""
    writes = "import sys, duckdb; held = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", writes, str(published)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        writer.stdout.readline()
        with pytest.raises(NotBuilt, match="Could not set lock") as refused:
            Analytics(published).view()
        writer.communicate()
    assert refused.value.fix.startswith("end the program that has it open for writing")
    assert Analytics(published).view().select(COUNT) == [{"n": 5}]


@contextmanager
def as_nobody() -> Iterator[None]:
    """Act as a user who is not root, whom permissions do not stop."""
    users = os.getresuid()
    if 0 in users:
        os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(*users)


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_a_file_of_somebody_else_is_said_to_be_not_allowed(published: Path, closed: str) -> None:
    with tempfile.TemporaryDirectory() as parent:  # in pytest's folder, which is closed to others, it could not be seen
        Path(parent).chmod(0o755)
        folder = Path(parent, "home")
        folder.mkdir()
        file = Path(shutil.copy(published, folder))
        (file if closed == "file" else folder).chmod(0)
        with as_nobody(), pytest.raises(NotBuilt, match="Permission denied") as refused:
            Analytics(file).view()
        folder.chmod(0o755)
    assert refused.value.fix == "let the user who runs the dashboard read it"


def test_a_file_for_which_there_is_no_memory_is_refused_for_now(published: Path) -> None:
    with pytest.raises(TooBusy, match="not enough memory"):
        View(published, memory_limit="1KB")


@pytest.mark.parametrize("answer", ["select", "write"])
def test_a_question_cannot_reach_other_files(published: Path, answer: str) -> None:
    secret = published.with_name("secret.txt")
    secret.write_text("secret")
    view, sql = Analytics(published).view(), "from read_text(?)"
    with pytest.raises(duckdb.PermissionException):
        view.select(sql, str(secret)) if answer == "select" else view.write(sql, str(secret), options="format csv")
