"""Claims rendered and hashed per second.

Run: python -m benchmarks.render [claims]   (default 200,000 claims with two lines each; median of five rounds)
"""

import statistics
import sys
import time
from datetime import date

import numpy as np
import polars as pl

from claims_pipeline import schema
from claims_pipeline.fhir import render

ROUNDS = 5
LINES = 2
PROCEDURES = ("99213", "99214", "93000", "80053", "G0439")


def sample_claims(count: int) -> pl.DataFrame:
    """Return claims like the generator's: two lines, two diagnoses, a modifier on every fifth line."""
    draw = np.random.default_rng(1)
    index = pl.Series("index", np.arange(count), dtype=pl.Int64)
    lines = pl.DataFrame(
        {
            "claim": np.repeat(np.arange(count), LINES),
            "claim_line_number": np.tile(np.arange(1, LINES + 1), count),
            "hcpcs_code": np.array(PROCEDURES)[draw.integers(0, len(PROCEDURES), count * LINES)],
            "modifiers": [["25"] if number % 5 == 0 else [] for number in range(count * LINES)],
            "diagnosis_pointers": [[1, 2]] * (count * LINES),
            "line_service_date": date(2025, 1, 2),
            "place_of_service_code": "11",
            "unit_count": 1,
            "unit_charge_amount": draw.integers(2_000, 40_000, count * LINES),
        }
    ).with_columns(unit_charge_amount=pl.col("unit_charge_amount").cast(pl.Decimal(12, 2)) / 100)
    line = pl.struct(
        *(pl.col(field.name).cast(field.dtype) for field in schema.LINE if field.name != "charge_amount"),
        pl.col("unit_charge_amount").cast(schema.USD).alias("charge_amount"),
    )
    nested = lines.group_by("claim", maintain_order=True).agg(line.alias("lines"))
    number = index.cast(pl.String).str.zfill(6)
    person = (index % (count // 10 + 1)).cast(pl.String).str.zfill(6)
    frame = pl.DataFrame({"number": number, "person": person}).hstack(nested.select("lines"))
    return schema.CLAIMS.conform(
        frame.with_columns(
            claim_id=pl.lit("claim-20250105-") + pl.col("number"),
            claim_status=pl.lit("active"),
            version_number=1,
            received_date=date(2025, 1, 5),
            claim_start_date=date(2025, 1, 2),
            claim_end_date=date(2025, 1, 2),
            patient_id=pl.lit("patient-") + pl.col("person"),
            patient_name=pl.lit("Maria Johnson"),
            coverage_id=pl.lit("coverage-") + pl.col("person") + pl.lit("-20250101"),
            payer_id=pl.lit("payer-01"),
            organization_id=pl.lit("organization-0001"),
            billing_npi=pl.lit("9000000004"),
            practitioner_id=pl.lit("practitioner-0001"),
            rendering_npi=pl.lit("9000000004"),
            location_id=pl.lit("location-0001"),
            facility_city=pl.lit("Springfield"),
            facility_state=pl.lit("MA"),
            place_of_service_code=pl.lit("11"),
            diagnosis_codes=pl.lit(["I10", "E11.9"]),
            total_charge_amount=pl.lit(250).cast(schema.USD),
        )
    )


def main() -> None:
    """Print claims a second, median of the rounds."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    claims = sample_claims(count)
    seconds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        resources = render(schema.CLAIMS, claims)
        seconds.append(time.perf_counter() - begin)
    median = statistics.median(seconds)
    size = resources["body"].str.len_bytes().sum() / count
    print(f"{count:,} claims of {size:,.0f} bytes: {median:.2f} s, {count / median:,.0f} claims/s")


if __name__ == "__main__":
    main()
