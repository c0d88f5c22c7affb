"""Ways of bringing a lake to a FHIR server, each timed, with the CPU seconds of the sender and of the server."""

import asyncio
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import httpx
import polars as pl

from benchmarks.embedded import IN_FLIGHT, load, new_ledger, server_cpu
from claims_pipeline.fhir_access import FHIR_JSON
from claims_pipeline.lake import Lake
from claims_pipeline.load.resource import KEY, Resource
from claims_pipeline.load.sending.bundles import transaction
from claims_pipeline.load.sources.lake import LakeChunks, partitions
from claims_pipeline.schema import CLAIMS
from claims_pipeline.settings import Settings

BATCH, THREADS = 100, 8
SINGLE_CLAIMS = 2_000
HEADERS = {"Content-Type": FHIR_JSON}


@dataclass(frozen=True)
class Measured:
    """One way of loading, once: claims a second, CPU seconds of the sender and of the server."""

    claims_per_second: float
    own_cpu: float
    server_cpu: float


def measured(settings: Settings, claims: int, work: Callable[[], object]) -> Measured:
    """Time one way of loading `claims` claims."""
    of_server, own, began = server_cpu(settings), _own_cpu(), time.perf_counter()
    work()
    seconds, own = time.perf_counter() - began, _own_cpu() - own
    return Measured(claims / seconds, own, server_cpu(settings) - of_server)


def claims_load(settings: Settings, lake: Lake) -> Measured:
    """Load as `claims load` does: reading, rendering, comparing and recording included."""
    ledger = new_ledger(settings)
    return measured(settings, _count(lake), lambda: load(settings, lake, ledger))


def bare_push(settings: Settings, lake: Lake) -> Measured:
    """Push bundles that were made before the clock started, and look at nothing but the status."""
    tiers = [_bundles(tier) for tier in _tiers(lake)]
    return measured(settings, _count(lake), lambda: asyncio.run(_push(settings, tiers)))


def blazectl(settings: Settings, lake: Lake) -> Measured:
    """Let blazectl upload the same bundles, tier after tier, from files written before the clock started."""
    with tempfile.TemporaryDirectory() as folder:
        tiers = []
        for number, tier in enumerate(_tiers(lake)):
            tiers.append(Path(folder, str(number)))
            tiers[-1].mkdir()
            for index, bundle in enumerate(_bundles(tier)):
                (tiers[-1] / f"{index:06d}.json").write_bytes(bundle)

        def upload() -> None:
            for tier in tiers:
                command = ["blazectl", "--server", settings.fhir_base_url, "upload", "--no-progress"]
                subprocess.run([*command, "-c", str(IN_FLIGHT), tier], check=True, stdout=subprocess.DEVNULL)

        return measured(settings, _count(lake), upload)


def single_requests(settings: Settings, lake: Lake, *, threads: int) -> Measured:
    """Put claims one a request; what they refer to goes in bundles before the clock starts."""
    *before, claims = _tiers(lake)
    asyncio.run(_push(settings, [_bundles(tier) for tier in before]))
    chosen = claims[:SINGLE_CLAIMS]
    with httpx.Client(timeout=300, trust_env=False, headers=HEADERS) as client:

        def one(claim: Resource) -> None:
            client.put(f"{settings.fhir_base_url}/{claim.name}", content=claim.body.encode()).raise_for_status()

        def all_of_them() -> None:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(one, chosen))

        return measured(settings, len(chosen), all_of_them)


WAYS: dict[str, Callable[[Settings, Lake], Measured]] = {
    "claims load": claims_load,
    "bare push of ready-made bundles": bare_push,
    "blazectl, the same bundles as files": blazectl,
    f"single requests, {THREADS} threads": lambda settings, lake: single_requests(settings, lake, threads=THREADS),
    "single requests, one after the other": lambda settings, lake: single_requests(settings, lake, threads=1),
}
"""By name; those of other programs only if the program is on the PATH."""


def missing_program(way: str) -> bool:
    """Tell whether a way needs a program that is not installed."""
    return WAYS[way] is blazectl and shutil.which("blazectl") is None


def _own_cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = os.times()
    return own.user + own.system + children.ru_utime + children.ru_stime


def _count(lake: Lake) -> int:
    return int(lake.scan(CLAIMS).select(pl.col("claim_id").n_unique()).collect().item())


def _tiers(lake: Lake) -> list[list[Resource]]:
    """Return the current state of a lake, tier after tier, rendered and ready to be packed."""
    tiers = []
    for _, group in groupby(partitions(lake, lake.days(CLAIMS)), key=lambda partition: partition.table.name):
        chunks = LakeChunks(list(group), lambda *_: None)
        newest = pl.concat(list(chunks)).unique(KEY, keep="first", maintain_order=True)
        tiers.append([Resource(*row) for row in newest.select(Resource._fields).rows()])
    return tiers


def _bundles(tier: Sequence[Resource]) -> list[bytes]:
    return [transaction(tier[start : start + BATCH]) for start in range(0, len(tier), BATCH)]


async def _push(settings: Settings, tiers: Sequence[Sequence[bytes]]) -> None:
    limits = httpx.Limits(max_connections=IN_FLIGHT)
    async with httpx.AsyncClient(timeout=300, limits=limits, trust_env=False, headers=HEADERS) as client:
        places = asyncio.Semaphore(IN_FLIGHT)

        async def one(content: bytes) -> None:
            async with places:
                (await client.post(settings.fhir_base_url, content=content)).raise_for_status()

        for bundles in tiers:
            await asyncio.gather(*map(one, bundles))
