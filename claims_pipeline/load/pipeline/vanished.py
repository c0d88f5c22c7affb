"""What is done about resources that no partition of the lake holds any more.

They are kept on the server, marked entered-in-error (Claim and Coverage), or deleted.
"""

from collections.abc import Sequence
from hashlib import sha256

import sqlalchemy as sa

from claims_pipeline.fhir import TIERS
from claims_pipeline.fhir.canonical import decode, encode
from claims_pipeline.load.ledger.store import Ledger, execute_many
from claims_pipeline.load.ledger.tables import RESOURCES
from claims_pipeline.load.options import Vanished
from claims_pipeline.load.pipeline.pipeline import Pipeline
from claims_pipeline.load.pipeline.vanishing import Vanishing
from claims_pipeline.load.reconciling.reads import Stored, stored
from claims_pipeline.load.removing.removal import delete
from claims_pipeline.load.resource import LOADED, Resource, Result
from claims_pipeline.load.sending.pack import bundles

CAN_BE_ENTERED_IN_ERROR = frozenset({"Claim", "Coverage"})
IN_ERROR = "entered-in-error"
KEPT, DELETED, WITHDRAWN = "kept", "deleted", "entered in error"


async def settle_vanished(pipeline: Pipeline, vanishing: Vanishing, what: Vanished) -> None:
    """Do what was asked for about everything that has vanished, now or at an earlier load that kept it."""
    vanished = _vanished(pipeline.ledger, what)
    for resource_type in reversed(TIERS):
        ids = vanished.get(resource_type, [])
        outcome = _outcome(resource_type, what)
        if pipeline.is_dry_run:
            _count(pipeline, resource_type, outcome, len(ids) + vanishing.unsettled(resource_type))
        elif outcome == KEPT:
            _count(pipeline, resource_type, KEPT, len(ids))
        elif ids:
            await pipeline.open()
            failures = await (_delete if outcome == DELETED else _withdraw)(pipeline, resource_type, ids)
            _count(pipeline, resource_type, outcome, len(ids) - len(failures))
            _count(pipeline, resource_type, f"not {outcome}", len(failures))
            pipeline.tally.vanished_failed += len(failures)
            pipeline.tally.add_failures(failure._replace(outcome=f"not {outcome}") for failure in failures)


def _outcome(resource_type: str, what: Vanished) -> str:
    if what is Vanished.DELETE:
        return DELETED
    return WITHDRAWN if what is Vanished.ENTERED_IN_ERROR and resource_type in CAN_BE_ENTERED_IN_ERROR else KEPT


def _count(pipeline: Pipeline, resource_type: str, outcome: str, number: int) -> None:
    if number:
        pipeline.tally.vanished[f"{resource_type} {outcome}"] += number


def _vanished(ledger: Ledger, what: Vanished) -> dict[str, list[str]]:
    """Return ids by type; what was marked entered-in-error can still be deleted."""
    states = ("vanished", "withdrawn") if what is Vanished.DELETE else ("vanished",)
    query = sa.select(RESOURCES.c.resource_type, RESOURCES.c.resource_id).where(
        RESOURCES.c.state.in_(states), RESOURCES.c.content_hash.is_not(None)
    )
    found: dict[str, list[str]] = {}
    with ledger.reading() as connection:
        for row in connection.execute(query):
            found.setdefault(row.resource_type, []).append(row.resource_id)
    return found


async def _delete(pipeline: Pipeline, resource_type: str, ids: Sequence[str]) -> Sequence[Result]:
    deleted = await delete(pipeline.ledger, pipeline.sender, [(resource_type, resource_id) for resource_id in ids])
    return deleted.failures


async def _withdraw(pipeline: Pipeline, resource_type: str, ids: Sequence[str]) -> Sequence[Result]:
    """Send what the server holds with the status entered-in-error; return what the server did not take."""
    held = await stored(pipeline.sender.client, resource_type, ids)
    failures: list[Result] = []
    for part in bundles([_in_error(found) for found in held.values()], pipeline.sender.largest):
        results: list[Result] = []

        async def collect(settled: Sequence[Result], into: list[Result] = results) -> None:
            into.extend(settled)

        await pipeline.sender.deliver(part, collect)
        rows = [
            (result.resource.content_hash, result.version_id or None, *result.resource[:2])
            for result in results
            if result.outcome in LOADED
        ]
        with pipeline.ledger.writing() as connection:
            execute_many(connection, _SET_WITHDRAWN, rows)
        failures += [result for result in results if result.outcome not in LOADED]
    return failures


def _in_error(found: Stored) -> Resource:
    resource, _ = decode(found.body)
    body = encode(resource | {"status": IN_ERROR})
    return Resource(found.resource_type, found.resource_id, sha256(body.encode()).hexdigest(), "", IN_ERROR, body, [])


_NOTHING: sa.ColumnElement[str] = sa.literal_column("''")  # not bound: bind parameters come in row order
_SET_WITHDRAWN = (
    sa.update(RESOURCES)
    .values(
        content_hash=sa.bindparam("new_hash"),
        version_id=sa.bindparam("new_version"),
        as_of=_NOTHING,
        state=sa.literal_column("'withdrawn'"),
    )
    .where(RESOURCES.c.resource_type == sa.bindparam("of_type"), RESOURCES.c.resource_id == sa.bindparam("of_id"))
)
