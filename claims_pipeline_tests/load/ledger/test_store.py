"""A ledger as a file: made, brought up from an earlier version, for its owner only."""

import sqlite3
import stat
from pathlib import Path

import polars as pl
import pytest

from claims_pipeline.errors import ConfigError, LedgerUnusable, LoaderLocked
from claims_pipeline.load.ledger.diff import diff
from claims_pipeline.load.ledger.holdings import count_by_type
from claims_pipeline.load.ledger.lock import holding_lock
from claims_pipeline.load.ledger.settling import settle
from claims_pipeline.load.ledger.store import open_ledger, require_ledger
from claims_pipeline.load.resource import CHUNK_SCHEMA, Resource, Result

VERSION_1 = """
CREATE TABLE info (name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name));
CREATE TABLE partitions (
    name TEXT NOT NULL, digest TEXT NOT NULL, row_count INTEGER NOT NULL, PRIMARY KEY (name)
);
CREATE TABLE resources (
    resource_type TEXT NOT NULL, resource_id TEXT NOT NULL, state TEXT NOT NULL, content_hash TEXT, version_id TEXT,
    as_of TEXT NOT NULL, origin TEXT NOT NULL, rejected_hash TEXT, missing_target TEXT,
    PRIMARY KEY (resource_type, resource_id)
) WITHOUT ROWID;
CREATE INDEX resources_by_partition ON resources (origin, as_of);
CREATE TABLE holder (
    host TEXT NOT NULL, pid INTEGER NOT NULL, process_started FLOAT NOT NULL, acquired_at TEXT NOT NULL,
    PRIMARY KEY (pid)
);
INSERT INTO info VALUES ('ledger_id', 'the-same'), ('generation', '7');
INSERT INTO partitions VALUES ('patients/2025-01-01', 'digest', 2);
INSERT INTO resources VALUES ('Patient', 'p-1', 'loaded', 'hash-1', '3', '2025-01-01', 'patients', NULL, NULL);
INSERT INTO resources VALUES ('Patient', 'p-2', 'rejected', NULL, NULL, '2025-01-01', 'patients', 'hash-2', NULL);
PRAGMA user_version = 1;
"""
"""A ledger as version 0.1 of this program made it."""


@pytest.fixture
def old_ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_1)
    connection.close()
    path.chmod(0o644)
    return path


def test_a_ledger_of_version_1_keeps_what_it_knows_and_takes_what_is_new(old_ledger: Path) -> None:
    chunk = pl.DataFrame(
        [
            ("Patient", "p-1", "{}", "hash-1", [], "2025-01-01", "test", None),
            ("Patient", "p-2", "{}", "hash-2", [], "2025-01-01", "test", None),
        ],
        schema=CHUNK_SCHEMA,
        orient="row",
    )
    with open_ledger(old_ledger) as ledger:
        assert ledger.info() == {"ledger_id": "the-same", "generation": "7"}
        assert ledger.partitions() == {"patients/2025-01-01": ("digest", 2)}
        delta = diff(ledger, chunk)
        assert (delta.unchanged.height, delta.still_rejected.height) == (1, 1)
        claim = Resource("Claim", "c-1", "hash", "", "/in/c.json:1", "{}", ["Patient/p-1"])
        settle(ledger, [Result(claim, "created", "1")], "files")
    with open_ledger(old_ledger) as ledger, ledger.reading() as connection:
        assert ledger.info()["ledger_id"] == "the-same"
        assert count_by_type(ledger) == {"Claim": 1, "Patient": 1}
        rows = connection.execute("SELECT resource_id, refers_to, source, labels, feed FROM resources").fetchall()
        assert rows == [
            ("c-1", '["Patient/p-1"]', "/in/c.json", None, None),
            ("p-1", None, None, None, None),
            ("p-2", None, None, None, None),
        ]


