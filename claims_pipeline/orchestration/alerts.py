"""`alerts`: tells a person what is wrong, once when it begins and once when it is over."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from filelock import FileLock, Timeout

from claims_pipeline.orchestration.incidents import Book
from claims_pipeline.orchestration.notify import Message, deliver
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.orchestration.watch import look

BOOK = "claims_pipeline/alerts"
"""Key of the open incidents in the storage of the instance.

They are not the sensor's cursor: two code locations, or a tick that Dagster has given up and one that follows it, would
tell the same twice.
"""

SENDING_SECONDS = 20.0
"""What is not delivered by then waits for the next tick: Dagster gives up a tick after 60 s."""


@dg.sensor(minimum_interval_seconds=60)
def alerts(context: dg.SensorEvaluationContext, installation: Installation) -> dg.SkipReason:
    """Tell the log, CLAIMS_ALERT_WEBHOOK and CLAIMS_ALERT_EMAIL of failed runs, failed checks and stale data.

    An incident is told once, and once more when it is over: its days are loaded, its check passes, its job succeeds.
    """
    checks = sorted(context.repository_def.asset_graph.asset_check_keys if context.repository_def else ())
    folder = installation.settings.dagster_path
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".alerts.lock", timeout=0):
            book = read_book(context.instance)
            if book is None:
                book = first_look(context.instance, checks)
            else:
                look(context.instance, book, checks)
            told = len(book.unsent)
            write_book(context.instance, book)
            _send(context, book, installation)
    except Timeout:
        return dg.SkipReason("another tick is at work")
    return dg.SkipReason(f"{len(book.open):,} open incidents, {told:,} messages")


def first_look(instance: dg.DagsterInstance, checks: Sequence[dg.AssetCheckKey]) -> Book:
    """Return the checks that fail now as incidents that are to be told; runs are looked at from now on."""
    book = Book(runs_until=datetime.now(UTC).timestamp())
    look(instance, book, checks)
    return book


def read_book(instance: dg.DagsterInstance) -> Book | None:
    """Return the open incidents of an instance, None before the first tick."""
    written = instance.daemon_cursor_storage.get_cursor_values({BOOK}).get(BOOK)
    return Book.model_validate_json(written) if written else None


def write_book(instance: dg.DagsterInstance, book: Book) -> None:
    """Keep the open incidents of an instance."""
    instance.daemon_cursor_storage.set_cursor_values({BOOK: book.model_dump_json()})


def _send(context: dg.SensorEvaluationContext, book: Book, installation: Installation) -> None:
    """Deliver what is unsent, and note each delivery at once; what could not be delivered stays for the next tick."""
    until = time.monotonic() + SENDING_SECONDS
    for unsent in list(book.unsent):
        if time.monotonic() > until:
            return
        context.log.warning(f"{unsent.subject}: {unsent.text}")
        problems = deliver(Message(unsent.subject, unsent.text), installation.settings, unsent.places)
        unsent.places = list(problems)
        if problems:
            reasons = ", ".join(f"{place}: {problem}" for place, problem in problems.items())
            context.log.warning(f"not delivered ({reasons}): look at CLAIMS_ALERT_* and CLAIMS_SMTP_*")
        book.unsent = [one for one in book.unsent if one.places]
        write_book(context.instance, book)
