"""Every table of the lake, declared once: name, type, unit and meaning of each column.

Parquet files, Dagster column schemas, the data dictionary and the tests are derived from this module.
Column names follow the vocabulary of claims data (Tuva's input layer).
Money is Decimal(12, 2) in US dollars, never a float.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import polars as pl

USD = pl.Decimal(12, 2)


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        unit: empty where the type says it all.
        fields: of a column of structs, one or a list of them: what each field is.
        is_code: of text, or lists of it: whether it has few different values.
        values: of text: all values that it may have; empty if there are others.
        least: of numbers: the least value that it may have.
    """

    name: str
    dtype: pl.DataType
    meaning: str
    unit: str = ""
    nullable: bool = False
    fields: tuple["Column", ...] = ()
    is_code: bool = False
    values: tuple[str, ...] = ()
    least: int | None = None

    @property
    def coded_dtype(self) -> pl.DataType:
        """The type with codes as `pl.Categorical`."""
        inner: pl.DataType
        if self.fields:
            inner = pl.Struct({field.name: field.coded_dtype for field in self.fields})
        elif self.is_code:
            inner = pl.Categorical()
        else:
            return self.dtype
        return pl.List(inner) if isinstance(self.dtype, pl.List) else inner


def struct_of(fields: tuple[Column, ...]) -> pl.Struct:
    """Return the type of structs with these fields."""
    return pl.Struct({field.name: field.dtype for field in fields})