def test_a_ledger_is_for_its_owner_only_also_one_that_was_not(old_ledger: Path, tmp_path: Path) -> None:
    for path in (old_ledger, tmp_path / "new" / "ledger.sqlite"):
        with open_ledger(path) as ledger:
            ledger.remember(server="http://x")
            modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("ledger.sqlite*")}
        assert modes == {0o600}


def test_what_is_flushed_and_what_is_not_is_there_when_the_ledger_is_opened_again(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.remember(is_flushed=True, pending_generation="2")
        ledger.remember(server="http://x")
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        facts = ledger.info()
    assert (facts["pending_generation"], facts["server"]) == ("2", "http://x")


def test_partitions_are_forgotten_by_name_or_all_at_once(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.record_partitions([("claims/2025-01-01", "a", 1), ("claims/2025-01-02", "b", 2), ("payers", "c", 3)])

        ledger.forget_partitions(["claims/2025-01-01"])
        assert ledger.partitions() == {"claims/2025-01-02": ("b", 2), "payers": ("c", 3)}

        ledger.forget_partitions()
        assert ledger.partitions() == {}


def test_a_transaction_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        with pytest.raises(LedgerUnusable, match="no such table"), ledger.writing() as connection:  # noqa: PT012
            connection.execute("INSERT INTO info (name, value) VALUES ('server', 'half')")
            connection.execute("DELETE FROM no_table")
        assert "server" not in ledger.info()


def test_a_ledger_is_opened_and_read_while_another_process_writes(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as writer, writer.writing() as connection:
        connection.execute("INSERT INTO info (name, value) VALUES ('server', 'half')")

        with open_ledger(tmp_path / "ledger.sqlite") as reader:
            assert "server" not in reader.info()


def test_a_ledger_of_a_later_version_is_refused(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger, ledger.writing() as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(LedgerUnusable, match="later version"), open_ledger(tmp_path / "ledger.sqlite"):
        pass


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to look at", b"SQLite format 3\x00" * 64])
def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(content)

    with pytest.raises(LedgerUnusable, match="cannot be used"), open_ledger(path):
        pass
    assert path.read_bytes() == content


def test_what_cannot_be_used_is_named_with_its_path(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    folder = tmp_path / "folder"
    folder.mkdir()

    with pytest.raises(LedgerUnusable, match="cannot make the ledger's folder: Not a directory") as no_folder:
        open_ledger(file / "below" / "ledger.sqlite").__enter__()
    with pytest.raises(LedgerUnusable, match="unable to open database file: Is a directory") as a_folder:
        open_ledger(folder).__enter__()
    with pytest.raises(ConfigError, match="there is no ledger here") as none:
        require_ledger(tmp_path / "none")
    require_ledger(None)
    require_ledger(file)

    assert no_folder.value.where == str(file / "below")
    assert a_folder.value.where == str(folder)
    assert "make the file and its folder writable" in a_folder.value.fix
    assert none.value.where == str(tmp_path / "none")


def test_errors_of_a_ledger_say_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with open_ledger(path) as ledger, holding_lock(ledger), open_ledger(path) as other:
        with pytest.raises(LoaderLocked) as locked, holding_lock(other):
            pass
        with ledger.writing() as connection:
            connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerUnusable) as later, open_ledger(path):
        pass

    assert locked.value.where == later.value.where == str(path)


def test_facts_are_forgotten_by_name(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.remember(server="http://x", generation="1", feed="f")
        ledger.remember(server="http://y")
        ledger.forget("generation", "feed")
        facts = ledger.info()

    assert facts.pop("ledger_id")
    assert facts == {"server": "http://y"}


def test_only_a_transaction_that_is_flushed_waits_for_the_disk(tmp_path: Path) -> None:
    def synchronous(connection: sqlite3.Connection) -> str:
        return {1: "normal", 2: "full"}[connection.execute("PRAGMA synchronous").fetchone()[0]]

    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        found = []
        for is_flushed in (False, True, False):
            with ledger.writing(is_flushed=is_flushed) as connection:
                found.append(synchronous(connection))

    assert found == ["normal", "full", "normal"]
