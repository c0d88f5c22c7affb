"""How long each answer takes, and each tab after a change of the filters."""

import itertools
import os
import statistics
import time
from collections.abc import Callable, Sequence

from benchmarks.dashboard.installation import Dashboard
from benchmarks.dashboard.questions import (
    FIRST_SCREEN,
    LATER,
    SEARCHES,
    NewFilters,
    filtered,
    new_days,
    new_filters,
    searching,
)


def measure(dashboard: Dashboard, rounds: int) -> None:
    """Print the time and the memory of each question."""
    tabs = {f"first screen of {tab}": addresses for tab, addresses in FIRST_SCREEN.items()}
    tabs |= {f"all of {tab}": (*FIRST_SCREEN[tab], *later) for tab, later in LATER.items()}
    tabs["all of overview"] += tuple(dashboard.charts)
    numbers = itertools.count()

    def row(name: str, ask: Callable[[], object]) -> None:
        seconds = []
        for _ in range(rounds):
            began = time.perf_counter()
            ask()
            seconds.append(time.perf_counter() - began)
        median, slowest = 1000 * statistics.median(seconds), 1000 * max(seconds)
        resident = dashboard.process.memory_info().rss / 2**20
        print(f"| {name} | {median:,.0f} | {slowest:,.0f} | {resident:,.0f} |", flush=True)

    def get(address: str, filters: NewFilters = lambda _: {}) -> Callable[[], object]:
        return lambda: dashboard.get(filtered(address, **filters(next(numbers))))

    def get_all(addresses: Sequence[str], filters: NewFilters) -> Callable[[], object]:
        return lambda: dashboard.get_all(
            [filtered(one, **chosen) for chosen in [filters(next(numbers))] for one in addresses]
        )

    print("| question | median ms | slowest ms | server MiB |\n| --- | ---: | ---: | ---: |")
    for one in dict.fromkeys(itertools.chain(*tabs.values())):
        row(f"{one}, new", get(one, new_filters))
    row("/api/stats, new days", get("/api/stats", new_days))
    dashboard.get("/api/stats")
    row("/api/stats, again", get("/api/stats"))
    for tab, addresses in tabs.items():
        row(f"{tab}, other days", get_all(addresses, new_days))
        row(f"{tab}, other state", get_all(addresses, new_filters))
    total = dashboard.get("/api/claims").json()["total"]
    for sort in ("-received_date", "total_charge_amount", "patient_name"):
        claims = f"/api/claims?sort={sort}"
        middle = dashboard.get(f"{claims}&offset={min(total // 2, 1_000_000)}").json()["next"]
        row(f"table by {sort}, first part", get(claims))
        row(f"table by {sort}, in the middle", get(middle))
        row(f"table by {sort}, last part", get(f"{claims}&before=end"))
    for address, parameter in SEARCHES:
        row(f"{address}?{parameter}=...", get(address, searching(parameter)))
    row("CSV of all", lambda: dashboard.download("/api/export.csv"))
    row("Parquet of all", lambda: dashboard.download("/api/export.parquet"))
    print(f"\n{total:,} claims; the server used at most {dashboard.resident_bytes / 2**20:,.0f} MiB.")
    print(f"Load average at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")
