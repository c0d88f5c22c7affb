"""Reading the reference tables."""

from functools import cache
from importlib.resources import files

import polars as pl

CODE_COLUMNS = ("zip_code", "zip_prefixes", "place_of_service_code", "hcpcs_code", "diagnosis_code", "taxonomy_code")
"""Columns of digits that are not numbers."""


@cache
def read_table(name: str) -> pl.DataFrame:
    """Return the table `data/<name>.csv`; comments at the top of the file describe its columns."""
    content = (files("claims_pipeline.reference") / "data" / f"{name}.csv").read_bytes()
    return pl.read_csv(
        content,
        comment_prefix="#",
        infer_schema_length=None,
        schema_overrides=dict.fromkeys(CODE_COLUMNS, pl.String),
    )


@cache
def reasons_of_stories() -> pl.DataFrame:
    """Return story_diagnoses.csv with one row for each story and diagnosis."""
    return read_table("story_diagnoses").with_columns(pl.col("story").str.split(" ")).explode("story")
