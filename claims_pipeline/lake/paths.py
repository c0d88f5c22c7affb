"""Where the file of a table is."""

from datetime import date
from pathlib import Path

from claims_pipeline.schema import Table


def partition_path(root: Path, table: Table, day: date | None) -> Path:
    """Return `<root>/<table>[/day=<day>|/year=<year>]/part.parquet`; the year is that of `day`.

    Raises:
        ValueError: a day is given for a table of one file, or none for a table of partitions.
    """
    if (table.is_daily or table.is_yearly) != (day is not None):
        unit = "year" if table.is_yearly else "day"
        msg = f"{table.name} is {'' if day is None else 'not '}partitioned by {unit}"
        raise ValueError(msg)
    folder = root / table.name
    if day:
        folder /= f"day={day}" if table.is_daily else f"year={day.year}"
    return folder / "part.parquet"


def partition_key(table: Table, day: date | None) -> str:
    """Return what the manifest calls a partition: its day, its year, or nothing."""
    if day is None:
        return ""
    return str(day.year) if table.is_yearly else str(day)
