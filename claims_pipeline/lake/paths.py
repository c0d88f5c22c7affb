"""Where the file of a table is."""

from datetime import date
from pathlib import Path

from claims_pipeline.schema import Table


def partition_path(root: Path, table: Table, day: date | None) -> Path:
    """Return `<root>/<table>[/day=<day>]/part.parquet`."""
    if table.is_daily != (day is not None):
        msg = f"{table.name} is {'' if table.is_daily else 'not '}partitioned by day"
        raise ValueError(msg)
    folder = root / table.name
    return (folder / f"day={day}" if day else folder) / "part.parquet"
