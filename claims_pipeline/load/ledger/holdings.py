"""What the ledger says the server holds, or held: read a type, a partition or a page at a time."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from claims_pipeline.load.ledger.states import Event, State, before
from claims_pipeline.load.ledger.store import Ledger

ROWS_AT_ONCE = 5_000


class Held(NamedTuple):
    """What the ledger says the server holds under an id; of what was deleted, hash and version are None."""

    resource_id: str
    content_hash: str | None
    version_id: str | None


class Which(Enum):
    """Which resources of the ledger, as a condition on their rows."""

    HELD = "content_hash IS NOT NULL"
    DELETED = f"content_hash IS NULL AND state = '{State.WITHDRAWN}'"


def count_by_type(ledger: Ledger, which: Which = Which.HELD) -> dict[str, int]:
    """Return how many resources of each type there are."""
    query = f"SELECT resource_type, count(*) FROM resources WHERE {which.value} GROUP BY resource_type"
    with ledger.reading() as connection:
        return dict(connection.execute(query).fetchall())


def page(ledger: Ledger, resource_type: str, after_id: str, which: Which = Which.HELD) -> Sequence[Held]:
    """Return the next `ROWS_AT_ONCE` resources of a type, in the order of their ids."""
    query = f"""
        SELECT resource_id, content_hash, version_id FROM resources
        WHERE resource_type = ? AND resource_id > ? AND {which.value} ORDER BY resource_id LIMIT {ROWS_AT_ONCE}
    """
    with ledger.reading() as connection:
        return [Held(*row) for row in connection.execute(query, (resource_type, after_id))]


def recorded_days(ledger: Ledger, origin: str) -> list[str]:
    """Return the days of which there are resources from a table of the lake."""
    with ledger.reading() as connection:
        return [day for (day,) in connection.execute("SELECT DISTINCT as_of FROM resources WHERE origin = ?", [origin])]


def recorded_ids(ledger: Ledger, origin: str, day: str) -> list[str]:
    """Return the ids that a partition had when it was last loaded, and that the source has not lost since."""
    states = before(Event.GONE)
    query = "SELECT resource_id FROM resources WHERE origin = ? AND as_of = ? AND state IN (?, ?)"
    with ledger.reading() as connection:
        return [resource_id for (resource_id,) in connection.execute(query, (origin, day, *states))]


def ids_in(ledger: Ledger, *states: State) -> dict[str, list[str]]:
    """Return, by type, the ids of what is in one of `states` and on the server."""
    marks = ", ".join("?" * len(states))
    query = f"""
        SELECT resource_type, resource_id FROM resources WHERE content_hash IS NOT NULL AND state IN ({marks})
    """
    found: dict[str, list[str]] = {}
    with ledger.reading() as connection:
        for resource_type, resource_id in connection.execute(query, states):
            found.setdefault(resource_type, []).append(resource_id)
    return found
