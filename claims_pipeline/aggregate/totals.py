"""Models that count and add up: by day, patient, provider, code, plan and so on."""

import polars as pl

from claims_pipeline import schema
from claims_pipeline.aggregate.detail import COUNT, DATE, PATIENT_NUMBER, PRACTITIONER_NUMBER, RECEIVED, STATUS, TEXT
from claims_pipeline.aggregate.model import Model
from claims_pipeline.schema import Column

TOTAL_USD, DOUBLE = pl.Decimal(18, 2), pl.Float64()
_CLAIM_COUNT = Column("claim_count", COUNT, "Claims of every status")
_ACTIVE_CHARGES = Column("active_charge_amount", TOTAL_USD, "Charges of the active claims", unit="USD")
_CHARGES = Column("charge_amount", TOTAL_USD, "Charges", unit="USD")
_PATIENT_COUNT = Column("patient_count", COUNT, "Patients with at least one of the claims")
_LINE_COUNT = Column("line_count", COUNT, "Service lines")
_UNIT_COUNT = Column("unit_count", COUNT, "Units of service")
_MEMBER_MONTHS = Column("member_month_count", COUNT, "Members, once for each month with a day of coverage")
_PAYER_NAME = Column("payer_name", TEXT, "Name of the payer")
_PLAN_NAME = Column("plan_name", TEXT, "Name of the plan")
_PLAN_TYPE = Column("plan_type", TEXT, "As in plans")
_CATEGORY = Column("procedure_category", TEXT, "Category of the procedure; other where we have none")
_LABEL = Column("label", TEXT, "Our own short label; empty where we have none")
_PROVIDER = (
    Column("practitioner_id", TEXT, "Rendering provider"),
    Column("practitioner_name", TEXT, "Name; unknown where the directory has none"),
    Column("specialty", TEXT, "Specialty"),
)
_PEER_AMOUNT = Column("peer_amount", DOUBLE, "Median of the peers, by the logarithm", unit="USD")
_OF_PEERS = (
    Column("peer_count", COUNT, "Peers in the specialty, this one included"),
    Column("score", DOUBLE, "Robust z of the logarithm"),
)

