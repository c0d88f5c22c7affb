"""The file formats: FHIR resources of a lake as NDJSON, transaction bundles, one collection Bundle."""

import gzip
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

import polars as pl
import pyarrow as pa

from claims_pipeline.export.state import current_resources
from claims_pipeline.fhir import RENDERED_TABLES, RENDERINGS
from claims_pipeline.lake import Lake

ENTRIES_A_BUNDLE = 500
Writer = BinaryIO | gzip.GzipFile
FULL_URL = "https://example.org/fhir/"
"""Base of the addresses inside a collection Bundle; it is not the address of a server."""


@dataclass(frozen=True)
class Format:
    """A file format: the names of its files, and the function that writes them.

    Attributes:
        is_folder: whether the output is a folder of files or one file.
        pattern: names of the files in the folder.
        write: takes the lake, the folder or file to write, and whether to compress; returns how many files it wrote.
    """

    is_folder: bool
    pattern: str
    write: Callable[[Lake, Path, bool], int]


def write_ndjson(lake: Lake, folder: Path, compress: bool) -> int:
    """Write one file `<ResourceType>.ndjson` per resource type (FHIR Bulk Data), with one resource per line."""
    started: set[Path] = set()
    for table in RENDERED_TABLES:
        path = folder / f"{RENDERINGS[table.name].resource_type}.ndjson{'.gz' if compress else ''}"
        with _opened(path, append=path in started, compress=compress) as file:
            started.add(path)
            for resources in current_resources(lake, table):
                _write_text(file, resources.select(pl.concat_str("body", pl.lit("\n"))).to_series())
    return len(started)


def write_bundles(lake: Lake, folder: Path, compress: bool) -> int:
    """Write transaction bundles of PUT requests, one resource type each, to be sent in the order of their names."""
    entry = _entry('{"request":{"method":"PUT","url":"', '"},"resource":')
    number = 0
    for number, (kind, entries) in enumerate(_bundles(lake, entry), start=1):
        path = folder / f"bundle-{number:06d}-{kind}.json{'.gz' if compress else ''}"
        with _opened(path, append=False, compress=compress) as file:
            file.write(b'{"resourceType":"Bundle","type":"transaction","entry":[')
            _write_text(file, entries)
            file.write(b"]}\n")
    return number


def write_collection(lake: Lake, path: Path, compress: bool) -> int:
    """Write one Bundle of type collection with all resources."""
    entry = _entry(f'{{"fullUrl":"{FULL_URL}', '","resource":')
    with _opened(path, append=False, compress=compress) as file:
        file.write(b'{"resourceType":"Bundle","type":"collection","entry":[')
        for number, (_, entries) in enumerate(_bundles(lake, entry)):
            file.write(b"," if number else b"")
            _write_text(file, entries)
        file.write(b"]}\n")
    return 1


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "ndjson": Format(is_folder=True, pattern="*.ndjson*", write=write_ndjson),
        "bundles": Format(is_folder=True, pattern="bundle-*.json*", write=write_bundles),
        "json": Format(is_folder=False, pattern="", write=write_collection),
    }
)
"""Formats by name. (`parquet`, the lake itself, needs no export.)"""


def _entry(before_name: str, before_body: str) -> pl.Expr:
    """Return the entry of a Bundle as text: `Type/id` and the resource, each after some JSON."""
    name = ("resource_type", pl.lit("/"), "resource_id")
    return pl.concat_str(pl.lit(before_name), *name, pl.lit(before_body), "body", pl.lit("}"))


def _bundles(lake: Lake, entry: pl.Expr) -> Iterator[tuple[str, pl.Series]]:
    """Yield the resource type and the entries, already separated by commas, of each bundle."""
    for table in RENDERED_TABLES:
        kind = RENDERINGS[table.name].resource_type
        for resources in current_resources(lake, table):
            for part in resources.iter_slices(ENTRIES_A_BUNDLE):
                entries = part.select(entry).to_series()
                commas = pl.Series([""]).extend(pl.Series([","]).new_from_index(0, part.height - 1))
                yield kind, commas + entries


@contextmanager
def _opened(path: Path, *, append: bool, compress: bool) -> Iterator[Writer]:
    with path.open("ab" if append else "wb") as file:
        if not compress:
            yield file
            return
        # without name and time in the header, so that the same feed gives the same bytes
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=6) as packed:
            yield packed


def _write_text(file: Writer, texts: pl.Series) -> None:
    """Write the texts of a column one after the other; their bytes are contiguous in an Arrow array."""
    array = texts.to_arrow().cast(pa.large_string())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if not len(array):
        return
    offsets = array.buffers()[1]
    bounds = memoryview(offsets).cast("q")
    first, last = bounds[array.offset], bounds[array.offset + len(array)]
    file.write(memoryview(array.buffers()[2])[first:last])
