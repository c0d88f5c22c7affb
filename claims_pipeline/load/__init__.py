"""Synchronises FHIR resources into a server: sends what it does not have, and reports the result of each.

Belongs here: sources, the ledger, comparing, sending, reports of loads, reconciliation.
Does not: rendering (fhir), partitions (lake), the server itself (server).
"""

from claims_pipeline.load.dead_letters import (
    discard_dead_letters,
    list_dead_letters,
    retry_dead_letters,
    retry_dead_letters_async,
)
from claims_pipeline.load.event_loop import ending_on_interrupt
from claims_pipeline.load.options import LoadOptions, OnMismatch, Vanished
from claims_pipeline.load.progress import OnProgress, Progress, at_most_every
from claims_pipeline.load.reconciling.reconcile import ReconcileReport, reconcile, reconcile_async
from claims_pipeline.load.remove import RemoveReport, remove, remove_async
from claims_pipeline.load.report import LoadReport
from claims_pipeline.load.run import (
    load_files,
    load_files_async,
    load_lake,
    load_lake_async,
)
from claims_pipeline.load.tally import Counts, Failure

__all__ = [
    "Counts",
    "Failure",
    "LoadOptions",
    "LoadReport",
    "OnMismatch",
    "OnProgress",
    "Progress",
    "ReconcileReport",
    "RemoveReport",
    "Vanished",
    "at_most_every",
    "discard_dead_letters",
    "ending_on_interrupt",
    "list_dead_letters",
    "load_files",
    "load_files_async",
    "load_lake",
    "load_lake_async",
    "reconcile",
    "reconcile_async",
    "remove",
    "remove_async",
    "retry_dead_letters",
    "retry_dead_letters_async",
]
