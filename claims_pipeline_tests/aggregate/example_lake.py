"""A lake small enough to know by heart.

Three patients, five claims, six versions, on three days of January and February 2025:

| claim | received | versions | status now | patient | state | lines (code, charge) |
| --- | --- | --- | --- | --- | --- | --- |
| claim-20250110-000000 | Jan 10 | active; cancelled on Feb 3 | cancelled | Ana | TX | 99213 150.00, 85025 20.50 |
| claim-20250110-000001 | Jan 10 | active | active | Ben | CA | 99214 200.00 |
| claim-20250111-000000 | Jan 11 | active | active | Ana | TX | 99213 150.00 |
| claim-20250203-000000 | Feb 3 | draft | draft | Cleo | TX | 99213 140.00 |
| claim-20250203-000001 | Feb 3 | active | active | Ben | CA | 99213 130.00, 85025 20.50 |

Ana moves from Austin to Dallas before February 3. Ben lives in California. He changes
from a marketplace plan to Medicare on January 16.
The population has a fourth person, whom no claim names.
"""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from claims_pipeline import schema
from claims_pipeline.lake import Feed, Lake, require_feed
from claims_pipeline_tests.defaults import frame

JAN_10, JAN_11, FEB_3 = date(2025, 1, 10), date(2025, 1, 11), date(2025, 2, 3)
ANA, BEN, CLEO, DAN = (f"patient-00000{number}" for number in (1, 2, 3, 4))
NAMES = {ANA: ("Ana", "Alvarez", "female"), BEN: ("Ben", "Brown", "male"), CLEO: ("Cleo", "Chan", "female")}
SPANS = {
    ANA: [("plan-01", date(2025, 1, 1), date(2025, 12, 31))],
    BEN: [("plan-01", date(2024, 1, 1), date(2025, 1, 15)), ("plan-02", date(2025, 1, 16), date(2025, 12, 31))],
    CLEO: [("plan-02", date(2025, 2, 1), date(2025, 12, 31))],
    DAN: [("plan-01", date(2026, 1, 1), date(2026, 12, 31))],
}
STATES = {ANA: "TX", BEN: "CA", CLEO: "TX", DAN: "NY"}
DOCTOR = {
    "practitioner_id": "practitioner-0001",
    "npi": "9000000002",
    "first_name": "Dora",
    "last_name": "Diaz",
    "gender": "female",
    "specialty": "family_medicine",
    "taxonomy_code": "207Q00000X",
    "organization_id": "organization-0001",
    "location_id": "location-0001",
}
ORGANIZATION = {"organization_id": "organization-0001", "organization_name": "Lakeside Clinic"}
LOCATION = {"location_id": "location-0001", "location_name": "Lakeside Clinic, Main St"}
FEED = Feed(seed=1, patients=4, claims=5, start_date=JAN_10, end_date=FEB_3)


