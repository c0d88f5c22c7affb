"""Models that keep single claims, lines, patients, coverages and members."""

import polars as pl

from claims_pipeline import schema
from claims_pipeline.aggregate.model import Model
from claims_pipeline.schema import Column, Table

TEXT, DATE, INTEGER, COUNT = pl.String(), pl.Date(), pl.Int32(), pl.Int64()
AS_OF = Column("as_of_date", DATE, "Partition that the row comes from: the last one that names the id")
RECEIVED = Column("received_date", DATE, "Day on which the payer received the first version of the claim")
_CLAIM_NUMBER = Column("claim_number", INTEGER, "Number of the claim in this file, in order of claim_id")
PATIENT_NUMBER = Column("patient_number", INTEGER, "Number of the patient in this file, in order of patient_id")
PRACTITIONER_NUMBER = Column(
    "practitioner_number", INTEGER, "Number of the practitioner in this file, in order of practitioner_id"
)
STATUS = Column("claim_status", TEXT, "active, cancelled or draft")


def _columns_of(table: Table, left_out: str, *, after: str = "", until: str = "") -> tuple[Column, ...]:
    """Return the columns of a lake table in order, from the one after `after` up to `until`."""
    names = [column.name for column in table.columns]
    first = names.index(after) + 1 if after else 0
    last = names.index(until) + 1 if until else len(names)
    return tuple(column for column in table.columns[first:last] if column.name != left_out)


DETAIL: tuple[Model, ...] = (
    Model(
        "patient_numbers",
        ("patient_id",),
        (Column("patient_id", TEXT, "Patient"), PATIENT_NUMBER),
        tables=(schema.CLAIMS, schema.PATIENTS),
    ),
    Model(
        "patients_current",
        ("patient_id",),
        (
            *schema.PATIENTS.columns,
            Column("search_name", TEXT, "First and last name in lower case, which a search looks through"),
            PATIENT_NUMBER,
            AS_OF,
        ),
        tables=(schema.PATIENTS,),
        models=("patient_numbers",),
    ),
    Model(
        "coverages_current",
        ("coverage_id",),
        (*schema.COVERAGES.columns, Column("payer_name", TEXT, "Name of the payer"), AS_OF),
        tables=(schema.COVERAGES, schema.PAYERS),
    ),
    Model(
        "claims_current",
        ("claim_id",),
        (
            *_columns_of(schema.CLAIMS, "lines", until="patient_name"),
            Column("gender", TEXT, "Gender of the patient; unknown where the patient is"),
            Column("age_band", TEXT, "Age of the patient on the first day of service, in years"),
            Column("patient_state", TEXT, "State where the patient lived on the last day that names them"),
            *_columns_of(schema.CLAIMS, "lines", after="patient_name", until="payer_id"),
            Column("payer_name", TEXT, "Name of the payer"),
            Column("plan_name", TEXT, "Name of the plan"),
            Column("plan_type", TEXT, "As in plans"),
            *_columns_of(schema.CLAIMS, "lines", after="payer_id", until="organization_id"),
            Column("organization_name", TEXT, "Name of the billing provider; the id where the directory has none"),
            *_columns_of(schema.CLAIMS, "lines", after="organization_id", until="rendering_npi"),
            Column("practitioner_name", TEXT, "Name of the rendering provider"),
            Column("specialty", TEXT, "Specialty of the rendering provider"),
            *_columns_of(schema.CLAIMS, "lines", after="rendering_npi", until="location_id"),
            Column("location_name", TEXT, "Name of the site of care; the id where the directory has none"),
            *_columns_of(schema.CLAIMS, "lines", after="location_id", until="diagnosis_codes"),
            Column("principal_diagnosis_code", TEXT, "The first of diagnosis_codes"),
            Column("diagnosis_chapter", TEXT, "Chapter of ICD-10-CM of the principal diagnosis"),
            *_columns_of(schema.CLAIMS, "lines", after="diagnosis_codes"),
            Column("line_count", COUNT, "Service lines"),
            Column("hcpcs_codes", pl.List(pl.String()), "Procedures of the lines, in order"),
            Column("first_hcpcs_code", TEXT, "The first of hcpcs_codes"),
            _CLAIM_NUMBER,
            PATIENT_NUMBER,
            PRACTITIONER_NUMBER,
            AS_OF,
        ),
        tables=(schema.CLAIMS, schema.PRACTITIONERS, schema.ORGANIZATIONS, schema.LOCATIONS),
        models=("patient_numbers", "patients_current", "coverages_current"),
    ),
    Model(
        "claim_lines",
        ("claim_id", "claim_line_number"),
        (
            Column("claim_id", TEXT, "Claim"),
            STATUS,
            RECEIVED,
            Column("patient_id", TEXT, "Patient"),
            Column("claim_line_number", INTEGER, "Number of the line within its claim, from 1"),
            Column("hcpcs_code", TEXT, "Procedure, CPT or HCPCS"),
            Column("procedure_category", TEXT, "Category of the procedure; other where we have none"),
            Column("modifiers", pl.List(pl.String()), "Modifiers of the procedure"),
            Column("diagnosis_pointers", pl.List(pl.Int32()), "Positions in the claim's diagnosis_codes, from 1"),
            Column("line_service_date", DATE, "Day of service"),
            Column("place_of_service_code", TEXT, "CMS place of service"),
            Column("unit_count", INTEGER, "Units of service"),
            Column("unit_charge_amount", schema.USD, "What the provider billed for one unit", unit="USD"),
            Column("charge_amount", schema.USD, "What the provider billed for the line", unit="USD"),
            _CLAIM_NUMBER,
            PATIENT_NUMBER,
        ),
        tables=(schema.CLAIMS,),
        models=("claims_current",),
        references=("procedures",),
    ),
    Model(
        "claim_versions",
        ("claim_id", "version_number"),
        (
            Column("claim_id", TEXT, "Claim"),
            Column("version_number", INTEGER, "1 for the first version of the claim"),
            STATUS,
            Column("as_of_date", DATE, "Partition that the version comes from: the day of its receipt"),
            Column("total_charge_amount", schema.USD, "Charges of the version", unit="USD"),
        ),
        tables=(schema.CLAIMS,),
    ),
    Model(
        "member_spans",
        ("patient_id", "coverage_id"),
        (
            Column("patient_id", TEXT, "Member"),
            Column("gender", TEXT, "Gender of the member"),
            Column("birth_date", DATE, "Date of birth"),
            Column(
                "patient_state",
                TEXT,
                "State of the patient now; of a member whom no claim names, at the start of the coverage",
            ),
            Column("coverage_id", TEXT, "Coverage"),
            Column("plan_id", TEXT, "Plan of that coverage"),
            Column("plan_name", TEXT, "Name of the plan"),
            Column("plan_type", TEXT, "As in plans"),
            Column("payer_id", TEXT, "Payer that runs the plan"),
            Column("payer_name", TEXT, "Name of the payer"),
            Column("first_month", DATE, "First day of the first month that counts for this coverage"),
            Column("last_month", DATE, "First day of the last month that counts for this coverage"),
            Column("month_count", COUNT, "Months from first_month to last_month"),
        ),
        tables=(schema.ENROLLMENT, schema.PLANS, schema.PAYERS),
        models=("claims_current", "patients_current"),
    ),
)
