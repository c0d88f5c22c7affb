"""Statistics of a feed for stats.json: totals and shares over the current state of a range of days."""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from claims_pipeline.files import write_atomically
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.reference import diagnosis_labels, procedure_labels
from claims_pipeline.schema import CLAIMS, COVERAGES, PATIENTS

TOP = 10
VERSIONS_AT_ONCE = 50_000
"""Number of versions of claims, about, that are in memory at a time; those of a day are never divided."""
PEOPLE_AT_ONCE = 500_000
"""Number of people of some days, about, that are kept until those are dropped who were seen before."""
_COUNTED = ("claim_status", "plan_type", "facility_state", "procedure", "diagnosis")
_GENDERS_SCHEMA = pl.Schema({"patient_id": pl.UInt64(), "gender": pl.Categorical()})
_COUNTS_SCHEMA = pl.Schema({"name": pl.String(), "value": pl.String(), "len": pl.UInt32()})


def statistics(lake: Lake, feed: Feed, days: Iterable[date] | None = None) -> dict[str, Any]:
    """Return the statistics of some days of a lake (default: all).

    Each claim counts once, in its latest version and with its coverage of that day; each patient counts once. Charges
    are of active claims; procedures and diagnoses are of claims that are not cancelled.
    """
    chosen = sorted(set(lake.days(CLAIMS) if days is None else days))
    charges, counts, seen = Decimal(0), [_COUNTS_SCHEMA.to_frame()], [_GENDERS_SCHEMA.to_frame()]
    for days_of_chunk, claims in _latest_versions(lake, chosen):
        active = claims.filter(pl.col("claim_status") == "active")
        charges += Decimal(str(active["total_charge_amount"].sum() or 0))
        plans = lake.read_days(COVERAGES, days_of_chunk, "coverage_id", "plan_type")
        plan_of = plans.unique("coverage_id", keep="last", maintain_order=True)
        counts += _counts(claims.join(plan_of, on="coverage_id", how="left"))
        patient = pl.col("patient_id").hash()  # of millions of people texts would take more memory than all else
        people = lake.read_days(PATIENTS, days_of_chunk, patient, pl.col("gender").cast(pl.Categorical))
        # others only hold the policy of somebody seen
        seen.append(people.unique("patient_id", keep="last").join(claims.select(patient), on="patient_id", how="semi"))
        if sum(frame.height for frame in seen[1:]) > PEOPLE_AT_ONCE:
            seen = [pl.concat(seen).unique("patient_id", keep="last")]
    by_name = pl.concat(counts).group_by("name", "value").agg(pl.col("len").sum())
    genders = pl.concat(seen).unique("patient_id", keep="last").cast({"gender": pl.String})

    counted = {name: by_name.filter(pl.col("name") == name).select("value", "len") for name in _COUNTED}
    return {
        "feed": feed.model_dump(mode="json"),
        "start_date": str(min(chosen)),
        "end_date": str(max(chosen)),
        "claims": int(counted["claim_status"]["len"].sum()),
        "charge_amount": str(charges),
        "population": feed.patients,
        "patients_seen": genders.height,
        "status": _shares(counted["claim_status"]),
        "gender": _shares(genders.group_by("gender").len()),
        "plan_type": _shares(counted["plan_type"]),
        "state": _shares(counted["facility_state"]),
        "top_procedures": _top(counted["procedure"], procedure_labels()),
        "top_diagnoses": _top(counted["diagnosis"], diagnosis_labels()),
    }


def _latest_versions(lake: Lake, days: list[date]) -> Iterator[tuple[list[date], pl.DataFrame]]:
    """Yield the latest version of each claim of some days, some days at a time, and these days."""
    is_latest, by_day = _versions(lake, days)
    chunk = ((pl.col("len").cum_sum() - pl.col("len")) // VERSIONS_AT_ONCE).alias("chunk")
    chunks = by_day.group_by(chunk, maintain_order=True).agg("day", pl.col("len").sum())
    columns = ("coverage_id", "patient_id", "claim_status", "facility_state", "total_charge_amount")
    codes = pl.col("lines").list.eval(pl.element().struct.field("hcpcs_code")).alias("procedure")
    first = 0
    for of_chunk, count in chunks.select("day", "len").iter_rows():
        claims = lake.read_days(CLAIMS, of_chunk, *columns, codes, pl.col("diagnosis_codes").alias("diagnosis"))
        yield of_chunk, claims.filter(is_latest.slice(first, count))
        first += count


def _versions(lake: Lake, days: list[date]) -> tuple[pl.Series, pl.DataFrame]:
    """Return which versions of some days are the latest of their claim, and how many there are each day."""
    ids = lake.read_days(CLAIMS, days, "day", pl.col("claim_id").hash())
    return ids["claim_id"].is_last_distinct(), ids.group_by("day", maintain_order=True).len()


def _counts(claims: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield how often each value of a column is there: name of the column, value, len."""
    billed = claims.filter(pl.col("claim_status") != "cancelled")
    for name in _COUNTED:
        is_code = name in ("procedure", "diagnosis")
        values = billed[name].explode() if is_code else claims[name]
        counts = values.drop_nulls().alias("value").value_counts(name="len")
        yield counts.select(pl.lit(name).alias("name"), "value", "len")


def write_statistics(path: Path, facts: dict[str, Any]) -> None:
    """Write statistics as JSON, atomically; a file with equal content is not touched."""
    content = json.dumps(facts, indent=2).encode() + b"\n"
    if not path.exists() or path.read_bytes() != content:
        write_atomically(path, content)


def _shares(counts: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Return count and share by value, the most frequent first."""
    value = counts.columns[0]
    total = counts["len"].sum() or 1
    ordered = counts.sort([pl.col("len"), pl.col(value)], descending=[True, False])
    return {name: {"count": count, "share": round(count / total, 4)} for name, count in ordered.iter_rows()}


def _top(counts: pl.DataFrame, labels: dict[str, str]) -> list[dict[str, Any]]:
    """Return the most frequent codes with their share of all."""
    total = counts["len"].sum() or 1
    top = counts.sort([pl.col("len"), pl.col("value")], descending=[True, False]).head(TOP)
    return [
        {"code": code, "label": labels.get(code, ""), "count": count, "share": round(count / total, 4)}
        for code, count in top.iter_rows()
    ]
