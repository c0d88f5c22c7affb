"""Checks of codes, amounts and provider identifiers."""

import polars as pl

from claims_pipeline.quality.chunk import Chunk, found
from claims_pipeline.reference import read_table

HCPCS = r"^([0-9]{4}[0-9AFTU]|[A-V][0-9]{4})$"
ICD_10_CM = r"^[A-TV-Z][0-9][0-9AB](\.[0-9A-TV-Z]{1,4})?$|^U[0-9]{2}(\.[0-9])?$"
MODIFIER = r"^[0-9A-Z]{2}$"


def codes_valid(chunk: Chunk) -> pl.DataFrame:
    """Codes have the form of their system and are not retired on the date; places of service exist."""
    place = chunk.lines.filter(
        ~pl.col("place_of_service_code").is_in(read_table("places_of_service")["place_of_service_code"].to_list())
    )
    modifier = chunk.lines.filter(pl.col("modifiers").list.eval(~pl.element().str.contains(MODIFIER)).list.any())
    return pl.concat(
        [
            _invalid(chunk.lines, "hcpcs_code", "line_service_date", system="hcpcs", form=HCPCS),
            _invalid(chunk.diagnoses, "diagnosis_code", "claim_start_date", system="icd10cm", form=ICD_10_CM),
            _code_findings("codes_valid", place, "place_of_service_code"),
            _code_findings("codes_valid", modifier.with_columns(pl.col("modifiers").list.join(" ")), "modifiers"),
        ]
    )


def codes_known(chunk: Chunk) -> pl.DataFrame:
    """Codes are among those of the reference tables."""
    lines = chunk.lines.join(read_table("procedures"), on="hcpcs_code", how="anti")
    diagnoses = chunk.diagnoses.join(read_table("diagnoses"), on="diagnosis_code", how="anti")
    return pl.concat(
        [
            _code_findings("codes_known", lines, "hcpcs_code"),
            _code_findings("codes_known", diagnoses, "diagnosis_code"),
        ]
    )


def codes_fit_patient(chunk: Chunk) -> pl.DataFrame:
    """A code fits the patient's sex, and their age on the date of service."""
    return pl.concat(
        [
            _misfits(chunk.lines, "procedures", "hcpcs_code", "line_service_date"),
            _misfits(chunk.diagnoses, "diagnoses", "diagnosis_code", "claim_start_date"),
        ]
    )


def charges_positive(chunk: Chunk) -> pl.DataFrame:
    """Every line has units and a charge above zero, the charge being that of a unit times the units."""
    wrong = (
        (pl.col("charge_amount") <= 0)
        | (pl.col("unit_count") < 1)
        | (pl.col("unit_charge_amount") * pl.col("unit_count") != pl.col("charge_amount"))
    )
    rows = chunk.lines.filter(wrong)
    detail = pl.format("line {}: {}", "claim_line_number", pl.col("charge_amount").cast(pl.String))
    return found("charges_positive", "claims", rows, key="claim_id", detail=detail)


def total_is_sum(chunk: Chunk) -> pl.DataFrame:
    """A claim's total is the sum of its lines."""
    total = pl.col("lines").list.eval(pl.element().struct.field("charge_amount")).list.sum()
    rows = chunk.claims.with_columns(total.alias("sum")).filter(pl.col("sum") != pl.col("total_charge_amount"))
    detail = pl.format("{} against {}", pl.col("total_charge_amount").cast(pl.String), pl.col("sum").cast(pl.String))
    return found("total_is_sum", "claims", rows, key="claim_id", detail=detail)


def npi_check_digits(chunk: Chunk) -> pl.DataFrame:
    """National Provider Identifiers have ten digits and the right check digit, on claims and in the directory."""
    parts = [
        found("npi_check_digits", table, _wrong_npi(frame, column), key=key, detail=pl.col(column), has_day=has_day)
        for table, frame, column, key, has_day in (
            ("claims", chunk.claims, "billing_npi", "claim_id", True),
            ("claims", chunk.claims, "rendering_npi", "claim_id", True),
            ("organizations", chunk.directory["organizations"], "npi", "organization_id", False),
            ("practitioners", chunk.directory["practitioners"], "npi", "practitioner_id", False),
        )
    ]
    return pl.concat(parts)


def _invalid(rows: pl.DataFrame, column: str, on: str, *, system: str, form: str) -> pl.DataFrame:
    retired = (
        read_table("retired_codes")
        .filter(pl.col("code_system") == system)
        .select(pl.col("code").alias(column), pl.col("last_valid_date").str.to_date())
    )
    joined = rows.join(retired, on=column, how="left")
    is_wrong = ~pl.col(column).str.contains(form) | (pl.col(on) > pl.col("last_valid_date"))
    return _code_findings("codes_valid", joined.filter(is_wrong.fill_null(False)), column)


def _misfits(rows: pl.DataFrame, table: str, column: str, on: str) -> pl.DataFrame:
    fits = read_table(table).select(column, "from_age", "to_age", pl.col("sex").fill_null(""))
    birth, service = pl.col("birth_date"), pl.col(on)
    month, birth_month = (day.dt.year() * 12 + day.dt.month() for day in (service, birth))
    age = (month - birth_month - (service.dt.day() < birth.dt.day()).cast(pl.Int32)).floordiv(12)
    wrong_sex = (pl.col("sex") != "") & (pl.col("sex") != pl.col("gender"))
    joined = rows.join(fits, on=column).with_columns(age.alias("age"))
    misfits = joined.filter(wrong_sex | ~pl.col("age").is_between(pl.col("from_age"), pl.col("to_age")))
    detail = pl.format("{} for {} of {}", column, "gender", "age")
    return found("codes_fit_patient", "claims", misfits, key="claim_id", detail=detail)


def _code_findings(check: str, rows: pl.DataFrame, column: str) -> pl.DataFrame:
    return found(check, "claims", rows.unique(["day", "claim_id", column]), key="claim_id", detail=pl.col(column))


def _wrong_npi(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    distinct = frame.select(column).unique()
    digits = [pl.col(column).str.slice(position, 1).cast(pl.Int32, strict=False) for position in range(10)]
    doubled = [digit * 2 - pl.when(digit > 4).then(9).otherwise(0) for digit in digits[0:9:2]]
    total = pl.sum_horizontal(*doubled, *digits[1:10:2]) + 24
    has_form = pl.col(column).str.contains(r"^[0-9]{10}$")
    wrong = distinct.filter(~has_form | (total % 10 != 0))
    return frame.join(wrong, on=column, how="semi")
