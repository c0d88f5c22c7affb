"""How long each answer takes, and each tab after a change of the filters."""

import functools
import itertools
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

import httpx

from benchmarks.dashboard.installation import Dashboard
from benchmarks.dashboard.questions import (
    FIRST_SCREEN,
    LATER,
    SEARCHES,
    SORTS,
    NewFilters,
    filtered,
    new_days,
    new_filters,
    searching,
)

Ask = Callable[[Dashboard], object]


def measure(dashboard: Dashboard, rounds: int, against: Dashboard | None = None) -> None:
    """Print the time and the memory of each question, and the ratio to the time that another dashboard takes.

    The two are asked in turn. Each question is asked once before it is measured.
    """
    others = [against] if against else []
    total: int = dashboard.get("/api/claims").json()["total"]
    print(f"| question | median ms | slowest ms | server MiB |{' against |' * len(others)}")
    print(f"| --- | ---: | ---: | ---: |{' ---: |' * len(others)}")
    for name, ask in _questions(dashboard.charts, total):
        seconds: dict[Dashboard, list[float]] = {one: [] for one in (dashboard, *others)}
        for number, (one, measured) in itertools.product(range(rounds + 1), seconds.items()):
            took = _seconds(ask, one, is_another_version=one is against)
            if number:
                measured.append(took)
        median, slowest = statistics.median(seconds[dashboard]), max(seconds[dashboard])
        resident = dashboard.process.memory_info().rss / 2**20
        ratio = "".join(f" {median / statistics.median(seconds[one]):.2f} |" for one in others)
        print(f"| {name} | {1000 * median:,.0f} | {1000 * slowest:,.0f} | {resident:,.0f} |{ratio}", flush=True)
    print(f"\n{total:,} claims; the server used at most {dashboard.resident_bytes / 2**20:,.0f} MiB.")
    print(f"Load average at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")


def _questions(charts: Sequence[str], total: int) -> Iterator[tuple[str, Ask]]:
    """Yield what is asked; the same question again has other filters, so that the answer is not one remembered."""
    tabs = {f"first screen of {tab}": addresses for tab, addresses in FIRST_SCREEN.items()}
    tabs |= {f"all of {tab}": (*FIRST_SCREEN[tab], *later) for tab, later in LATER.items()}
    tabs["all of overview"] += tuple(charts)
    numbers = itertools.count()

    def get(address: str, filters: NewFilters = lambda _: {}) -> Ask:
        return lambda dashboard: dashboard.get(filtered(address, **filters(next(numbers))))

    def get_all(addresses: Sequence[str], filters: NewFilters) -> Ask:
        return lambda dashboard: dashboard.get_all(
            [filtered(address, **chosen) for chosen in [filters(next(numbers))] for address in addresses]
        )

    for one in dict.fromkeys(itertools.chain(*tabs.values())):
        yield f"{one}, new", get(one, new_filters)
    yield "/api/stats, new days", get("/api/stats", new_days)
    yield "/api/stats, again", get("/api/stats")
    for tab, addresses in tabs.items():
        yield f"{tab}, other days", get_all(addresses, new_days)
        yield f"{tab}, other state", get_all(addresses, new_filters)
    for sort in SORTS:
        claims = f"/api/claims?sort={sort}"
        yield f"table by {sort}, first part", get(claims)
        yield f"table by {sort}, in the middle", _following(f"{claims}&offset={min(total // 2, 1_000_000)}")
        yield f"table by {sort}, last part", get(f"{claims}&before=end")
    for address, parameter in SEARCHES:
        yield f"{address}?{parameter}=...", get(address, searching(parameter))
    yield "CSV of all", lambda dashboard: dashboard.download("/api/export.csv")
    yield "Parquet of all", lambda dashboard: dashboard.download("/api/export.parquet")


def _following(address: str) -> Ask:
    """Return what asks for the part of a list that follows one; the address of that part is found once."""
    following = functools.cache(lambda dashboard: dashboard.get(address).json()["next"])
    return lambda dashboard: dashboard.get(following(dashboard))


def _seconds(ask: Ask, dashboard: Dashboard, *, is_another_version: bool) -> float:
    """Return how long an answer takes; not a number where a dashboard of another version has no such question."""
    began = time.perf_counter()
    try:
        ask(dashboard)
    except httpx.HTTPStatusError as error:
        if error.response.is_server_error or not is_another_version:
            raise
        return math.nan
    return time.perf_counter() - began
