"""Checks of ids, references, coverage, dates and the shape of claims."""

import polars as pl

from claims_pipeline.quality.chunk import Chunk, found

STATUSES = ("active", "cancelled", "draft", "entered-in-error")


def unique_ids(chunk: Chunk) -> pl.DataFrame:
    """Every id occurs only once within a day."""
    parts = [
        found(
            "unique_ids", table, frame.filter(pl.struct("day", key).is_duplicated()), key=key, detail="twice in a day"
        )
        for table, frame, key in (
            ("claims", chunk.claims, "claim_id"),
            ("patients", chunk.patients, "patient_id"),
            ("coverages", chunk.coverages, "coverage_id"),
        )
    ]
    return pl.concat(parts)


def closed_references(chunk: Chunk) -> pl.DataFrame:
    """References of a row are in the lake: people and coverages on the same day, the others in the directory."""
    directory, claims, coverages = chunk.directory, chunk.claims, chunk.coverages
    subscribers = chunk.patients.rename({"patient_id": "subscriber_id"})
    same_day = (
        ("claims", claims, "claim_id", "patient_id", chunk.patients),
        ("claims", claims, "claim_id", "coverage_id", coverages),
        ("coverages", coverages, "coverage_id", "patient_id", chunk.patients),
        ("coverages", coverages, "coverage_id", "subscriber_id", subscribers),
    )
    in_directory = (
        ("claims", claims, "claim_id", "payer_id", directory["payers"]),
        ("claims", claims, "claim_id", "organization_id", directory["organizations"]),
        ("claims", claims, "claim_id", "practitioner_id", directory["practitioners"]),
        ("claims", claims, "claim_id", "location_id", directory["locations"]),
        ("coverages", coverages, "coverage_id", "payer_id", directory["payers"]),
        ("coverages", coverages, "coverage_id", "plan_id", directory["plans"]),
    )
    open_rows = [
        (table, key, name, frame.join(target, on=on, how="anti"))
        for rows, on_day in ((same_day, ["day"]), (in_directory, []))
        for table, frame, key, name, target in rows
        for on in [[*on_day, name]]
    ]
    return pl.concat(
        found("closed_references", table, rows, key=key, detail=pl.concat_str(pl.lit(f"{name} "), name))
        for table, key, name, rows in open_rows
    )


def service_within_coverage(chunk: Chunk) -> pl.DataFrame:
    """The coverage is the patient's and covers all days of service."""
    start, end = pl.col("coverage_start_date"), pl.col("coverage_end_date")
    outside = (pl.col("claim_start_date") < start) | (pl.col("claim_end_date") > end)
    rows = chunk.covered.filter(outside | (pl.col("member") != pl.col("patient_id")))
    detail = pl.format("{} .. {} of {}", start, end, "coverage_id")
    return found("service_within_coverage", "claims", rows, key="claim_id", detail=detail)


def dates_in_order(chunk: Chunk) -> pl.DataFrame:
    """Birth, service, receipt and the day are in this order, and birth and death; lines lie within the claim."""
    start, end, received = pl.col("claim_start_date"), pl.col("claim_end_date"), pl.col("received_date")
    claims = chunk.members.filter((pl.col("birth_date") > start) | (start > end) | (end > received))
    line = pl.col("line_service_date")
    lines = chunk.lines.filter((line < start) | (line > end)).unique(["day", "claim_id"])
    born, died = pl.col("birth_date"), pl.col("death_date")
    patients = chunk.patients.filter((died < born) | (died > pl.col("day")))
    periods = chunk.coverages.filter(pl.col("coverage_start_date") > pl.col("coverage_end_date"))
    return pl.concat(
        [
            found("dates_in_order", "claims", claims, key="claim_id", detail=pl.format("{} .. {}", start, end)),
            found("dates_in_order", "claims", lines, key="claim_id", detail=pl.format("line of {}", line)),
            found(
                "dates_in_order", "patients", patients, key="patient_id", detail="dies before birth or after the day"
            ),
            found("dates_in_order", "coverages", periods, key="coverage_id", detail="ends before it starts"),
        ]
    )


def received_by_its_day(chunk: Chunk) -> pl.DataFrame:
    """No claim is received after the day of its partition; the first version, and no other, is received on it."""
    received, day = pl.col("received_date"), pl.col("day")
    rows = chunk.claims.filter((received > day) | ((pl.col("version_number") == 1) != (received == day)))
    return found("received_by_its_day", "claims", rows, key="claim_id", detail=pl.format("received {}", received))


def complete_claims(chunk: Chunk) -> pl.DataFrame:
    """A claim has a known status, lines numbered from 1, one to four diagnoses, and lines that point to them."""
    number = pl.col("lines").list.eval(pl.element().struct.field("claim_line_number"))
    expected = pl.int_ranges(1, pl.col("lines").list.len().cast(pl.Int32) + 1, dtype=pl.Int32)
    diagnoses = pl.col("diagnosis_codes").list.len()
    broken = (
        ~pl.col("claim_status").is_in(STATUSES)
        | (pl.col("lines").list.len() == 0)
        | (number != expected)
        | ~diagnoses.is_between(1, 4)
    )
    pointers = pl.col("diagnosis_pointers")
    astray = (pointers.list.len() == 0) | (pointers.list.max() > pl.col("diagnosis_count")) | (pointers.list.min() < 1)
    lines = chunk.lines.filter(astray).unique(["day", "claim_id"])
    return pl.concat(
        [
            found(
                "complete_claims",
                "claims",
                chunk.claims.filter(broken),
                key="claim_id",
                detail="status, lines or diagnoses",
            ),
            found("complete_claims", "claims", lines, key="claim_id", detail="points to no diagnosis of the claim"),
        ]
    )
