"""`reconcile`: compares what the server holds with the ledger."""

from collections import Counter
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from claims_pipeline.load.event_loop import in_thread, require_no_event_loop, run_to_end
from claims_pipeline.load.ledger.holdings import count_by_type
from claims_pipeline.load.ledger.lock import holding_lock, is_held
from claims_pipeline.load.ledger.store import Ledger, open_existing_ledger, require_ledger
from claims_pipeline.load.progress import OnProgress, Progress, silent
from claims_pipeline.load.reconciling.compare import compare, mark
from claims_pipeline.load.reconciling.marker import require_belonging
from claims_pipeline.load.reconciling.reads import count
from claims_pipeline.load.sending.client import FhirClient, connect
from claims_pipeline.reports import table
from claims_pipeline.settings import Settings

IDS_SHOWN = 10


@dataclass(frozen=True)
class TypeComparison:
    """The comparison of one resource type.

    Attributes:
        ledger: resources that the ledger says the server holds.
        server: resources that the server has, loaded ones and others.
        missing: loaded resources that the server does not have; None unless each was compared.
        changed: loaded resources that the server has with other content; None unless each was compared.
    """

    ledger: int
    server: int
    missing: int | None = None
    changed: int | None = None

    @property
    def is_equal(self) -> bool:
        """Whether the server holds what the ledger says; it may hold more, because others may use it."""
        return self.server >= self.ledger and not self.missing and not self.changed


@dataclass(frozen=True)
class ReconcileReport:
    """The result of `reconcile`: the ledger compared with the server.

    Attributes:
        server: base address.
        by_type: by resource type.
        differing: "Type/id" of the first resources that are missing or changed.
        marked: resources that the next load will send again; 0 unless repair was asked for.
        is_loading: another loader was at work, so the numbers are of different moments.
    """

    kind: ClassVar[str] = "reconcile"

    server: str
    by_type: dict[str, TypeComparison]
    differing: tuple[str, ...] = ()
    marked: int = 0
    is_loading: bool = False

    @property
    def is_equal(self) -> bool:
        """Whether the server holds everything that the ledger says, as far as it was compared."""
        return all(comparison.is_equal for comparison in self.by_type.values())

    @property
    def exit_code(self) -> int:
        """0 if equal, 1 if not."""
        return 0 if self.is_equal else 1

    def render(self) -> str:
        """Return the lines that are printed."""
        comparisons = sorted(self.by_type.items())
        rows = [[name, *map(_figure, (c.ledger, c.server, c.missing, c.changed))] for name, c in comparisons]
        lines = [f"Reconcile: {self.server}", table(["", "ledger", "server", "missing", "changed"], rows)]
        lines += [f"differs: {name}" for name in self.differing]
        if self.is_loading:
            lines.append("note: a load is running, so these numbers change: run the same command again when it is done")
            return "\n".join(lines)
        lines += [
            f"note: the server has {c.server - c.ledger:,} resources of type {name} that the loader did not load"
            for name, c in comparisons
            if c.server > c.ledger
        ]
        if self.marked:
            are = "resource is" if self.marked == 1 else "resources are"
            lines.append(f"{self.marked:,} {are} marked as not loaded, for the next claims load to send")
        elif not self.is_equal:
            lines.append("try: claims reconcile --deep --repair, then claims load")
        else:
            lines.append("The server holds what the ledger says.")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the same facts as JSON values."""
        return asdict(self) | {"is_equal": self.is_equal, "differing": list(self.differing)}


def reconcile(
    settings: Settings,
    *,
    ledger_path: Path | None = None,
    deep: bool = False,
    repair: bool = False,
    wait: bool = False,
    on_progress: OnProgress = silent,
) -> ReconcileReport:
    """Compare what the ledger says with what the server holds.

    Args:
        settings: the server.
        ledger_path: the ledger; `settings.ledger_path` if None.
        deep: compare each resource, not only their number; holds the lock, because a load would change them.
        repair: mark what is missing or changed as not loaded, so that the next load sends it; compares each resource.
        wait: wait until the server is ready.
        on_progress: called with the progress.

    Raises:
        ConfigError: an event loop runs in this thread, as in a notebook: await `reconcile_async`; or there is no
            ledger at `ledger_path`.
        LedgerMismatch: the server was wiped, restored or swapped since the last load.
        LedgerUnusable, LoaderLocked, ServerUnavailable, FhirError: as for `load_lake`.
    """
    require_no_event_loop("reconcile")
    scope = _Scope(deep or repair, repair, settings.fhir_wait_seconds if wait else 0)
    require_ledger(ledger_path)
    with (
        open_existing_ledger(ledger_path or settings.ledger_path) as ledger,
        holding_lock(ledger) if scope.is_deep else nullcontext(),
    ):
        return run_to_end(_reconcile(ledger, settings, scope, on_progress))


reconcile_async = in_thread(reconcile)


@dataclass(frozen=True)
class _Scope:
    is_deep: bool
    is_repair: bool
    wait_seconds: float


@dataclass
class _Found:
    missing: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    differing: list[str] = field(default_factory=list)
    marked: int = 0


async def _reconcile(ledger: Ledger, settings: Settings, scope: _Scope, on_progress: OnProgress) -> ReconcileReport:
    async with connect(settings) as client:
        await require_belonging(ledger, client, wait_seconds=scope.wait_seconds)
        was_loading = is_held(ledger)
        held = count_by_type(ledger)
        on_server = {resource_type: await count(client, resource_type) for resource_type in held}
        is_loading = not scope.is_deep and (was_loading or is_held(ledger))  # a deep comparison holds the lock itself
        found = await _compare_each(ledger, client, settings, scope, on_progress) if scope.is_deep else None
    return ReconcileReport(
        server=settings.fhir_base_url,
        by_type={
            resource_type: TypeComparison(
                ledger=held[resource_type],
                server=on_server[resource_type],
                missing=found.missing[resource_type] if found else None,
                changed=found.changed[resource_type] if found else None,
            )
            for resource_type in sorted(held)
        },
        differing=tuple(found.differing) if found else (),
        marked=found.marked if found else 0,
        is_loading=is_loading,
    )


async def _compare_each(
    ledger: Ledger, client: FhirClient, settings: Settings, scope: _Scope, on_progress: OnProgress
) -> _Found:
    found = _Found()
    total, compared = sum(count_by_type(ledger).values()), 0
    async for part in compare(ledger, client, has_all_contents=False, workers=settings.workers):
        found.missing[part.resource_type] += len(part.missing)
        found.changed[part.resource_type] += len(part.changed)
        differing = [f"{part.resource_type}/{resource_id}" for resource_id in (*part.missing, *part.changed)]
        found.differing += differing[: IDS_SHOWN - len(found.differing)]
        if scope.is_repair:
            found.marked += mark(ledger, part)
        compared += part.equal + len(differing)
        on_progress(Progress(f"comparing {part.resource_type}", settled=compared, total=total))
    return found


def _figure(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"
