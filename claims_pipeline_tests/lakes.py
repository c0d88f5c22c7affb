"""Small lakes made row by row from the declared tables, with ids of their own: for tests that share a server.

Day n (from 0) holds `claims_a_day` claims of patients in turn; each patient has one coverage. A patient of a lake
comes on many days with the same content.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from claims_pipeline import schema
from claims_pipeline.lake import Feed, Lake, require_feed
from claims_pipeline_tests.defaults import frame

START = date(2025, 1, 1)
ADDRESS = {"address_line": "1 Main Street", "city": "Springfield", "state": "IL", "zip_code": "62701"}


@dataclass(frozen=True)
class Shape:
    """How large a lake is, and the prefix of the ids in it."""

    prefix: str
    days: int = 3
    patients: int = 5
    claims_a_day: int = 4

    @property
    def dates(self) -> list[date]:
        return [START + timedelta(days=number) for number in range(self.days)]


def tiny_lake(root: Path, shape: Shape) -> Lake:
    """Write a lake and return it."""
    require_feed(
        root,
        Feed(
            seed=1,
            patients=shape.patients,
            claims=shape.days * shape.claims_a_day,
            start_date=shape.dates[0],
            end_date=shape.dates[-1],
        ),
    )
    lake = Lake(root)
    write(lake, schema.PAYERS, [{"payer_id": f"{shape.prefix}-payer", "payer_name": "Example Health"}])
    write(lake, schema.ORGANIZATIONS, [_organization(shape)])
    write(lake, schema.LOCATIONS, [_location(shape)])
    write(lake, schema.PRACTITIONERS, [_practitioner(shape)])
    for number, day in enumerate(shape.dates):
        claims = [claim(shape, day, index, patient_of(shape, number, index)) for index in range(shape.claims_a_day)]
        seen = sorted({row["patient_id"] for row in claims})
        write(lake, schema.PATIENTS, [patient(patient_id) for patient_id in seen], day)
        write(lake, schema.COVERAGES, [coverage(shape, patient_id) for patient_id in seen], day)
        write(lake, schema.CLAIMS, claims, day)
    return lake


def write(lake: Lake, table: schema.Table, rows: Sequence[Mapping[str, Any]], day: date | None = None) -> None:
    """Write one partition."""
    with lake.writer() as writer:
        writer.add(table, frame(table, rows), day)


def rewrite(lake: Lake, table: schema.Table, day: date, where: pl.Expr, **values: Any) -> None:
    """Give some rows of a partition other values."""
    before = lake.read(table, day)
    changed = [
        pl.when(where).then(pl.lit(value, dtype=before.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    ]
    with lake.writer() as writer:
        writer.add(table, before.with_columns(changed), day)


def without(lake: Lake, table: schema.Table, where: pl.Expr) -> None:
    """Take some rows out of the partition of the first day."""
    write(lake, table, lake.read(table, START).filter(~where).to_dicts(), START)


def move_each_day(lake: Lake, shape: Shape) -> None:
    """Give all patients another address on each day: "0 Street", "1 Street", ..."""
    for number, day in enumerate(shape.dates):
        rewrite(lake, schema.PATIENTS, day, pl.lit(True), address_line=f"{number} Street")


def cancelled_on_the_second_day(root: Path, prefix: str) -> tuple[Lake, Shape, str]:
    """Return a lake, its shape and a claim that is active on the first day and cancelled on the second."""
    shape = Shape(prefix, days=2, claims_a_day=1, patients=1)
    lake = tiny_lake(root, shape)
    first_day, second_day = shape.dates
    cancelled = claim(shape, first_day, 0, patient_of(shape, 0, 0), claim_status="cancelled", version_number=2)
    write(lake, schema.CLAIMS, [cancelled], second_day)
    return lake, shape, cancelled["claim_id"]


def patient_of(shape: Shape, day_number: int, index: int) -> str:
    return f"{shape.prefix}-patient-{(day_number + index) % shape.patients:03d}"


def patient(patient_id: str, **values: Any) -> dict[str, Any]:
    return {
        "patient_id": patient_id,
        "first_name": "Ada",
        "last_name": "Miller",
        "gender": "female",
        "birth_date": date(1980, 5, 17),
        "death_date": None,
        **ADDRESS,
        **values,
    }


def coverage(shape: Shape, patient_id: str) -> dict[str, Any]:
    return {
        "coverage_id": f"{patient_id}-coverage",
        "patient_id": patient_id,
        "payer_id": f"{shape.prefix}-payer",
        "plan_id": "plan-01-ppo",
        "plan_name": "Example PPO",
        "plan_type": "ppo",
        "member_id": "M0001",
        "dependent_number": 0,
        "subscriber_id": patient_id,
        "relationship": "self",
        "coverage_order": 1,
        "coverage_start_date": date(2025, 1, 1),
        "coverage_end_date": date(2025, 12, 31),
    }


def claim(shape: Shape, day: date, index: int, patient_id: str, **values: Any) -> dict[str, Any]:
    charge = Decimal("120.50")
    line = {
        "claim_line_number": 1,
        "hcpcs_code": "99213",
        "modifiers": [],
        "diagnosis_pointers": [1],
        "line_service_date": day,
        "place_of_service_code": "11",
        "unit_count": 1,
        "unit_charge_amount": charge,
        "charge_amount": charge,
    }
    return {
        "claim_id": f"{shape.prefix}-claim-{day:%Y%m%d}-{index:06d}",
        "claim_status": "active",
        "version_number": 1,
        "claim_frequency_code": "1",
        "replaced_claim_id": None,
        "received_date": day,
        "claim_start_date": day,
        "claim_end_date": day,
        "patient_id": patient_id,
        "patient_name": "Ada Miller",
        "coverage_id": f"{patient_id}-coverage",
        "payer_id": f"{shape.prefix}-payer",
        "organization_id": f"{shape.prefix}-organization",
        "billing_npi": "9000000002",
        "practitioner_id": f"{shape.prefix}-practitioner",
        "rendering_npi": "9000000010",
        "location_id": f"{shape.prefix}-location",
        "facility_city": "Springfield",
        "facility_state": "IL",
        "place_of_service_code": "11",
        "diagnosis_codes": ["I10"],
        "lines": [line],
        "total_charge_amount": charge,
        **values,
    }


def _organization(shape: Shape) -> dict[str, Any]:
    return {
        "organization_id": f"{shape.prefix}-organization",
        "npi": "9000000002",
        "organization_name": "Example Clinic",
        **ADDRESS,
    }


def _location(shape: Shape) -> dict[str, Any]:
    return {
        "location_id": f"{shape.prefix}-location",
        "organization_id": f"{shape.prefix}-organization",
        "location_name": "Example Clinic",
        "place_of_service_code": "11",
        **ADDRESS,
    }


def _practitioner(shape: Shape) -> dict[str, Any]:
    return {
        "practitioner_id": f"{shape.prefix}-practitioner",
        "npi": "9000000010",
        "first_name": "Grace",
        "last_name": "Hopper",
        "gender": "female",
        "specialty": "family_medicine",
        "taxonomy_code": "207Q00000X",
        "organization_id": f"{shape.prefix}-organization",
        "location_id": f"{shape.prefix}-location",
    }
