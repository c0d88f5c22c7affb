"""A dry run beside a load: it is not refused, it refuses none, and what it says was true at one moment."""

import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from claims_pipeline.load import Counts, LoadOptions, LoadReport, Progress, load_files, load_lake
from claims_pipeline.load.ledger.lock import holding_lock
from claims_pipeline.load.ledger.store import open_ledger
from claims_pipeline.load.options import DEFAULTS
from claims_pipeline.load.spool_folder import spool_folder
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, tiny_lake
from claims_pipeline_tests.load.fake_server import FakeServer
from claims_pipeline_tests.load.sources.samples import ndjson, patient

DRY = LoadOptions(is_dry_run=True)


def in_another_thread(work: Callable[[], object]) -> None:
    """Do some work to its end: this thread has an event loop, in which the loader is not called."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_a_dry_run_while_another_loader_holds_the_lock_says_what_would_be_sent(fake_target: Settings) -> None:
    lake = tiny_lake(fake_target.lake_path, Shape("beside", days=1, claims_a_day=1))

    with open_ledger(fake_target.ledger_path) as ledger, holding_lock(ledger):
        report = load_lake(lake, fake_target, options=DRY)

    assert report.by_type["Claim"] == Counts(read=1, to_send=1)
    assert [remark.partition(": ")[0] for remark in report.remarks] == ["another loader writes with this ledger"]


def test_a_dry_run_that_waits_for_a_load_then_reads_beside_others(fake_target: Settings) -> None:
    lake = tiny_lake(fake_target.lake_path, Shape("waits", days=1, claims_a_day=1))
    loaded: list[LoadReport] = []
    holding = ExitStack()
    holding.enter_context(holding_lock(holding.enter_context(open_ledger(fake_target.ledger_path))))

    def on_progress(progress: Progress) -> None:
        if progress.stage == "waiting for another loader to end":
            holding.close()
        elif progress.stage in {"organizations", "payers"} and not loaded:
            in_another_thread(lambda: loaded.append(load_lake(lake, fake_target)))

    dry = LoadOptions(is_dry_run=True, wait_for_lock=True)
    report = load_lake(lake, fake_target, options=dry, on_progress=on_progress)

    assert (report.by_type["Claim"].to_send, report.remarks) == (1, ())
    assert loaded[0].by_type["Claim"].created == 1


def test_a_dry_run_of_files_says_the_same_and_leaves_the_spool_of_the_load_alone(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    (tmp_path / "patients.ndjson").write_text(ndjson(patient("a"), patient("b")))
    (tmp_path / "other.ndjson").write_text(ndjson(patient("c")))
    dry: list[LoadReport] = []

    def on_progress(progress: Progress) -> None:
        if progress.stage == "files" and not dry:
            other = [str(tmp_path / "other.ndjson")]
            in_another_thread(lambda: dry.append(load_files(other, fake_target, options=DRY)))

    report = load_files([str(tmp_path / "patients.ndjson")], fake_target, on_progress=on_progress)

    assert report.by_type["Patient"] == Counts(read=2, created=2)
    assert dry[0].by_type["Patient"] == Counts(read=1, to_send=1)
    assert [remark.partition(": ")[0] for remark in dry[0].remarks] == ["another loader writes with this ledger"]
    assert fake_server.names() == ["Patient/a", "Patient/b"]
    assert not (fake_target.home / "spool").exists()


KILLED_WHILE_IT_READS = """
import os, signal, sys
from pathlib import Path
from claims_pipeline.load.spool_folder import spool_folder

with spool_folder(Path(sys.argv[1]), Path(sys.argv[2]), is_dry_run=True) as folder:
    (folder / "spool-1").mkdir()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("options", [DEFAULTS, DRY])
def test_what_a_killed_dry_run_has_spooled_is_removed_by_the_next_load_or_dry_run(
    fake_target: Settings, tmp_path: Path, options: LoadOptions
) -> None:
    (tmp_path / "a.ndjson").write_text(ndjson(patient("a")))
    spool = fake_target.home / "spool"
    paths = [str(fake_target.home), str(fake_target.ledger_path)]
    subprocess.run([sys.executable, "-c", KILLED_WHILE_IT_READS, *paths], check=False)
    (killed,) = spool.iterdir()
    killed.with_name(f"{killed.name}-copy").mkdir()

    load_files([str(tmp_path / "a.ndjson")], fake_target, options=options)

    assert not spool.exists()


def test_what_a_dry_run_spools_is_left_alone_by_loads_and_dry_runs(fake_target: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text(ndjson(patient("a")))
    with spool_folder(fake_target.home, fake_target.ledger_path, is_dry_run=True) as folder:
        (folder / "spool-1").mkdir()

        for options in (DRY, DEFAULTS):
            load_files([str(tmp_path / "a.ndjson")], fake_target, options=options)

        assert (folder / "spool-1").exists()
    assert not (fake_target.home / "spool").exists()


def test_a_load_that_runs_during_a_dry_run_changes_nothing_of_what_that_says(
    fake_server: FakeServer, fake_target: Settings
) -> None:
    lake = tiny_lake(fake_target.lake_path, Shape("meanwhile", days=2, claims_a_day=1))
    loaded: list[LoadReport] = []

    def on_progress(progress: Progress) -> None:
        if progress.stage in {"organizations", "payers"} and not loaded:
            in_another_thread(lambda: loaded.append(load_lake(lake, fake_target)))

    report = load_lake(lake, fake_target, options=DRY, on_progress=on_progress)

    assert loaded[0].by_type["Claim"] == Counts(read=2, created=2)
    assert report.total.to_send == loaded[0].total.created
    assert report.total.unchanged == 0
    assert len(fake_server.names("Claim")) == 2


def test_a_snapshot_of_the_ledger_sees_nothing_that_is_written_later_and_is_not_written(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger, ledger.as_it_is_now() as then:
        ledger.remember(server="elsewhere")

        assert "server" not in then.info()
        assert ledger.info()["server"] == "elsewhere"
        with pytest.raises(ValueError, match="not written"):
            then.remember(server="nowhere")
