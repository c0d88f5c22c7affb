"""Codes, nested columns from flat arrays and offsets, and exact money, without a loop over rows."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
import pyarrow as pa

from claims_pipeline.generate.numbers.draws import Integers
from claims_pipeline.reference import read_table
from claims_pipeline.schema import USD


def money(cents: Integers) -> pl.Series:
    """Return whole cents as Decimal(12, 2) dollars."""
    words = np.zeros((len(cents), 2), dtype=np.int64)  # amounts are not negative, so the high word is zero
    words[:, 0] = cents
    array = pa.Array.from_buffers(pa.decimal128(12, 2), len(cents), [None, pa.py_buffer(words)])
    return pl.Series(_Exported(array)).cast(USD)


@cache
def categories(names: tuple[str, ...]) -> pl.Series:
    """Return names as categories."""
    return pl.Series(names, dtype=pl.Categorical)


@cache
def codes_of(table: str, column: str) -> pl.Series:
    """Return a text column of a reference table as categories, which rows are looked up in without their text."""
    return read_table(table)[column].cast(pl.Categorical)


def lists(values: pl.Series, lengths: Integers) -> pl.Series:
    """Return a list column: row i holds the next `lengths[i]` elements of `values`."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    array = pa.LargeListArray.from_arrays(pa.array(offsets), values.to_arrow())
    return pl.Series(_Exported(array))


@dataclass(frozen=True)
class _Exported:
    """An Arrow array of which Polars sees the C data interface only: else it imports pyarrow.compute, which is slow."""

    array: pa.Array

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        exported: tuple[object, object] = self.array.__arrow_c_array__(requested_schema)
        return exported
