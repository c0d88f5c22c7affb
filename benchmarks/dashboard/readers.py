"""What many readers at once are answered while new builds are published."""

import asyncio
import itertools
import random
import shutil
import time
from collections import Counter
from pathlib import Path

import httpx

from benchmarks.dashboard.installation import Dashboard
from benchmarks.dashboard.questions import FIRST_SCREEN, LATER, filtered, new_days, new_filters, searching


async def read_while_publishing(
    dashboard: Dashboard, path: Path, *, readers: int, publishes: int, seconds: float
) -> Counter[str]:
    """Let readers ask while new builds are published; return the answers by status."""
    statuses: Counter[str] = Counter()
    ends = time.monotonic() + seconds
    address = str(dashboard.client.base_url)
    draw = random.Random(1)  # noqa: S311

    async def reader(client: httpx.AsyncClient) -> None:
        while time.monotonic() < ends:
            one = draw.choice([*dashboard.charts, *itertools.chain(*FIRST_SCREEN.values(), *LATER.values())])
            number = draw.randrange(2_000)
            filters = draw.choice([lambda _: {}, new_days, new_filters, searching("patient")])(number)
            try:
                answer = await client.get(filtered(one, **filters))
            except httpx.HTTPError as error:
                statuses[type(error).__name__] += 1
            else:
                statuses[str(answer.status_code)] += 1

    async def publisher() -> None:
        for _ in range(publishes):
            await asyncio.sleep(seconds / (publishes + 1))
            new = path.with_name(".published.tmp")
            await asyncio.to_thread(shutil.copyfile, path, new)
            new.replace(path)

    limits = httpx.Limits(max_connections=readers, max_keepalive_connections=0)  # an idle one is closed after 5 s
    async with httpx.AsyncClient(base_url=address, timeout=300, trust_env=False, limits=limits) as client:
        await asyncio.gather(publisher(), *(reader(client) for _ in range(readers)))
    return statuses