@dataclass(frozen=True)
class Table:
    """One table. `is_daily` tables have a partition a day, `is_yearly` ones a partition a year, the others one file."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    is_daily: bool = False
    is_yearly: bool = False

    @cached_property
    def polars_schema(self) -> pl.Schema:
        """Column names and types, in file order."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    @cached_property
    def coded_schema(self) -> pl.Schema:
        """Column names and types with codes as `pl.Categorical`, which Parquet writers need not look for in text."""
        return pl.Schema({column.name: column.coded_dtype for column in self.columns})

    @cached_property
    def nested_columns(self) -> tuple[str, ...]:
        """Names of the columns that hold lists."""
        return tuple(name for name, dtype in self.polars_schema.items() if dtype.is_nested())

    def conform(self, frame: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
        """Return the declared columns of `frame`, in order, cast to their types, sorted by the key."""
        declared = [pl.col(column.name).cast(column.dtype) for column in self.columns]
        return frame.lazy().select(declared).sort(self.key).collect()


TEXT, INTEGER, DATE = pl.String(), pl.Int32(), pl.Date()

GENDERS = ("female", "male")
PLAN_TYPES = ("ppo", "hmo", "high_deductible", "marketplace", "medicare", "medicare_advantage", "medicaid")
RELATIONSHIPS = ("self", "spouse", "child")
FREQUENCY_CODES = ("1", "7", "8")

_ADDRESS = (
    Column("address_line", TEXT, "Street and number"),
    Column("city", TEXT, "City", is_code=True),
    Column("state", TEXT, "Two-letter state", is_code=True),
    Column("zip_code", TEXT, "Five-digit ZIP code", is_code=True),
)

PAYERS = Table(
    "payers",
    "one row per payer",
    ("payer_id",),
    (
        Column("payer_id", TEXT, "Payer"),
        Column("payer_name", TEXT, "Name of the payer"),
    ),
)

PLANS = Table(
    "plans",
    "one row per insurance plan",
    ("plan_id",),
    (
        Column("plan_id", TEXT, "Plan"),
        Column("payer_id", TEXT, "Payer that runs the plan"),
        Column("plan_name", TEXT, "Name of the plan"),
        Column(
            "plan_type",
            TEXT,
            ", ".join(PLAN_TYPES),
            values=PLAN_TYPES,
        ),
    ),
)

ORGANIZATIONS = Table(
    "organizations",
    "one row per billing provider",
    ("organization_id",),
    (
        Column("organization_id", TEXT, "Billing provider"),
        Column("npi", TEXT, "National Provider Identifier"),
        Column("organization_name", TEXT, "Name"),
        *_ADDRESS,
    ),
)

LOCATIONS = Table(
    "locations",
    "one row per site of care",
    ("location_id",),
    (
        Column("location_id", TEXT, "Site of care"),
        Column("organization_id", TEXT, "Who runs it"),
        Column("location_name", TEXT, "Name"),
        Column("place_of_service_code", TEXT, "CMS place of service"),
        *_ADDRESS,
    ),
)

PRACTITIONERS = Table(
    "practitioners",
    "one row per rendering provider",
    ("practitioner_id",),
    (
        Column("practitioner_id", TEXT, "Rendering provider"),
        Column("npi", TEXT, "National Provider Identifier"),
        Column("first_name", TEXT, "Given name"),
        Column("last_name", TEXT, "Family name"),
        Column("gender", TEXT, "female or male", values=GENDERS),
        Column("specialty", TEXT, "Specialty, our key into reference/specialties.csv"),
        Column("taxonomy_code", TEXT, "NUCC taxonomy"),
        Column("organization_id", TEXT, "Billing provider they work for"),
        Column("location_id", TEXT, "Site where they usually work"),
    ),
)

_SPAN = (
    Column("coverage_id", TEXT, "Coverage: patient and first day"),
    Column("coverage_order", INTEGER, "1 for what pays first, 2 for Medicaid beside Medicare", least=1),
    Column("subscriber_id", TEXT, "Person who holds the policy"),
    Column(
        "relationship",
        TEXT,
        "Of the person to the subscriber: self, spouse or child",
        is_code=True,
        values=RELATIONSHIPS,
    ),
    Column("plan_id", TEXT, "Plan", is_code=True),
    Column("coverage_start_date", DATE, "First day covered"),
    Column("coverage_end_date", DATE, "Last day covered"),
    Column("state", TEXT, "Two-letter state where the person lives on the first day covered", is_code=True),
)

_CONDITION = (
    Column("condition", TEXT, "Condition, our key into reference/conditions.csv", is_code=True),
    Column("onset_date", DATE, "Day on which it begins"),
)

ENROLLMENT = Table(
    "enrollment",
    "one row per person of the population",
    ("patient_id",),
    (
        Column("patient_id", TEXT, "Person"),
        Column("gender", TEXT, "female or male", is_code=True, values=GENDERS),
        Column("birth_date", DATE, "Date of birth"),
        Column("death_date", DATE, "Date of death, until the last day of the spans", nullable=True),
        Column(
            "condition_codes",
            pl.List(pl.String()),
            "Chronic conditions on the feed's first day, ICD-10-CM",
            is_code=True,
        ),
        Column(
            "conditions",
            pl.List(struct_of(_CONDITION)),
            "Chronic conditions that begin until the last day of the spans, and when",
            fields=_CONDITION,
        ),
        Column(
            "spans",
            pl.List(struct_of(_SPAN)),
            "Spans of coverage in order, ends included; those of one coverage_order do not overlap, and may have gaps",
            fields=_SPAN,
        ),
    ),
)

VISITS = Table(
    "visits",
    "one row per claim that the payer receives first in the year: who is seen for what, when, by whom",
    ("received_date", "claim_index"),
    (
        Column("received_date", DATE, "Day of the first version"),
        Column("claim_index", INTEGER, "Number of the claim within the day received, from 0", least=0),
        Column("replaced_date", DATE, "Day of the first version of the claim that this one replaces", nullable=True),
        Column("replaced_index", INTEGER, "Number of that claim within its day, from 0", nullable=True, least=0),
        Column("person", INTEGER, "Number of the patient, from 0", least=0),
        Column("service_date", DATE, "Day of service"),
        Column("story", TEXT, "Why the patient is seen: stories.csv", is_code=True),
        Column("practitioner", INTEGER, "Number of the rendering provider, from 0", least=0),
        Column("is_new_patient", pl.Boolean(), "Not seen by the practice in three years"),
        Column("is_video", pl.Boolean(), "Visit by video"),
        Column("diagnosis_codes", pl.List(pl.String()), "ICD-10-CM, the reason of the visit first", is_code=True),
        Column(
            "hcpcs_codes", pl.List(pl.String()), "Procedures, CPT or HCPCS level II, one a service line", is_code=True
        ),
        Column("diagnosis_pointers", pl.List(pl.Int32()), "Diagnosis of each line, a number in diagnosis_codes from 1"),
        Column("unit_counts", pl.List(pl.Int32()), "Units of each line", least=1),
    ),
    is_yearly=True,
)

IRREGULARITIES = Table(
    "irregularities",
    "one row per irregularity that was planted in a claim; only in a feed with irregularities",
    ("claim_id", "kind"),
    (
        Column("claim_id", TEXT, "Claim that is irregular"),
        Column(
            "kind",
            TEXT,
            "duplicate, near_duplicate, next_day, frequency, new_patient, unbundling, missing_diagnosis, units "
            "or upcoding",
        ),
        Column("detail", TEXT, "What was changed"),
    ),
    is_yearly=True,
)

PATIENTS = Table(
    "patients",
    "one row per patient whom a claim of the day names, or the coverage as subscriber, as they were on that day",
    ("patient_id",),
    (
        Column("patient_id", TEXT, "Patient"),
        Column("first_name", TEXT, "Given name", is_code=True),
        Column("last_name", TEXT, "Family name", is_code=True),
        Column("gender", TEXT, "female or male", is_code=True, values=GENDERS),
        Column("birth_date", DATE, "Date of birth"),
        Column("death_date", DATE, "Date of death, once it has come", nullable=True),
        *_ADDRESS,
    ),
    is_daily=True,
)

COVERAGES = Table(
    "coverages",
    "one row per coverage that a claim of the day names, and what pays second beside it",
    ("coverage_id",),
    (
        Column("coverage_id", TEXT, "Coverage: patient and first day"),
        Column("patient_id", TEXT, "Member"),
        Column("payer_id", TEXT, "Payer", is_code=True),
        Column("plan_id", TEXT, "Plan", is_code=True),
        Column("plan_name", TEXT, "Name of the plan", is_code=True),
        Column("plan_type", TEXT, "As in plans", is_code=True, values=PLAN_TYPES),
        Column("member_id", TEXT, "The subscriber's number with the payer, that of the family too"),
        Column("dependent_number", INTEGER, "Number of the member in the family: 0 for the subscriber", least=0),
        Column("subscriber_id", TEXT, "Patient who holds the policy"),
        Column(
            "relationship",
            TEXT,
            "Of the patient to the subscriber: self, spouse or child",
            is_code=True,
            values=RELATIONSHIPS,
        ),
        Column("coverage_order", INTEGER, "1 for what pays first, 2 for Medicaid beside Medicare", least=1),
        Column("coverage_start_date", DATE, "First day covered"),
        Column("coverage_end_date", DATE, "Last day covered, as far as it is known"),
    ),
    is_daily=True,
)

LINE = (
    Column("claim_line_number", INTEGER, "Number of the line in the claim, from 1", least=1),
    Column("hcpcs_code", TEXT, "Procedure, CPT or HCPCS level II", is_code=True),
    Column("modifiers", pl.List(pl.String()), "Modifiers of the procedure, in order; often none", is_code=True),
    Column(
        "diagnosis_pointers", pl.List(pl.Int32()), "Diagnoses that the line is for, numbers in diagnosis_codes from 1"
    ),
    Column("line_service_date", DATE, "Day of service"),
    Column("place_of_service_code", TEXT, "CMS place of service", is_code=True),
    Column("unit_count", INTEGER, "Units of the procedure", least=1),
    Column("unit_charge_amount", USD, "Charge of one unit", unit="USD"),
    Column("charge_amount", USD, "Charge of all units", unit="USD"),
)
"""A service line of a claim."""

CLAIMS = Table(
    "claims",
    "one row per version of a claim that the payer received on the day",
    ("claim_id",),
    (
        Column("claim_id", TEXT, "Claim: day of the first version and index"),
        Column("claim_status", TEXT, "active, cancelled or draft", is_code=True),
        Column("version_number", INTEGER, "1 for the first version of the claim", least=1),
        Column(
            "claim_frequency_code",
            TEXT,
            "1 original, 7 replacement of another claim, 8 void (X12 837 CLM05-3)",
            is_code=True,
            values=FREQUENCY_CODES,
        ),
        Column("replaced_claim_id", TEXT, "Claim that this one replaces", nullable=True),
        Column("received_date", DATE, "Day of the first version"),
        Column("claim_start_date", DATE, "First day of service"),
        Column("claim_end_date", DATE, "Last day of service"),
        Column("patient_id", TEXT, "Patient"),
        Column("patient_name", TEXT, "Name of the patient on the claim"),
        Column("coverage_id", TEXT, "Coverage on the date of service"),
        Column("payer_id", TEXT, "Payer", is_code=True),
        Column("organization_id", TEXT, "Billing provider", is_code=True),
        Column("billing_npi", TEXT, "NPI of the billing provider", is_code=True),
        Column("practitioner_id", TEXT, "Rendering provider", is_code=True),
        Column("rendering_npi", TEXT, "NPI of the rendering provider", is_code=True),
        Column("location_id", TEXT, "Site of care", is_code=True),
        Column("facility_city", TEXT, "City of the site of care", is_code=True),
        Column("facility_state", TEXT, "State of the site of care", is_code=True),
        Column("place_of_service_code", TEXT, "CMS place of service", is_code=True),
        Column("diagnosis_codes", pl.List(pl.String()), "ICD-10-CM, the principal one first", is_code=True),
        Column("lines", pl.List(struct_of(LINE)), "Service lines in order", fields=LINE),
        Column("total_charge_amount", USD, "Sum of the lines' charges", unit="USD"),
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
            VISITS,
            IRREGULARITIES,
            PATIENTS,
            COVERAGES,
            CLAIMS,
        )
    }
)

DIRECTORY: tuple[Table, ...] = (PAYERS, PLANS, ORGANIZATIONS, LOCATIONS, PRACTITIONERS)
DAILY: tuple[Table, ...] = tuple(table for table in TABLES.values() if table.is_daily)
