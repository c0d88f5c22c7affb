"""The states of a resource in the ledger, and the events that move it from one to another.

docs/loader.md shows `TRANSITIONS` as a table, which a test compares with this module; settling.py records events.
"""

from enum import StrEnum
from typing import NamedTuple

Key = tuple[str, str]
"""Type and id of a resource."""


class State(StrEnum):
    """The state of a resource in the ledger."""

    LOADED = "loaded"
    REJECTED = "rejected"
    VANISHED = "vanished"
    WITHDRAWN = "withdrawn"


class Event(StrEnum):
    """An event that moves a resource from one state to another."""

    CONFIRMED = "the server confirmed it"
    FOUND_EQUAL = "the source has again what the server holds"
    REFUSED = "it was refused"
    GONE = "the source no longer has it"
    NEVER_HELD = "the source no longer has it, and the server never held it"
    ENTERED_IN_ERROR = "it was marked entered-in-error"
    DELETED = "it was deleted"
    CAME_BACK = "the server holds again what was withdrawn"
    DISCARDED = "its dead letter was discarded"
    DISCARDED_NEVER_HELD = "its dead letter was discarded, and the server never held it"
    FORGOTTEN = "`claims remove` or `--reset`"


class Transition(NamedTuple):
    """The states that an event starts from and the one it ends in; None: the ledger does not know the resource."""

    before: frozenset[State | None]
    after: State | None


_KNOWN: frozenset[State | None] = frozenset(State)
_ANY = _KNOWN | {None}
_REJECTED: frozenset[State | None] = frozenset({State.REJECTED})
_IN_SOURCE: frozenset[State | None] = frozenset({State.LOADED, State.REJECTED})

TRANSITIONS: dict[Event, Transition] = {
    Event.CONFIRMED: Transition(_ANY, State.LOADED),
    Event.FOUND_EQUAL: Transition(_KNOWN, State.LOADED),
    Event.REFUSED: Transition(_ANY, State.REJECTED),
    Event.GONE: Transition(_IN_SOURCE, State.VANISHED),
    Event.NEVER_HELD: Transition(_IN_SOURCE, None),
    Event.ENTERED_IN_ERROR: Transition(frozenset({State.VANISHED, State.WITHDRAWN}), State.WITHDRAWN),
    Event.DELETED: Transition(_KNOWN, State.WITHDRAWN),
    Event.CAME_BACK: Transition(frozenset({State.WITHDRAWN}), State.VANISHED),
    Event.DISCARDED: Transition(_REJECTED, State.LOADED),
    Event.DISCARDED_NEVER_HELD: Transition(_REJECTED, None),
    Event.FORGOTTEN: Transition(_KNOWN, None),
}


def after(event: Event) -> State:
    """Return the state that an event ends in.

    Raises:
        ValueError: the ledger then no longer knows the resource.
    """
    state = TRANSITIONS[event].after
    if state is None:
        raise ValueError(f"the ledger forgets a resource when {event}")
    return state


def before(event: Event) -> tuple[State, ...]:
    """Return the states of known resources that an event starts from."""
    return tuple(state for state in State if state in TRANSITIONS[event].before)
