"""Partitions of a lake as resources for the loader."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from claims_pipeline import schema
from claims_pipeline.errors import DataError
from claims_pipeline.fhir import RENDERED_TABLES, mapping_digest
from claims_pipeline.lake import Lake

DIRECTORY = tuple(table for table in RENDERED_TABLES if not table.is_daily)
"""Tables of one file that are loaded, in loading order."""

DAILY = tuple(table for table in RENDERED_TABLES if table.is_daily)
"""Tables of a partition a day that are loaded, in loading order."""


@dataclass(frozen=True)
class Partition:
    """One file of the lake; `day` is None for a table of the directory."""

    lake: Lake
    table: schema.Table
    day: date | None = None

    @property
    def name(self) -> str:
        """`claims/2025-01-15`, or `payers`."""
        return f"{self.table.name}/{self.day}" if self.day else self.table.name

    def digest(self) -> str:
        """Return the SHA-256 of the file's digest and the mapping's: equal means equal resources.

        Raises:
            DataError: the lake has no such file.
        """
        try:
            content = self.lake.digest(self.table, self.day)
        except FileNotFoundError:
            raise DataError(f"the lake has no {self.name}", where=str(self.lake.root), fix="claims generate") from None
        return hashlib.sha256(f"{content} {mapping_digest()}".encode()).hexdigest()


def partitions(lake: Lake, days: Iterable[date], *, newest_first: bool = True) -> list[Partition]:
    """Return the partitions of a range in the order in which they are loaded.

    Table after table in loading order, so that all that a resource refers to comes before it: first the directory,
    then for each daily table its days. Newest first: of each id the first one met is the one that counts, and the
    older versions after it are superseded. Oldest first (`newest_first=False`): every version in its turn.
    """
    ordered = sorted(set(days), reverse=newest_first)
    directory = [Partition(lake, table) for table in DIRECTORY]
    return directory + [Partition(lake, table, day) for table in DAILY for day in ordered]
