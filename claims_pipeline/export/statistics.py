"""Statistics of a feed for stats.json: totals and shares over the state at the feed's last day."""

import json
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.files import write_atomically
from claims_pipeline.generate import are_latest, patient_indices
from claims_pipeline.lake import Feed
from claims_pipeline.reference import diagnosis_labels, procedure_labels

TOP = 10


@dataclass
class FeedTally:
    """Counts what a feed holds while its tables are made, some days at a time; the order of the days does not matter.

    Each claim counts once, in its latest version and with its coverage of that day; each patient with a claim counts
    once. Charges are of active claims; procedures and diagnoses are of claims that are not cancelled.
    """

    feed: Feed
    _charges: Decimal = field(init=False, default=Decimal(0))
    _counts: Counter[tuple[str, str]] = field(init=False, default_factory=Counter)
    _is_seen: NDArray[np.bool_] = field(init=False)
    _is_female: NDArray[np.bool_] = field(init=False)
    _lock: Lock = field(init=False, default_factory=Lock)

    def __post_init__(self) -> None:
        self._is_seen, self._is_female = np.zeros((2, self.feed.patients), dtype=np.bool_)

    def add(self, patients: pl.DataFrame, coverages: pl.DataFrame, claims: pl.DataFrame) -> None:
        """Count the rows of some days, which have their `day`. Threads may add at the same time."""
        codes = pl.col("lines").list.eval(pl.element().struct.field("hcpcs_code")).alias("procedure")
        latest = (
            claims.select(
                *("day", "patient_id", "coverage_id", "claim_status", "facility_state", "total_charge_amount"),
                codes,
                pl.col("diagnosis_codes").alias("diagnosis"),
            )
            .filter(are_latest(self.feed, claims))
            .join(coverages.select("day", "coverage_id", "plan_type"), on=["day", "coverage_id"], how="left")
        )
        billed = latest.filter(pl.col("claim_status") != "cancelled")
        columns = [latest[name] for name in ("claim_status", "plan_type", "facility_state")]
        columns += [billed[name].explode() for name in ("procedure", "diagnosis")]
        counts = [column.drop_nulls().value_counts() for column in columns]
        charges = latest.filter(pl.col("claim_status") == "active")["total_charge_amount"].sum() or 0
        with self._lock:
            self._charges += Decimal(str(charges))
            for of_column in counts:
                name = of_column.columns[0]
                self._counts.update({(name, value): count for value, count in of_column.iter_rows()})
            self._is_seen[patient_indices(latest["patient_id"])] = True
            self._is_female[patient_indices(patients["patient_id"])] = patients["gender"] == "female"

    def facts(self) -> dict[str, Any]:
        """Return the statistics of what was added."""
        counted = {name: self._counted(name) for name in ("claim_status", "plan_type", "facility_state")}
        of_seen = self._is_female[self._is_seen]
        genders = +Counter({"female": int(of_seen.sum()), "male": int((~of_seen).sum())})  # without a zero
        return {
            "feed": self.feed.model_dump(mode="json"),
            "start_date": str(self.feed.start_date),
            "end_date": str(self.feed.end_date),
            "claims": counted["claim_status"].total(),
            "charge_amount": str(self._charges),
            "population": self.feed.patients,
            "patients_seen": genders.total(),
            "status": _shares(counted["claim_status"]),
            "gender": _shares(genders),
            "plan_type": _shares(counted["plan_type"]),
            "state": _shares(counted["facility_state"]),
            "top_procedures": _top(self._counted("procedure"), procedure_labels()),
            "top_diagnoses": _top(self._counted("diagnosis"), diagnosis_labels()),
        }

    def _counted(self, name: str) -> Counter[str]:
        return Counter({value: count for (of, value), count in self._counts.items() if of == name})


def write_statistics(path: Path, facts: dict[str, Any]) -> None:
    """Write statistics as JSON, atomically; a file with equal content is not touched."""
    content = json.dumps(facts, indent=2).encode() + b"\n"
    if not path.exists() or path.read_bytes() != content:
        write_atomically(path, content)


def _ordered(counts: Counter[str]) -> list[tuple[str, int]]:
    """Return values and counts, the most frequent first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _shares(counts: Counter[str]) -> dict[str, dict[str, float]]:
    """Return count and share by value, the most frequent first."""
    return {value: {"count": count, "share": round(count / counts.total(), 4)} for value, count in _ordered(counts)}


def _top(counts: Counter[str], labels: dict[str, str]) -> list[dict[str, Any]]:
    """Return the most frequent codes with their share of all."""
    return [
        {"code": code, "label": labels.get(code, ""), "count": count, "share": round(count / counts.total(), 4)}
        for code, count in _ordered(counts)[:TOP]
    ]
