"""The states of the ledger, against the table in docs/loader.md and against what the ledger does."""

from pathlib import Path

import polars as pl
import pytest

from claims_pipeline.load.ledger.holdings import forget_all
from claims_pipeline.load.ledger.settling import (
    Found,
    settle,
    settle_deleted,
    settle_discarded,
    settle_entered_in_error,
    settle_found,
    settle_gone,
    touch,
)
from claims_pipeline.load.ledger.states import TRANSITIONS, Event, State, after
from claims_pipeline.load.ledger.store import Ledger, open_ledger
from claims_pipeline.load.resource import CHUNK_SCHEMA, FILES, Resource, Result

DOCS = Path(__file__).parents[3] / "docs" / "loader.md"
KEY = ("Patient", "p-1")
NEW = "new"
RESOURCE = Resource(*KEY, "hash", "", "test", "{}", [])


def state_of(ledger: Ledger) -> State | None:
    with ledger.reading() as connection:
        row = connection.execute("SELECT state FROM resources").fetchone()
    return State(row[0]) if row else None


def put(ledger: Ledger, state: State | None, *, is_held: bool) -> None:
    if state is not None:
        with ledger.writing() as connection:
            connection.execute(
                "INSERT INTO resources (resource_type, resource_id, state, content_hash, as_of, origin)"
                " VALUES (?, ?, ?, ?, '', 'test')",
                (*KEY, state, "hash" if is_held else None),
            )


def happen(ledger: Ledger, event: Event) -> None:
    created, refused = Result(RESOURCE, "created", "1"), Result(RESOURCE, "rejected")
    chunk = pl.DataFrame([("Patient", "p-1", "{}", "hash", [], "", "test", None)], schema=CHUNK_SCHEMA, orient="row")
    match event:
        case Event.CONFIRMED:
            settle(ledger, [created], "test")
        case Event.FOUND_EQUAL:
            touch(ledger, chunk, "test")
        case Event.REFUSED:
            settle(ledger, [refused], "test")
        case Event.GONE | Event.NEVER_HELD:
            settle_gone(ledger, [KEY])
        case Event.ENTERED_IN_ERROR:
            settle_entered_in_error(ledger, [created])
        case Event.DELETED:
            settle_deleted(ledger, [KEY])
        case Event.CAME_BACK:
            settle_found(ledger, "Patient", missing=[], changed={"p-1": Found("2", "other", "[]")}, renumbered={})
        case Event.DISCARDED | Event.DISCARDED_NEVER_HELD:
            settle_discarded(ledger, [KEY])
        case Event.FORGOTTEN:
            forget_all(ledger)


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", [None, *State])
def test_an_event_moves_a_resource_as_the_table_says_and_no_other(
    tmp_path: Path, event: Event, state: State | None
) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        put(ledger, state, is_held=event not in (Event.NEVER_HELD, Event.DISCARDED_NEVER_HELD))
        happen(ledger, event)
        transition = TRANSITIONS[event]
        assert state_of(ledger) == (transition.after if state in transition.before else state)


def test_the_documentation_shows_the_transitions() -> None:
    _, _, rest = DOCS.read_text().partition("| event | from | to |\n| --- | --- | --- |\n")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in rest.partition("\n\n")[0].splitlines()]

    def named(state: State | None) -> str:
        return state or NEW

    shown = {event: (set(before.split(", ")), after) for event, before, after in rows}
    assert shown == {
        str(event): ({named(state) for state in transition.before}, named(transition.after))
        for event, transition in TRANSITIONS.items()
    }


def row_of(ledger: Ledger, *columns: str) -> tuple[object, ...]:
    with ledger.reading() as connection:
        row: tuple[object, ...] = connection.execute(f"SELECT {', '.join(columns)} FROM resources").fetchone()  # noqa: S608  own names
    return row


FROM_FILE = Resource(*KEY, "hash", "", "/in/a.ndjson:3 (entry 2)", "{}", ["Organization/o"], labels='["tag |x"]')
FACTS_OF_FILE = ("origin", "refers_to", "source", "labels", "feed")


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


def test_only_an_event_that_ends_in_a_state_has_one() -> None:
    assert after(Event.GONE) is State.VANISHED
    with pytest.raises(ValueError, match="the ledger forgets a resource when `claims remove` or `--reset`"):
        after(Event.FORGOTTEN)
