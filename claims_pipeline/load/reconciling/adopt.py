"""A ledger and a server that do not belong together: compare them anew, or start over."""

import sqlalchemy as sa

from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.ledger.tables import PARTITIONS, RESOURCES
from claims_pipeline.load.reconciling.compare import compare, mark, returned
from claims_pipeline.load.reconciling.marker import Marker, raise_generation
from claims_pipeline.load.sending.client import FhirClient


async def adopt(ledger: Ledger, client: FhirClient, marker: Marker | None, *, workers: int) -> None:
    """Write into the ledger what the server really holds of what it knows, and bind the server to it.

    Every resource of the ledger is read and hashed, for a restored server gives old versions new content.

    Raises:
        FhirError: the server refuses to be read, or does not take the marker.
        ServerUnavailable: it did not answer.
    """
    async for comparison in compare(ledger, client, has_all_contents=True, workers=workers):
        mark(ledger, comparison)
    async for comparison in returned(ledger, client, workers=workers):
        mark(ledger, comparison)
    with ledger.writing() as connection:
        connection.execute(sa.delete(PARTITIONS))
    await raise_generation(ledger, client, above=marker.generation if marker else 0)


async def reset(ledger: Ledger, client: FhirClient, marker: Marker | None) -> None:
    """Forget what the ledger says, and bind the server to it.

    Raises:
        FhirError: the server does not take the marker.
        ServerUnavailable: it did not answer.
    """
    with ledger.writing() as connection:
        connection.execute(sa.delete(RESOURCES))
        connection.execute(sa.delete(PARTITIONS))
    await raise_generation(ledger, client, above=marker.generation if marker else 0)
