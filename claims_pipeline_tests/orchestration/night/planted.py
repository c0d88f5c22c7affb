"""The definitions of the pipeline with a fault in the claims of the days that FAULTY_DAYS_FILE names, one a line."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

from claims_pipeline import generate
from claims_pipeline.definitions import defs
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.schema import CLAIMS, USD

__all__ = ["FAULTY_DAYS_FILE", "defs", "faults_on"]

FAULTY_DAYS_FILE = "CLAIMS_TEST_FAULTY_DAYS"

_write_claims = generate.write_claims


def _wrong_totals(lake: Lake, day: date) -> None:
    """Let the total of each claim of a day be a cent more than its lines."""
    path = lake.path(CLAIMS, day)
    pl.read_parquet(path, hive_partitioning=False).with_columns(
        (pl.col("total_charge_amount") + pl.lit(Decimal("0.01"))).cast(USD).alias("total_charge_amount")
    ).write_parquet(path)


@contextmanager
def faults_on(*faulty: date) -> Iterator[None]:
    """Let claims of some days be written with a fault in a `with` block."""
    vars(generate).update(write_claims=_planting(lambda: faulty))
    try:
        yield
    finally:
        vars(generate).update(write_claims=_write_claims)


def _planting(faulty: Callable[[], Iterable[date]]) -> Callable[[Lake, Feed, Iterable[date]], Mapping[date, int]]:
    def write_and_plant(lake: Lake, feed: Feed, days: Iterable[date]) -> Mapping[date, int]:
        rows = _write_claims(lake, feed, days)
        for day in rows.keys() & set(faulty()):
            _wrong_totals(lake, day)
        return rows

    return write_and_plant


def _days_in_file() -> list[date]:
    return [date.fromisoformat(day) for day in Path(os.environ[FAULTY_DAYS_FILE]).read_text(encoding="utf-8").split()]


if FAULTY_DAYS_FILE in os.environ:
    vars(generate).update(write_claims=_planting(_days_in_file))
