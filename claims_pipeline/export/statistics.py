"""Statistics of a feed for stats.json: totals and shares over the current state of a range of days."""

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from claims_pipeline.files import write_atomically
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.reference import diagnosis_labels, procedure_labels
from claims_pipeline.schema import CLAIMS, COVERAGES, PATIENTS

TOP = 10


def statistics(lake: Lake, feed: Feed, days: Iterable[date] | None = None) -> dict[str, Any]:
    """Return the statistics of some days of a lake (default: all).

    Each claim counts once, in its latest version; each patient and coverage once, in its latest state.
    """
    chosen = lake.days(CLAIMS) if days is None else list(days)
    claims = lake.scan(CLAIMS, chosen)
    versions = claims.select(pl.col("claim_id").hash()).collect()["claim_id"]
    superseded = pl.LazyFrame({"row": (~versions.is_last_distinct()).arg_true()})
    latest = claims.with_row_index("row").join(superseded, on="row", how="anti")
    people = lake.scan(PATIENTS, chosen).group_by("patient_id").agg(pl.col("gender").last())
    seen = people.join(claims, on="patient_id", how="semi")  # others only hold the policy of somebody seen
    coverages = lake.scan(COVERAGES, chosen).select("coverage_id", "plan_type").unique()
    plans = latest.group_by("coverage_id").len().join(coverages, on="coverage_id").group_by("plan_type")
    codes = pl.col("lines").list.eval(pl.element().struct.field("hcpcs_code"))
    totals, genders, by_plan, states, statuses, procedures, diagnoses = pl.collect_all(
        [
            latest.select(pl.len().alias("claims"), pl.col("total_charge_amount").sum().cast(pl.String)),
            seen.group_by("gender").len(),
            plans.agg(pl.col("len").sum()),
            latest.group_by("facility_state").len(),
            latest.group_by("claim_status").len(),
            _counts(latest.select(codes.alias("code"))),
            _counts(latest.select(pl.col("diagnosis_codes").alias("code"))),
        ]
    )
    return {
        "feed": feed.model_dump(mode="json"),
        "start_date": str(min(chosen)),
        "end_date": str(max(chosen)),
        "claims": totals["claims"].item(),
        "charge_amount": totals["total_charge_amount"].item(),
        "population": feed.patients,
        "patients_seen": int(genders["len"].sum()),
        "status": _shares(statuses),
        "gender": _shares(genders),
        "plan_type": _shares(by_plan),
        "state": _shares(states),
        "top_procedures": _top(procedures, procedure_labels()),
        "top_diagnoses": _top(diagnoses, diagnosis_labels()),
    }


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


def _counts(codes: pl.LazyFrame) -> pl.LazyFrame:
    """Return how often each code is there."""
    return codes.explode("code").group_by("code").len()


def _top(counts: pl.DataFrame, labels: dict[str, str]) -> list[dict[str, Any]]:
    """Return the most frequent codes with their share of all."""
    total = counts["len"].sum() or 1
    top = counts.sort([pl.col("len"), pl.col("code")], descending=[True, False]).head(TOP)
    return [
        {"code": code, "label": labels.get(code, ""), "count": count, "share": round(count / total, 4)}
        for code, count in top.iter_rows()
    ]
