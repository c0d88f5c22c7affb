"""What the ledger records of a resource when something happens to it."""

from pathlib import Path

import pytest

from claims_pipeline.load.ledger.settling import (
    Found,
    settle,
    settle_deleted,
    settle_discarded,
    settle_entered_in_error,
    settle_found,
    settle_gone,
)
from claims_pipeline.load.ledger.store import Ledger, open_ledger
from claims_pipeline.load.resource import FILES, Resource, Result

KEY = ("Patient", "p-1")
RESOURCE = Resource(*KEY, "hash", "", "test", "{}", [])
FROM_FILE = Resource(*KEY, "hash", "", "/in/a.ndjson:3 (entry 2)", "{}", ["Organization/o"], labels='["tag |x"]')
FACTS_OF_FILE = ("origin", "refers_to", "source", "labels", "feed")


def row_of(ledger: Ledger, *columns: str) -> tuple[object, ...]:
    with ledger.reading() as connection:
        row: tuple[object, ...] = connection.execute(f"SELECT {', '.join(columns)} FROM resources").fetchone()  # noqa: S608  own names
    return row


def test_what_came_from_a_file_is_recorded_with_what_the_file_says(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        settle(ledger, [Result(FROM_FILE, "updated", "3")], FILES, "a feed")

        assert row_of(ledger, "state", "content_hash", "version_id", "as_of") == ("loaded", "hash", "3", "")
        expected = (FILES, '["Organization/o"]', "/in/a.ndjson", '["tag |x"]', "a feed")
        assert row_of(ledger, *FACTS_OF_FILE) == expected

        settle(ledger, [Result(FROM_FILE._replace(as_of="2025-01-01"), "created")], "patients", "a feed")
        assert row_of(ledger, "version_id", "as_of") == (None, "2025-01-01")
        assert row_of(ledger, *FACTS_OF_FILE) == ("patients", None, None, None, None)


def test_of_what_is_rejected_the_version_on_the_server_stays_until_another_is_loaded(tmp_path: Path) -> None:
    columns = ("state", "content_hash", "version_id", "rejected_hash", "missing_target", "source")
    changed = FROM_FILE._replace(content_hash="new", source="/in/b.ndjson:1")
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        settle(ledger, [Result(FROM_FILE, "created", "1")], FILES)

        settle(ledger, [Result(changed, "rejected", missing_target="Patient/x")], FILES)
        assert row_of(ledger, *columns) == ("rejected", "hash", "1", "new", "Patient/x", "/in/b.ndjson")
        settle(ledger, [Result(changed, "rejected")], "patients")
        assert row_of(ledger, *columns) == ("rejected", "hash", "1", "new", None, None)
        settle(ledger, [Result(changed, "failed")], FILES)
        assert row_of(ledger, "state") == ("rejected",)
        settle(ledger, [Result(changed, "already_equal", "2")], FILES)
        assert row_of(ledger, *columns) == ("loaded", "new", "2", None, None, "/in/b.ndjson")


@pytest.mark.parametrize(("day", "partition"), [("2025-01-01", "patients/2025-01-01"), ("", "patients")])
def test_a_partition_is_no_longer_complete_when_something_of_it_is_another_version(
    tmp_path: Path, day: str, partition: str
) -> None:
    others = [("patients/2025-01-02", "d", 1), ("claims/2025-01-01", "d", 1)]
    found = Found("2", "other", "[]")

    def is_complete(ledger: Ledger) -> bool:
        complete = partition in ledger.partitions()
        settle(ledger, [Result(RESOURCE._replace(as_of=day), "created", "1")], "patients")
        ledger.record_partitions([(partition, "d", 1), *others])
        return complete

    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        is_complete(ledger)
        settle(ledger, [Result(RESOURCE._replace(as_of=day), "updated", "2")], "patients")
        assert is_complete(ledger)
        settle(ledger, [Result(FROM_FILE, "rejected")], FILES)
        assert is_complete(ledger)
        settle(ledger, [Result(FROM_FILE, "updated", "2")], FILES)
        assert not is_complete(ledger)
        settle_found(ledger, "Patient", missing=[], changed={}, renumbered={"p-1": found})
        assert is_complete(ledger)
        settle_found(ledger, "Patient", missing=["p-1"], changed={}, renumbered={})
        assert not is_complete(ledger)
        settle_found(ledger, "Patient", missing=[], changed={"p-1": found}, renumbered={})
        assert not is_complete(ledger)
        settle_discarded(ledger, [KEY])
        assert not is_complete(ledger)
        assert len(ledger.partitions()) == 3


def test_what_the_server_holds_is_recorded_as_it_was_found(tmp_path: Path) -> None:
    columns = ("state", "content_hash", "version_id", "labels")
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        settle(ledger, [Result(FROM_FILE, "created", "1")], FILES)

        settle_found(ledger, "Patient", missing=[], changed={}, renumbered={"p-1": Found("7", "hash", '["a"]')})
        assert row_of(ledger, *columns) == ("loaded", "hash", "7", '["a"]')
        settle_found(ledger, "Patient", missing=[], changed={"p-1": Found("8", "other", "[]")}, renumbered={})
        assert row_of(ledger, *columns) == ("loaded", "other", "8", "[]")
        settle_found(ledger, "Patient", missing=["p-1"], changed={}, renumbered={})
        assert row_of(ledger, *columns) == ("loaded", None, None, None)


def test_what_is_withdrawn_has_no_day_and_what_is_marked_has_its_new_content(tmp_path: Path) -> None:
    columns = ("state", "content_hash", "version_id", "as_of")
    of_day = RESOURCE._replace(as_of="2025-01-01")
    marked = of_day._replace(content_hash="marked")
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        settle(ledger, [Result(of_day, "created", "1")], "patients")
        settle_gone(ledger, [KEY])
        settle_entered_in_error(ledger, [Result(marked, "failed", "9")])
        assert row_of(ledger, *columns) == ("vanished", "hash", "1", "2025-01-01")
        settle_entered_in_error(ledger, [Result(marked, "updated", "2")])
        assert row_of(ledger, *columns) == ("withdrawn", "marked", "2", "")
        settle_entered_in_error(ledger, [Result(marked, "already_equal")])
        assert row_of(ledger, "version_id") == (None,)
        settle_deleted(ledger, [KEY])
        assert row_of(ledger, *columns) == ("withdrawn", None, None, "")