TOTALS: tuple[Model, ...] = (
    Model(
        "member_months",
        ("month_start", "payer_name", "plan_name", "plan_type", "gender", "age_band", "patient_state"),
        (
            Column("month_start", DATE, "First day of the month"),
            _PAYER_NAME,
            _PLAN_NAME,
            _PLAN_TYPE,
            Column("gender", TEXT, "Gender of the members"),
            Column("age_band", TEXT, "Age of the members on the first day of the month, in years"),
            Column("patient_state", TEXT, "State of the members, as in member_spans"),
            Column("member_count", COUNT, "Members"),
        ),
        models=("member_spans",),
    ),
    Model(
        "patient_totals",
        ("patient_id",),
        (
            Column("patient_id", TEXT, "Patient"),
            _CLAIM_COUNT,
            _ACTIVE_CHARGES,
            Column("first_received_date", DATE, "Day of the first claim"),
            Column("last_received_date", DATE, "Day of the last claim"),
            PATIENT_NUMBER,
        ),
        models=("claims_current",),
    ),
    Model(
        "claims_by_day",
        ("received_date", "claim_status", "gender", "facility_state", "patient_state"),
        (
            RECEIVED,
            STATUS,
            Column("gender", TEXT, "Gender of the patient"),
            Column("facility_state", TEXT, "State of the site of care"),
            Column("patient_state", TEXT, "State of the patient"),
            Column("claim_count", COUNT, "Claims"),
            _CHARGES,
        ),
        models=("claims_current",),
    ),
    Model(
        "procedures_by_day",
        ("received_date", "claim_status", "hcpcs_code"),
        (
            RECEIVED,
            STATUS,
            Column("hcpcs_code", TEXT, "Procedure, CPT or HCPCS"),
            _CATEGORY,
            _LINE_COUNT,
            _UNIT_COUNT,
            _CHARGES,
        ),
        models=("claim_lines",),
    ),
    Model(
        "procedures",
        ("hcpcs_code",),
        (
            Column("hcpcs_code", TEXT, "Procedure, CPT or HCPCS"),
            _LABEL,
            _CATEGORY,
            _CLAIM_COUNT,
            _PATIENT_COUNT,
            _LINE_COUNT,
            _UNIT_COUNT,
            _ACTIVE_CHARGES,
        ),
        models=("claim_lines",),
        references=("procedures",),
    ),
    Model(
        "diagnoses",
        ("principal_diagnosis_code",),
        (
            Column("principal_diagnosis_code", TEXT, "ICD-10-CM; none where a claim has no diagnosis"),
            _LABEL,
            Column("diagnosis_chapter", TEXT, "Chapter of ICD-10-CM"),
            _CLAIM_COUNT,
            _PATIENT_COUNT,
            _ACTIVE_CHARGES,
        ),
        models=("claims_current",),
        references=("diagnoses",),
    ),
    Model(
        "providers",
        ("practitioner_id",),
        (
            *_PROVIDER,
            _CLAIM_COUNT,
            _PATIENT_COUNT,
            _ACTIVE_CHARGES,
            PRACTITIONER_NUMBER,
        ),
        models=("claims_current",),
    ),
    Model(
        "locations",
        ("location_id",),
        (
            Column("location_id", TEXT, "Site of care"),
            Column("facility_city", TEXT, "City"),
            Column("facility_state", TEXT, "State"),
            _CLAIM_COUNT,
            _PATIENT_COUNT,
            _ACTIVE_CHARGES,
        ),
        models=("claims_current",),
    ),
    Model(
        "plans",
        ("payer_name", "plan_name", "plan_type"),
        (_PAYER_NAME, _PLAN_NAME, _PLAN_TYPE, _MEMBER_MONTHS, _CLAIM_COUNT, _PATIENT_COUNT, _ACTIVE_CHARGES),
        models=("claims_current", "member_months"),
    ),
    Model(
        "demographics",
        ("gender", "age_band"),
        (
            Column("gender", TEXT, "Gender of the patient or member"),
            Column("age_band", TEXT, "Age on the first day of service, of a member on the first day of the month"),
            _MEMBER_MONTHS,
            _CLAIM_COUNT,
            _PATIENT_COUNT,
            _ACTIVE_CHARGES,
        ),
        models=("claims_current", "member_months"),
    ),
    Model(
        "run_out",
        ("service_month", "month_count"),
        (
            Column("service_month", DATE, "First day of the month of the first day of service"),
            Column("month_count", COUNT, "Months from that month to the month of receipt"),
            _CLAIM_COUNT,
            _ACTIVE_CHARGES,
            Column("claim_count_until_then", COUNT, "Claims received in that month or earlier"),
            Column("active_charge_amount_until_then", TOTAL_USD, "Their charges, of the active claims", unit="USD"),
        ),
        models=("claims_current",),
    ),
    Model(
        "provider_outliers",
        ("practitioner_id",),
        (
            *_PROVIDER,
            Column("amount", DOUBLE, "Charges per patient", unit="USD"),
            Column("claim_count", COUNT, "Active claims"),
            _PEER_AMOUNT,
            *_OF_PEERS,
        ),
        models=("claims_current", "providers"),
    ),
    Model(
        "claim_outliers",
        ("claim_id",),
        (
            Column("claim_id", TEXT, "Claim"),
            Column("patient_name", TEXT, "Name of the patient"),
            Column("specialty", TEXT, "Specialty of the rendering provider"),
            Column("amount", DOUBLE, "Charges of the claim", unit="USD"),
            _PEER_AMOUNT,
            *_OF_PEERS,
        ),
        models=("claims_current",),
    ),
    Model(
        "visit_outliers",
        ("practitioner_id",),
        (
            *_PROVIDER,
            Column("amount", DOUBLE, "Average level of the visits"),
            Column("claim_count", COUNT, "Established office visits of active claims"),
            Column("peer_amount", DOUBLE, "Median of the peers, by the logarithm"),
            *_OF_PEERS,
        ),
        models=("claim_lines", "claims_current"),
    ),
    Model(
        "lake_totals",
        ("table_name",),
        (
            Column("table_name", TEXT, "Table of the lake"),
            Column("id_count", COUNT, "Different ids"),
            Column("charge_amount", TOTAL_USD, "Charges of the claims; null for other tables", unit="USD"),
            Column("version_count", COUNT, "Versions of the claims; null for other tables"),
            Column("line_count", COUNT, "Service lines of the claims; null for other tables"),
            Column("line_charge_amount", TOTAL_USD, "Charges of those lines; null for other tables", unit="USD"),
        ),
        tables=(
            schema.CLAIMS,
            schema.COVERAGES,
            schema.PATIENTS,
            schema.PRACTITIONERS,
            schema.LOCATIONS,
            schema.ORGANIZATIONS,
            schema.PAYERS,
        ),
    ),
)
