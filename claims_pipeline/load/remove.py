"""`remove`: delete from a server exactly what the ledger says was loaded."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from claims_pipeline.load.event_loop import in_thread, require_no_event_loop, run_to_end, stopping_on_interrupt
from claims_pipeline.load.ledger.holdings import count_by_type, forget_all, held
from claims_pipeline.load.ledger.lock import holding_lock
from claims_pipeline.load.ledger.store import Ledger, open_existing_ledger, require_ledger
from claims_pipeline.load.pipeline.deletion import delete
from claims_pipeline.load.progress import OnProgress, silent
from claims_pipeline.load.reconciling.marker import forget_marker, require_belonging
from claims_pipeline.load.resource import Result
from claims_pipeline.load.sending.client import FhirClient, connect
from claims_pipeline.load.sending.send import Sender
from claims_pipeline.load.session import sender_for
from claims_pipeline.load.tally import Failure
from claims_pipeline.reports import aligned
from claims_pipeline.settings import Settings

FAILURES_SHOWN = 10


@dataclass(frozen=True)
class RemoveReport:
    """The result of `remove`: what was deleted, and what is left.

    Attributes:
        server: base address.
        by_type: resources deleted, by type.
        seconds: total duration.
        left: loaded resources that are still on the server: another resource refers to them, or the server refused.
        failures: the first of these, with the server's reason.
    """

    kind: ClassVar[str] = "remove"

    server: str
    by_type: dict[str, int]
    seconds: float
    left: int
    failures: tuple[Failure, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 if nothing is left, 1 if something is."""
        return 1 if self.left else 0

    def render(self) -> str:
        """Return the lines that are printed."""
        rows = [("Removed from", self.server), *((name, f"{n:,}") for name, n in sorted(self.by_type.items()))]
        rows += [("left", f"{self.left:,}"), ("Time", f"{self.seconds:.1f} s")]
        lines = [aligned(rows), *(failure.render() for failure in self.failures)]
        if self.left:
            lines.append("try: remove what refers to these, then the same command again")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the same facts as JSON values."""
        return asdict(self) | {"failures": [asdict(failure) for failure in self.failures]}


def remove(settings: Settings, *, ledger_path: Path | None = None, on_progress: OnProgress = silent) -> RemoveReport:
    """Delete everything that the ledger says was loaded, in reverse order of references, and forget it.

    Args:
        settings: the server.
        ledger_path: the ledger; `settings.ledger_path` if None.
        on_progress: called with the progress.

    Raises:
        ConfigError: an event loop runs in this thread, as in a notebook: await `remove_async`; or there is no
            ledger at `ledger_path`.
        LedgerMismatch: the server was wiped, restored or swapped since the last load: it may hold other resources.
        LedgerUnusable, LoaderLocked, ServerUnavailable, FhirError: as for `load_lake`.
    """
    require_no_event_loop("remove")
    require_ledger(ledger_path)
    with open_existing_ledger(ledger_path or settings.ledger_path) as ledger, holding_lock(ledger):
        return run_to_end(_remove(ledger, settings, on_progress))


remove_async = in_thread(remove)


async def _remove(ledger: Ledger, settings: Settings, on_progress: OnProgress) -> RemoveReport:
    began = time.monotonic()
    async with connect(settings) as client:
        await require_belonging(ledger, client, wait_seconds=0)
        before = count_by_type(ledger)
        ledger.forget_partitions()  # from the first deletion on, no partition is loaded completely
        sender = sender_for(ledger, client, settings)
        with stopping_on_interrupt(sender):
            failures = await _delete_all(ledger, sender, on_progress)
            left = count_by_type(ledger)
            if not left:
                await _forget(ledger, client)
    if left and sender.stopped is not None:
        raise sender.stopped
    return RemoveReport(
        server=client.base_url,
        by_type={resource_type: count - left.get(resource_type, 0) for resource_type, count in before.items()},
        seconds=round(time.monotonic() - began, 3),
        left=sum(left.values()),
        failures=tuple(
            Failure("not deleted", result.resource.name, "ledger", result.http_status, result.text)
            for result in failures[:FAILURES_SHOWN]
        ),
    )


async def _delete_all(ledger: Ledger, sender: Sender, on_progress: OnProgress) -> list[Result]:
    """Delete everything that is held; repeat while some can be deleted: the server may know more references."""
    while True:
        deleted = await delete(ledger, sender, held(ledger), on_progress=on_progress)
        if not deleted.failed.total() or not deleted.done.total() or sender.stopped is not None:
            return deleted.failures


async def _forget(ledger: Ledger, client: FhirClient) -> None:
    await forget_marker(ledger, client)
    forget_all(ledger)
