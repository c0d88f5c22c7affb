"""Irregular coding of a claim: upcoding, wrong new patients, unbundling, missing diagnoses, impossible units."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from claims_pipeline.generate.irregularities.planting import Planting, counters, marks_at, recoded
from claims_pipeline.generate.numbers.identifiers import numbered
from claims_pipeline.generate.schedule.lifecycle import CANCELLED, last_statuses
from claims_pipeline.generate.years.history import NEW_AFTER
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table
from claims_pipeline.schema import VISITS

UPCODING, NEW_PATIENT, UNBUNDLING, MISSING, UNITS = (
    "upcoding",
    "new_patient",
    "unbundling",
    "missing_diagnosis",
    "units",
)
FEWEST_VISITS = 30
"""Established office visits of a year that a practitioner needs to be made to code them at the highest level."""

AS_NEW = {"99212": "99202", "99213": "99203", "99214": "99204", "99215": "99205"}
HIGHEST = "99215"
RAISED = {"99212": HIGHEST, "99213": HIGHEST, "99214": HIGHEST}
UNBUNDLED = {"80053": "80048", "81001": "81003", "93000": "93010", "94060": "94010", "45385": "45378"}
"""Procedures and a part of each that is billed beside it (coding_rules.csv, not_with_procedure)."""

IMPOSSIBLE_UNITS = 11
"""Units of a service that is given once a day: a digit typed twice. More than coding_rules.csv (most_units) allows."""


def with_upcoding(year: Planting, feed: Feed) -> Planting:
    """Let some practitioners bill each established office visit at the highest level, but for replaced claims."""
    level = year.first_of([*RAISED, HIGHEST])
    practitioner = year.frame["practitioner"].to_numpy().astype(np.int64)
    visits = np.bincount(practitioner[level != ""], minlength=practitioner.max() + 1)
    numbers = np.arange(len(visits))
    is_high = year.draws.uniform(f"irregularity/{UPCODING}", numbers) < feed.irregularities
    is_raised = (is_high & (visits >= FEWEST_VISITS))[practitioner] & np.isin(level, list(RAISED))
    rows = np.flatnonzero(is_raised & year.is_free)
    details = pl.select(
        pl.format(
            "{} billed as {} by {}",
            pl.lit(pl.Series(level[rows])),
            pl.lit(HIGHEST),
            pl.lit(numbered("practitioner", practitioner[rows])),
        )
    ).to_series()
    return year.with_irregular(recoded(year.frame, rows, RAISED), rows, UPCODING, details)


def with_wrong_new_patients(year: Planting, wanted: float, earlier: Sequence[pl.DataFrame]) -> Planting:
    """Bill established patients as new, though a visit to the same practitioner is known, in the year or `earlier`."""
    keys = ["person", "practitioner", "service_date"]
    same = pl.struct("person", "practitioner")
    known = [_not_cancelled(year, frame).select(keys) for frame in (*earlier, year.frame)]
    visits = pl.concat(known).unique().sort(keys)
    last = visits.with_columns(last=pl.col("service_date").shift(1).over(same))
    days = year.frame.select(keys).join(last, on=keys, how="left", maintain_order="left")
    gap = (days["service_date"] - days["last"]).dt.total_days().fill_null(NEW_AFTER).to_numpy()
    level = year.first_of(list(AS_NEW))
    rows = year.chosen(NEW_PATIENT, (gap < NEW_AFTER) & (level != ""), wanted)
    is_new = year.frame["is_new_patient"].to_numpy().copy()
    is_new[rows] = True
    frame = recoded(year.frame, rows, AS_NEW).with_columns(is_new_patient=pl.Series(is_new))
    details = pl.Series([f"{code} billed as {AS_NEW[code]}" for code in level[rows]], dtype=pl.String)
    before = days[rows].select("person", "practitioner", service_date="last").unique()
    is_before = year.frame.select(keys).join(
        before.with_columns(is_before=True), on=keys, how="left", maintain_order="left"
    )
    return year.with_irregular(frame, rows, NEW_PATIENT, details, is_before["is_before"].fill_null(False).to_numpy())


def _not_cancelled(year: Planting, visits: pl.DataFrame) -> pl.DataFrame:
    """Return the visits whose claims do not end as cancelled."""
    return visits.filter(last_statuses(year.draws, counters(visits)) != CANCELLED)


def with_unbundling(year: Planting, wanted: float) -> Planting:
    """Bill a part of a procedure beside the whole."""
    whole = year.first_of(list(UNBUNDLED))
    part = np.array([UNBUNDLED.get(code, "") for code in whole])
    has_part = year.first_of(list(UNBUNDLED.values())) != ""
    rows = year.chosen(UNBUNDLING, (whole != "") & ~has_part, wanted)
    added = marks_at(year.frame.height, rows)
    more = {
        "hcpcs_codes": pl.lit(pl.Series(part)),
        "diagnosis_pointers": pl.lit(1, pl.Int32),
        "unit_counts": pl.lit(1, pl.Int32),
    }
    frame = year.frame.with_columns(
        pl.when(added).then(pl.col(name).list.concat(value)).otherwise(pl.col(name)).alias(name)
        for name, value in more.items()
    ).cast(VISITS.polars_schema)
    details = pl.Series([f"{UNBUNDLED[code]} beside {code}" for code in whole[rows]], dtype=pl.String)
    return year.with_irregular(frame, rows, UNBUNDLING, details)


def with_missing_diagnoses(year: Planting, wanted: float) -> Planting:
    """Leave out the diagnosis that another one must be followed by."""
    codes = year.frame["diagnosis_codes"]
    last = codes.list.last().fill_null("").to_numpy().astype(str)
    must_be = np.zeros(len(codes), dtype=np.bool_)
    rules = read_table("coding_rules").filter(pl.col("kind") == "followed_by")
    for code, others in rules.select("code", "others").iter_rows():
        has_code = year.frame.select(
            pl.col("diagnosis_codes").list.eval(pl.element().str.starts_with(code)).list.any().fill_null(False)
        ).to_series()
        is_other = np.any([np.char.startswith(last, other) for other in others.split()], axis=0)
        must_be |= has_code.to_numpy() & is_other & ~np.char.startswith(last, code)
    rows = year.chosen(MISSING, must_be, wanted)
    left_out = marks_at(year.frame.height, rows)
    shorter = pl.col("diagnosis_codes").list.head(pl.col("diagnosis_codes").list.len() - 1)
    length = pl.col("diagnosis_codes").list.len().cast(pl.Int32) - 1
    pointers = (
        year.frame.select(
            pl.int_range(pl.len()).alias("row"), length.alias("length"), pl.col("diagnosis_pointers").alias("pointer")
        )
        .explode("pointer", empty_as_null=False)
        .select(
            "row",
            pl.when(pl.col("pointer") > pl.col("length")).then(1).otherwise("pointer").cast(pl.Int32).alias("pointer"),
        )
        .group_by("row", maintain_order=True)
        .agg("pointer")["pointer"]
    )
    frame = year.frame.with_columns(
        pl.when(left_out).then(pl.lit(pointers)).otherwise(pl.col("diagnosis_pointers")).alias("diagnosis_pointers"),
        pl.when(left_out).then(shorter).otherwise(pl.col("diagnosis_codes")).alias("diagnosis_codes"),
    )
    details = pl.Series([f"{code} left out" for code in last[rows]], dtype=pl.String)
    return year.with_irregular(frame, rows, MISSING, details)


def with_impossible_units(year: Planting, wanted: float) -> Planting:
    """Bill a service that is given once a day in many units."""
    rules = read_table("coding_rules").filter(pl.col("kind") == "most_units")
    once = tuple(code for codes in rules["code"] for code in codes.split())
    given = [code for code in read_table("procedures")["hcpcs_code"] if code.startswith(once)]
    code = year.first_of(given)
    rows = year.chosen(UNITS, code != "", wanted)
    lines = pl.DataFrame(
        {
            "row": rows,
            "code": code[rows],
            "codes": year.frame["hcpcs_codes"][rows],
            "units": year.frame["unit_counts"][rows],
        }
    ).explode("codes", "units")
    units = pl.when(pl.col("codes") == pl.col("code")).then(IMPOSSIBLE_UNITS).otherwise("units").cast(pl.Int32)
    changed = lines.group_by("row", maintain_order=True).agg(units.alias("units"))
    frame = (
        year.frame.with_row_index("row")
        .with_columns(pl.col("row").cast(pl.Int64))
        .join(changed, on="row", how="left", maintain_order="left")
        .with_columns(unit_counts=pl.coalesce("units", "unit_counts"))
        .select(year.frame.columns)
    )
    details = pl.Series([f"{IMPOSSIBLE_UNITS} units of {one}" for one in code[rows]], dtype=pl.String)
    return year.with_irregular(frame, rows, UNITS, details)
