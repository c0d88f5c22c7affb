"""Every table of the lake, declared once: name, type, unit and meaning of each column.

Parquet files, Dagster column schemas, the data dictionary and the tests are derived from this module.
Column names follow the vocabulary of claims data (Tuva's input layer).
Money is Decimal(12, 2) in US dollars, never a float.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

USD = pl.Decimal(12, 2)


@dataclass(frozen=True)
class Column:
    """One column: `unit` is empty where the type says it all; `fhir` is the element it becomes."""

    name: str
    dtype: pl.DataType
    meaning: str
    unit: str = ""
    fhir: str = ""
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """One table. `is_daily` tables have a partition a day, the others one file."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    is_daily: bool = False

    @property
    def polars_schema(self) -> pl.Schema:
        """Column names and types, in file order."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    def conform(self, frame: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
        """Return the declared columns of `frame`, in order, cast to their types, sorted by the key."""
        declared = [pl.col(column.name).cast(column.dtype) for column in self.columns]
        return frame.lazy().select(declared).sort(self.key).collect()


TEXT, INTEGER, DATE = pl.String(), pl.Int32(), pl.Date()

_ADDRESS = (
    Column("address_line", TEXT, "Street and number", fhir="address.line"),
    Column("city", TEXT, "City", fhir="address.city"),
    Column("state", TEXT, "Two-letter state", fhir="address.state"),
    Column("zip_code", TEXT, "Five-digit ZIP code", fhir="address.postalCode"),
)

PAYERS = Table(
    "payers",
    "one row per payer",
    ("payer_id",),
    (
        Column("payer_id", TEXT, "Payer", fhir="Organization.id"),
        Column("payer_name", TEXT, "Name of the payer", fhir="Organization.name"),
    ),
)

PLANS = Table(
    "plans",
    "one row per insurance plan",
    ("plan_id",),
    (
        Column("plan_id", TEXT, "Plan", fhir="Coverage.class.value"),
        Column("payer_id", TEXT, "Payer that runs the plan", fhir="Coverage.payor"),
        Column("plan_name", TEXT, "Name of the plan", fhir="Coverage.class.name"),
        Column("plan_type", TEXT, "ppo, hmo, high_deductible, marketplace, medicare, medicare_advantage, medicaid"),
    ),
)

ORGANIZATIONS = Table(
    "organizations",
    "one row per billing provider",
    ("organization_id",),
    (
        Column("organization_id", TEXT, "Billing provider", fhir="Organization.id"),
        Column("npi", TEXT, "National Provider Identifier", fhir="Organization.identifier"),
        Column("organization_name", TEXT, "Name", fhir="Organization.name"),
        *_ADDRESS,
    ),
)

LOCATIONS = Table(
    "locations",
    "one row per site of care",
    ("location_id",),
    (
        Column("location_id", TEXT, "Site of care", fhir="Location.id"),
        Column("organization_id", TEXT, "Who runs it", fhir="Location.managingOrganization"),
        Column("location_name", TEXT, "Name", fhir="Location.name"),
        Column("place_of_service_code", TEXT, "CMS place of service", fhir="Location.type"),
        *_ADDRESS,
    ),
)

PRACTITIONERS = Table(
    "practitioners",
    "one row per rendering provider",
    ("practitioner_id",),
    (
        Column("practitioner_id", TEXT, "Rendering provider", fhir="Practitioner.id"),
        Column("npi", TEXT, "National Provider Identifier", fhir="Practitioner.identifier"),
        Column("first_name", TEXT, "Given name", fhir="Practitioner.name.given"),
        Column("last_name", TEXT, "Family name", fhir="Practitioner.name.family"),
        Column("gender", TEXT, "female or male", fhir="Practitioner.gender"),
        Column("specialty", TEXT, "Specialty, our key into reference/specialties.csv"),
        Column("taxonomy_code", TEXT, "NUCC taxonomy", fhir="Practitioner.qualification.code"),
        Column("organization_id", TEXT, "Billing provider they work for"),
        Column("location_id", TEXT, "Site where they usually work"),
    ),
)

ENROLLMENT = Table(
    "enrollment",
    "one row per person of the population",
    ("patient_id",),
    (
        Column("patient_id", TEXT, "Person"),
        Column("gender", TEXT, "female or male"),
        Column("birth_date", DATE, "Date of birth"),
        Column("condition_codes", pl.List(pl.String()), "Chronic conditions, ICD-10-CM"),
        Column(
            "spans",
            pl.List(
                pl.Struct(
                    {
                        "coverage_id": pl.String(),
                        "plan_id": pl.String(),
                        "coverage_start_date": pl.Date(),
                        "coverage_end_date": pl.Date(),
                    }
                )
            ),
            "Spans of coverage in order, without overlap, ends included",
        ),
    ),
)

PATIENTS = Table(
    "patients",
    "one row per patient whom a claim of the day names, as they were on that day",
    ("patient_id",),
    (
        Column("patient_id", TEXT, "Patient", fhir="Patient.id"),
        Column("first_name", TEXT, "Given name", fhir="Patient.name.given"),
        Column("last_name", TEXT, "Family name", fhir="Patient.name.family"),
        Column("gender", TEXT, "female or male", fhir="Patient.gender"),
        Column("birth_date", DATE, "Date of birth", fhir="Patient.birthDate"),
        *_ADDRESS,
    ),
    is_daily=True,
)

COVERAGES = Table(
    "coverages",
    "one row per coverage that a claim of the day names",
    ("coverage_id",),
    (
        Column("coverage_id", TEXT, "Coverage: patient and first day", fhir="Coverage.id"),
        Column("patient_id", TEXT, "Member", fhir="Coverage.beneficiary"),
        Column("payer_id", TEXT, "Payer", fhir="Coverage.payor"),
        Column("plan_id", TEXT, "Plan", fhir="Coverage.class.value"),
        Column("plan_name", TEXT, "Name of the plan", fhir="Coverage.class.name"),
        Column("plan_type", TEXT, "As in plans"),
        Column("member_id", TEXT, "The member's number with the payer", fhir="Coverage.subscriberId"),
        Column("coverage_start_date", DATE, "First day covered", fhir="Coverage.period.start"),
        Column("coverage_end_date", DATE, "Last day covered", fhir="Coverage.period.end"),
    ),
    is_daily=True,
)

LINE = pl.Struct(
    {
        "claim_line_number": pl.Int32(),
        "hcpcs_code": pl.String(),
        "modifiers": pl.List(pl.String()),
        "diagnosis_pointers": pl.List(pl.Int32()),
        "line_service_date": pl.Date(),
        "place_of_service_code": pl.String(),
        "unit_count": pl.Int32(),
        "unit_charge_amount": USD,
        "charge_amount": USD,
    }
)

CLAIMS = Table(
    "claims",
    "one row per version of a claim that the payer received on the day",
    ("claim_id",),
    (
        Column("claim_id", TEXT, "Claim: day of the first version and index", fhir="Claim.id"),
        Column("claim_status", TEXT, "active, cancelled or draft", fhir="Claim.status"),
        Column("version_number", INTEGER, "1 for the first version of the claim"),
        Column("received_date", DATE, "Day of the first version", fhir="Claim.created"),
        Column("claim_start_date", DATE, "First day of service", fhir="Claim.billablePeriod.start"),
        Column("claim_end_date", DATE, "Last day of service", fhir="Claim.billablePeriod.end"),
        Column("patient_id", TEXT, "Patient", fhir="Claim.patient"),
        Column("patient_name", TEXT, "Name of the patient on the claim", fhir="Claim.patient.display"),
        Column("coverage_id", TEXT, "Coverage on the date of service", fhir="Claim.insurance.coverage"),
        Column("payer_id", TEXT, "Payer", fhir="Claim.insurer"),
        Column("organization_id", TEXT, "Billing provider", fhir="Claim.provider"),
        Column("billing_npi", TEXT, "NPI of the billing provider"),
        Column("practitioner_id", TEXT, "Rendering provider", fhir="Claim.careTeam.provider"),
        Column("rendering_npi", TEXT, "NPI of the rendering provider"),
        Column("location_id", TEXT, "Site of care", fhir="Claim.facility"),
        Column("facility_city", TEXT, "City of the site of care", fhir="Claim.item.location.text"),
        Column("facility_state", TEXT, "State of the site of care", fhir="Claim.item.location.text"),
        Column("place_of_service_code", TEXT, "CMS place of service", fhir="Claim.item.location.coding"),
        Column("diagnosis_codes", pl.List(pl.String()), "ICD-10-CM, the principal one first", fhir="Claim.diagnosis"),
        Column("lines", pl.List(LINE), "Service lines in order", fhir="Claim.item"),
        Column("total_charge_amount", USD, "Sum of the lines' charges", unit="USD", fhir="Claim.total"),
    ),
    is_daily=True,
)

TABLES: Mapping[str, Table] = MappingProxyType(
    {
        table.name: table
        for table in (
            PAYERS,
            PLANS,
            ORGANIZATIONS,
            LOCATIONS,
            PRACTITIONERS,
            ENROLLMENT,
            PATIENTS,
            COVERAGES,
            CLAIMS,
        )
    }
)

DIRECTORY: tuple[Table, ...] = (PAYERS, PLANS, ORGANIZATIONS, LOCATIONS, PRACTITIONERS)
DAILY: tuple[Table, ...] = tuple(table for table in TABLES.values() if table.is_daily)
