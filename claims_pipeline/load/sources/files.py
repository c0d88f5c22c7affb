"""FHIR R4 files as resources for the loader: NDJSON, Bundles, folders of them, `.gz` of each, standard input."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from claims_pipeline.fhir import RESOURCE_SCHEMA

FILE_SCHEMA = pl.Schema({**RESOURCE_SCHEMA, "source": pl.String(), "tier": pl.Int32()})
"""`source`: "file:line". `tier`: number of the loading step; a resource refers to earlier tiers only, or to its own
where references go in a circle (such resources follow one another)."""

REJECTED_SCHEMA = pl.Schema(
    {
        "source": pl.String(),
        "resource_type": pl.String(),
        "resource_id": pl.String(),
        "reason": pl.String(),
    }
)
"""Input that cannot be loaded; type and id are null where they could not be read."""

UNRESOLVED_SCHEMA = pl.Schema(
    {
        "source": pl.String(),
        "resource_type": pl.String(),
        "resource_id": pl.String(),
        "reference": pl.String(),
    }
)

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class FileResources:
    """What `read_files` found, spooled to disk.

    Attributes:
        count: resources that `chunks` yields, each id once.
        rejected: input that cannot be loaded, with the columns of `REJECTED_SCHEMA`.
        remarks: what a person should know though nothing is lost, such as ids that came twice.
    """

    count: int
    rejected: pl.DataFrame
    remarks: tuple[str, ...]

    def chunks(self) -> Iterator[pl.DataFrame]:
        """Yield the resources tier after tier, with the columns of `FILE_SCHEMA`; a chunk is of one tier."""
        raise NotImplementedError

    def unresolved(self, known: Callable[[pl.Series], pl.Series] | None = None) -> pl.DataFrame:
        """Return who refers to something that is nowhere in the input, with the columns of `UNRESOLVED_SCHEMA`.

        Args:
            known: given references ("Type/id") that are not in the input, returns those that the server has.
        """
        raise NotImplementedError


def read_files(paths: Sequence[str], spool_folder: Path) -> FileResources:
    """Read FHIR R4 files; memory stays under 500 MB however large they are.

    Args:
        paths: files, folders of them, or "-" for standard input.
        spool_folder: an existing folder for temporary files, needed until `chunks` has been read.

    Raises:
        DataError: a path does not exist or a folder holds no FHIR file. Anything wrong inside a file is a row of
            `rejected`, and the rest is read.
    """
    raise NotImplementedError
