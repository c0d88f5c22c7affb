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
from claims_pipeline.load.resource import CHUNK_SCHEMA, Resource, Result

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


def test_only_an_event_that_ends_in_a_state_has_one() -> None:
    assert after(Event.GONE) is State.VANISHED
    with pytest.raises(ValueError, match="the ledger forgets a resource when `claims remove` or `--reset`"):
        after(Event.FORGOTTEN)
