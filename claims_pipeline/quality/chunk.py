"""The rows that are checked together: some days of the daily tables, and the directory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import polars as pl

from claims_pipeline.lake import Lake
from claims_pipeline.schema import CLAIMS, COVERAGES, DIRECTORY, PATIENTS

FINDING = pl.Schema({"check": pl.String, "table": pl.String, "day": pl.Date, "id": pl.String, "detail": pl.String})
"""Columns of findings: one row for each faulty row and check; `day` is null for tables without days."""


def current(versions: pl.LazyFrame) -> pl.DataFrame:
    """Return the last version of each claim that stands: not cancelled, entered in error or replaced by another claim.

    The lake may lack the day on which a replaced claim is cancelled.

    Args:
        versions: columns `day`, `claim_id`, `claim_status`, `version_number` and `replaced_claim_id` at least.
    """
    last = (
        versions.collect(engine="streaming")
        .sort("day", "version_number")
        .unique("claim_id", keep="last", maintain_order=True)
        .filter(~pl.col("claim_status").is_in(["cancelled", "entered-in-error"]))
    )
    replaced = last["replaced_claim_id"].drop_nulls()
    return last.filter(~pl.col("claim_id").is_in(replaced.implode()))


@dataclass(frozen=True)
class Chunk:
    """Rows of some days, each with its `day`, and the tables of the directory by name."""

    claims: pl.DataFrame
    patients: pl.DataFrame
    coverages: pl.DataFrame
    directory: dict[str, pl.DataFrame]

    @cached_property
    def lines(self) -> pl.DataFrame:
        """One row per service line, with the claim's `day`, `claim_id`, dates, number of diagnoses and patient."""
        return (
            self.members.select(
                "day",
                "claim_id",
                "claim_start_date",
                "claim_end_date",
                "birth_date",
                "gender",
                pl.col("diagnosis_codes").list.len().alias("diagnosis_count"),
                "lines",
            )
            .explode("lines", empty_as_null=False, keep_nulls=False)
            .unnest("lines")
        )

    @cached_property
    def diagnoses(self) -> pl.DataFrame:
        """One row per diagnosis of a claim: `diagnosis_code`, its `position` from 1, date of service and patient."""
        codes = pl.col("diagnosis_codes")
        return self.members.select(
            "day",
            "claim_id",
            "claim_start_date",
            "birth_date",
            "gender",
            pl.col("claim_start_date").alias("service_date"),
            codes.alias("diagnosis_code"),
            pl.int_ranges(1, codes.list.len() + 1).alias("position"),
        ).explode("diagnosis_code", "position", empty_as_null=False, keep_nulls=False)

    @cached_property
    def coded_lines(self) -> pl.DataFrame:
        """One row per service line with `service_date`, `pointed_diagnoses` and the `plan_type` of the coverage."""
        plans = self.coverages.unique(["day", "coverage_id"], keep="first").select("day", "coverage_id", "plan_type")
        pointed = pl.col("diagnosis_codes").list.gather(pl.col("diagnosis_pointers") - 1, null_on_oob=True)
        return (
            self.claims.join(plans, on=["day", "coverage_id"], how="left")
            .select("day", "claim_id", "plan_type", "diagnosis_codes", "lines")
            .explode("lines", empty_as_null=False, keep_nulls=False)
            .unnest("lines")
            .select(
                "day",
                "claim_id",
                "plan_type",
                "hcpcs_code",
                "unit_count",
                "place_of_service_code",
                pl.col("modifiers").fill_null([]),
                pl.col("line_service_date").alias("service_date"),
                pointed.fill_null([]).alias("pointed_diagnoses"),
            )
        )

    @cached_property
    def members(self) -> pl.DataFrame:
        """Claims with the patient's `birth_date` and `gender` as of the day, null if the patient is missing."""
        patients = self.patients.unique(["day", "patient_id"], keep="first")
        return self.claims.join(
            patients.select("day", "patient_id", "birth_date", "gender"), on=["day", "patient_id"], how="left"
        )

    @cached_property
    def covered(self) -> pl.DataFrame:
        """Claims with their coverage as of the day: `member`, `coverage_start_date`, `coverage_end_date`."""
        coverages = self.coverages.unique(["day", "coverage_id"], keep="first").select(
            "day", "coverage_id", "coverage_start_date", "coverage_end_date", member="patient_id"
        )
        return self.claims.join(coverages, on=["day", "coverage_id"], how="left")


def read_chunk(lake: Lake, days: Sequence[date], directory: dict[str, pl.DataFrame]) -> Chunk:
    """Return the rows of some days.

    Raises:
        DataError: a partition is missing.
    """
    claims, patients, coverages = (lake.scan(table, days).collect() for table in (CLAIMS, PATIENTS, COVERAGES))
    return Chunk(claims=claims, patients=patients, coverages=coverages, directory=directory)


def read_directory(lake: Lake) -> dict[str, pl.DataFrame]:
    """Return the tables without days.

    Raises:
        DataError: a table is missing.
    """
    return {table.name: lake.read(table) for table in DIRECTORY}


def found(
    check: str, table: str, rows: pl.DataFrame, *, key: str, detail: pl.Expr | str = "", has_day: bool = True
) -> pl.DataFrame:
    """Return `rows` as findings; `detail` is text or an expression over the rows."""
    text = pl.lit(detail) if isinstance(detail, str) else detail
    return rows.select(
        pl.lit(check).alias("check"),
        pl.lit(table).alias("table"),
        (pl.col("day") if has_day else pl.lit(None, dtype=pl.Date)).alias("day"),
        pl.col(key).cast(pl.String).alias("id"),
        text.cast(pl.String).alias("detail"),
    )
