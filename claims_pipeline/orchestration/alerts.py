"""`alerts`: sends an alert when something goes wrong, and an all-clear when it is over."""

import time
from datetime import UTC, datetime

import dagster as dg
from filelock import FileLock, Timeout

from claims_pipeline.orchestration.incidents import Book
from claims_pipeline.orchestration.notify import PLACES, Message, deliver
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.orchestration.watch import look

BOOK = "claims_pipeline/alerts"
"""Key of the open incidents in the storage of the instance.

They are not kept in the sensor's cursor: two code locations, or a tick that Dagster has given up and the next one,
would send the same alert twice.
"""

SENDING_SECONDS = 10.0
"""Time for each place; what is not sent by then waits for the next tick: Dagster gives up a tick after 60 s."""

UNSENT_AT_MOST = 1_000
"""The oldest messages beyond these are not delivered any more."""


@dg.sensor(minimum_interval_seconds=60)
def alerts(context: dg.SensorEvaluationContext, installation: Installation) -> dg.SkipReason:
    """Report failed runs, failed checks and stale data to the log, CLAIMS_ALERT_WEBHOOK and CLAIMS_ALERT_EMAIL.

    One alert is sent for an incident, and an all-clear when its days are loaded, its check passes, its job succeeds.
    """
    checks = sorted(context.repository_def.asset_graph.asset_check_keys if context.repository_def else ())
    folder = installation.settings.dagster_path
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".alerts.lock", timeout=0):
            book = read_book(context.instance) or new_book()
            look(context.instance, book, checks)
            messages = len(book.unsent)
            _send(context, book, installation)
    except Timeout:
        return dg.SkipReason("another tick is at work")
    return dg.SkipReason(f"open incidents: {len(book.open):,}, messages: {messages:,}")


def new_book() -> Book:
    """Return what an instance starts with: checks that fail now are incidents, runs that failed before are not."""
    return Book(runs_until=datetime.now(UTC).timestamp())


def read_book(instance: dg.DagsterInstance) -> Book | None:
    """Return the open incidents of an instance, None before the first tick."""
    written = instance.daemon_cursor_storage.get_cursor_values({BOOK}).get(BOOK)
    return Book.model_validate_json(written) if written else None


def write_book(instance: dg.DagsterInstance, book: Book) -> None:
    """Keep the open incidents of an instance."""
    instance.daemon_cursor_storage.set_cursor_values({BOOK: book.model_dump_json()})


def _send(context: dg.SensorEvaluationContext, book: Book, installation: Installation) -> None:
    """Deliver what is unsent, and note each delivery at once; what could not be delivered stays for the next tick.

    Each place has its own time and ends at its first failure, so that one that hangs does not hold up the other.
    """
    for message in book.unsent:
        if not message.is_logged:
            context.log.warning(f"{message.subject}: {message.text}")
            message.is_logged = True
    if dropped := book.unsent[:-UNSENT_AT_MOST]:
        context.log.warning(f"gave up the delivery of the oldest {len(dropped):,} messages")
        book.unsent = book.unsent[-UNSENT_AT_MOST:]
    write_book(context.instance, book)
    for place in PLACES:
        _send_to(place, context, book, installation)


def _send_to(place: str, context: dg.SensorEvaluationContext, book: Book, installation: Installation) -> None:
    until = time.monotonic() + SENDING_SECONDS
    for message in [message for message in book.unsent if place in message.places]:
        if time.monotonic() > until:
            return
        if problem := deliver(Message(message.subject, message.text), installation.settings, place):
            context.log.warning(f"not delivered ({place}: {problem}): look at CLAIMS_ALERT_* and CLAIMS_SMTP_*")
            return
        message.places.remove(place)
        book.unsent = [one for one in book.unsent if one.places]
        write_book(context.instance, book)
