"""Many people read while new builds are published: each answer is whole, and no one sees an older build again."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import IO

import httpx
import pytest

from claims_pipeline import aggregate
from claims_pipeline.dashboard import api, create_app
from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.rows_file import ClientLeft
from claims_pipeline.fhir_access import without_tls
from claims_pipeline.lake import Lake
from claims_pipeline.settings import Settings
from claims_pipeline_tests.aggregate.example_lake import BEN, FEB_3, claim, write_day, write_example_lake
from claims_pipeline_tests.dashboard.running import running

QUESTIONS = ("/api/stats", "/api/cards", "/api/claims", "/api/charts/claims-timeline", "/api/stats/by-state")


def test_a_download_ends_when_its_client_leaves(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    has_ended = threading.Event()

    def endless(view: View, _: Filters, has_left: Callable[[], bool]) -> IO[bytes]:
        sql = "select count(*) from range(10000000000) as one, range(1000) as other"
        try:
            return view.write(sql, options="format csv", has_left=has_left)
        except ClientLeft:
            has_ended.set()
            raise

    monkeypatch.setattr(api, "claims_csv", endless)
    with pytest.raises(httpx.ReadTimeout):
        client.get("/api/export.csv", timeout=httpx.Timeout(5, read=0.1))
    assert has_ended.wait(timeout=20)


@pytest.mark.heavy
@pytest.mark.parametrize(("readers", "publishes"), [(10, 3), pytest.param(200, 10, marks=pytest.mark.slow)])
def test_readers_never_meet_an_error_or_an_older_build(
    tmp_path: Path, cache: Path, readers: int, publishes: int
) -> None:
    settings = Settings(home=tmp_path, cache=cache)
    lake = write_example_lake(settings.lake_path)
    aggregate.build(lake, settings.analytics_path)
    with running(create_app(settings)) as address:
        counts = asyncio.run(_read_while_publishing(address, lake, settings.analytics_path, readers, publishes))
    assert len(counts) == readers
    for seen in counts:
        assert seen == sorted(seen)
        assert seen[-1] == 5 + publishes


async def _read_while_publishing(
    address: str, lake: Lake, analytics_path: Path, readers: int, publishes: int
) -> list[list[int]]:
    """Return how many claims each reader saw, one answer after the other, until the last build was there."""
    limits = httpx.Limits(max_connections=readers, max_keepalive_connections=0)  # an idle one is closed after 5 s
    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=60, verify=without_tls()) as client:

        async def read(number: int) -> list[int]:
            seen: list[int] = []
            while not seen or seen[-1] < 5 + publishes:
                other = await client.get(QUESTIONS[(number + len(seen)) % len(QUESTIONS)])
                assert other.status_code == 200, other.text
                stats = (await client.get("/api/stats")).raise_for_status().json()
                assert stats["claim_count"] == sum(one["claim_count"] for one in stats["claim_count_by_status"])
                seen.append(stats["claim_count"])
                await asyncio.sleep(0.1)
            return seen

        publishing = asyncio.create_task(asyncio.to_thread(_publish, lake, analytics_path, publishes))
        counts = await asyncio.gather(*map(read, range(readers)))
        await publishing
    return counts


def _publish(lake: Lake, analytics_path: Path, publishes: int) -> None:
    for number in range(publishes):
        day = FEB_3 + timedelta(days=number + 1)
        write_day(lake, day, [claim(f"claim-{day:%Y%m%d}-000000", BEN, "CA", {"99213": "1.00"}, received_date=day)])
        aggregate.build(lake, analytics_path)
