"""Speed of what the loader does without a server: reading, rendering and hashing; comparing with the ledger.

Run: python -m benchmarks.diff [--claims 200000]
"""

import argparse
import tempfile
import time
from pathlib import Path

import polars as pl

from benchmarks.embedded import FIRST_YEAR, make_lake
from claims_pipeline.load.ledger.diff import diff
from claims_pipeline.load.ledger.settling import settle
from claims_pipeline.load.ledger.store import open_ledger
from claims_pipeline.load.resource import Resource, Result
from claims_pipeline.load.sources.lake import LakeChunks, partitions
from claims_pipeline.schema import CLAIMS

UNCHANGED_ROWS, ROWS_AT_ONCE = 1_000_000, 20_000


def read_and_render(home: Path, claims: int) -> pl.DataFrame:
    """Print how fast a year of claims is read, rendered and hashed; return the first chunk."""
    lake = make_lake(home, claims=claims, patients=claims // 10, year=FIRST_YEAR)
    chunks = LakeChunks([p for p in partitions(lake, lake.days(CLAIMS)) if p.table is CLAIMS], lambda *_: None)
    began = time.perf_counter()
    rows = sum(chunk.height for chunk in chunks)
    rate = rows / (time.perf_counter() - began)
    print(f"read, rendered and hashed: {rows:,} claims, {rate:,.0f} claims/s")
    return next(iter(chunks))


def compare_unchanged(home: Path, chunk: pl.DataFrame) -> None:
    """Print how long it takes to see that a million rows, with `chunk`'s columns, are those of the ledger."""
    ids = pl.format("claim-20250101-{}", pl.int_range(UNCHANGED_ROWS))
    rows = chunk.head(1).drop("resource_id", "body").join(pl.select(resource_id=ids, body=pl.lit("{}")), how="cross")
    rows = rows.select(chunk.columns)
    with open_ledger(home / "ledger.sqlite") as ledger:
        for part in rows.iter_slices(ROWS_AT_ONCE):
            resources = [Resource(*row) for row in part.select(Resource._fields).rows()]
            settle(ledger, [Result(resource, "created", "1") for resource in resources], "claims")
        began = time.perf_counter()
        unchanged = sum(diff(ledger, part).unchanged.height for part in rows.iter_slices(ROWS_AT_ONCE))
        print(f"compared with the ledger: {unchanged:,} unchanged rows in {time.perf_counter() - began:.1f} s")


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--claims", type=int, default=200_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="claims-bench-") as folder:
        compare_unchanged(Path(folder), read_and_render(Path(folder), given.claims))


if __name__ == "__main__":
    main()