def rows(analytics_path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query of an analytics file."""
    with duckdb.connect(analytics_path, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def write_example_lake(root: Path) -> Lake:
    """Write the lake that the module describes."""
    first = claim("claim-20250110-000000", ANA, "TX", {"99213": "150.00", "85025": "20.50"}, received_date=JAN_10)
    claims = {
        JAN_10: [first, claim("claim-20250110-000001", BEN, "CA", {"99214": "200.00"}, received_date=JAN_10)],
        JAN_11: [claim("claim-20250111-000000", ANA, "TX", {"99213": "150.00"}, received_date=JAN_11)],
        FEB_3: [
            first | {"claim_status": "cancelled", "version_number": 2},
            claim("claim-20250203-000000", CLEO, "TX", {"99213": "140.00"}, received_date=FEB_3)
            | {"claim_status": "draft"},
            claim("claim-20250203-000001", BEN, "CA", {"99213": "130.00", "85025": "20.50"}, received_date=FEB_3),
        ],
    }
    require_feed(root, FEED)
    lake = Lake(root)
    write_directory(lake)
    for day, rows in claims.items():
        write_day(lake, day, rows)
    return lake


def write_day(lake: Lake, day: date, claims: list[dict[str, Any]]) -> None:
    """Write one day's claims with the patients and coverages that they name."""
    patients = sorted({row["patient_id"] for row in claims})
    coverages = {row["coverage_id"]: row["patient_id"] for row in claims}
    with lake.writer() as writer:
        writer.add(schema.CLAIMS, _frame(schema.CLAIMS, claims), day)
        writer.add(schema.PATIENTS, _frame(schema.PATIENTS, [patient(one, day) for one in patients]), day)
        writer.add(schema.COVERAGES, _frame(schema.COVERAGES, [coverage(*one) for one in coverages.items()]), day)


def write_directory(lake: Lake) -> None:
    """Write the tables that have one file."""
    plans = [
        {"plan_id": "plan-01", "payer_id": "payer-01", "plan_name": "Bronze", "plan_type": "marketplace"},
        {"plan_id": "plan-02", "payer_id": "payer-02", "plan_name": "Medicare", "plan_type": "medicare"},
    ]
    payers = [{"payer_id": "payer-01", "payer_name": "Blue"}, {"payer_id": "payer-02", "payer_name": "CMS"}]
    people = [
        {
            "patient_id": patient_id,
            "gender": NAMES.get(patient_id, ("", "", "male"))[2],
            "birth_date": date(1960, 1, 1),
            "death_date": None,
            "spans": [
                {
                    "coverage_id": coverage_id(patient_id, start),
                    "coverage_order": 1,
                    "plan_id": plan_id,
                    "coverage_start_date": start,
                    "coverage_end_date": end,
                    "state": STATES[patient_id],
                }
                for plan_id, start, end in spans
            ],
        }
        for patient_id, spans in SPANS.items()
    ]
    with lake.writer() as writer:
        writer.add(schema.PAYERS, _frame(schema.PAYERS, payers))
        writer.add(schema.PLANS, _frame(schema.PLANS, plans))
        writer.add(schema.ORGANIZATIONS, _frame(schema.ORGANIZATIONS, [ORGANIZATION]))
        writer.add(schema.LOCATIONS, _frame(schema.LOCATIONS, [LOCATION]))
        writer.add(schema.PRACTITIONERS, _frame(schema.PRACTITIONERS, [DOCTOR]))
        writer.add(schema.ENROLLMENT, _frame(schema.ENROLLMENT, people))


def claim(
    claim_id: str, patient_id: str, state: str, charges: dict[str, str], *, received_date: date
) -> dict[str, Any]:
    """Return an active claim with one line for each procedure in `charges`."""
    lines = [
        {
            "claim_line_number": number,
            "hcpcs_code": code,
            "modifiers": [],
            "diagnosis_pointers": [1],
            "line_service_date": received_date,
            "place_of_service_code": "11",
            "unit_count": 1,
            "unit_charge_amount": Decimal(charge),
            "charge_amount": Decimal(charge),
        }
        for number, (code, charge) in enumerate(charges.items(), 1)
    ]
    _, start, _ = next(span for span in reversed(SPANS[patient_id]) if span[1] <= received_date)
    return {
        "claim_id": claim_id,
        "claim_status": "active",
        "version_number": 1,
        "claim_frequency_code": "1",
        "received_date": received_date,
        "claim_start_date": received_date,
        "claim_end_date": received_date,
        "patient_id": patient_id,
        "patient_name": " ".join(NAMES[patient_id][:2]),
        "coverage_id": coverage_id(patient_id, start),
        "payer_id": "payer-01",
        "organization_id": "organization-0001",
        "billing_npi": "9000000001",
        "practitioner_id": "practitioner-0001",
        "rendering_npi": "9000000002",
        "location_id": "location-0001",
        "facility_city": {"TX": "Austin", "CA": "Fresno"}[state],
        "facility_state": state,
        "place_of_service_code": "11",
        "diagnosis_codes": ["I10"],
        "lines": lines,
        "total_charge_amount": sum((Decimal(charge) for charge in charges.values()), Decimal()),
    }


def patient(patient_id: str, day: date) -> dict[str, Any]:
    """Return a row of `patients`."""
    first_name, last_name, gender = NAMES[patient_id]
    return {
        "patient_id": patient_id,
        "first_name": first_name,
        "last_name": last_name,
        "gender": gender,
        "birth_date": date(1960, 1, 1),
        "death_date": None,
        "address_line": "1 Main St",
        "city": "Fresno" if patient_id == BEN else "Dallas" if patient_id == ANA and day >= FEB_3 else "Austin",
        "state": STATES[patient_id],
        "zip_code": "73301",
    }


def coverage(coverage_id: str, patient_id: str) -> dict[str, Any]:
    """Return a row of `coverages`."""
    plan_id, start, end = next(span for span in SPANS[patient_id] if f"{span[1]:%Y%m%d}" in coverage_id)
    return {
        "coverage_id": coverage_id,
        "patient_id": patient_id,
        "payer_id": plan_id.replace("plan", "payer"),
        "plan_id": plan_id,
        "plan_name": "Plan",
        "plan_type": "marketplace",
        "member_id": "M1",
        "dependent_number": 0,
        "subscriber_id": patient_id,
        "relationship": "self",
        "coverage_order": 1,
        "coverage_start_date": start,
        "coverage_end_date": end,
    }


def coverage_id(patient_id: str, start: date) -> str:
    """Return the id of a coverage."""
    return f"coverage-{patient_id.removeprefix('patient-')}-{start:%Y%m%d}"


def _frame(table: schema.Table, rows: list[dict[str, Any]]) -> pl.DataFrame:
    return table.conform(frame(table, rows))
