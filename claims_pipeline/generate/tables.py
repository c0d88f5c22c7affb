"""The daily tables of a plan. Every function returns the rows of all its days, with their `day`, sorted by key."""

import numpy as np
import polars as pl

from claims_pipeline.generate.arrow import lists, money
from claims_pipeline.generate.coverage import span_on
from claims_pipeline.generate.directory import directory_of
from claims_pipeline.generate.draws import Draws, Integers, pair
from claims_pipeline.generate.identifiers import claim_ids, coverage_ids, dates, numbered
from claims_pipeline.generate.lifecycle import STATUSES
from claims_pipeline.generate.names import names_of
from claims_pipeline.generate.plan import Plan
from claims_pipeline.generate.population import city_on, moves_until, population
from claims_pipeline.reference import read_table
from claims_pipeline.schema import CLAIMS, COVERAGES, PATIENTS, Table


def patients_of(plan: Plan) -> pl.DataFrame:
    """Return the people whom the plan's claims name, as they are on each day."""
    feed, people = plan.feed, population(plan.feed)
    seen = np.unique(pair(plan.day, plan.person))
    day, person = (seen >> np.uint64(32)).astype(np.int64), (seen & np.uint64(0xFFFFFFFF)).astype(np.int64)
    first, last = names_of(feed, "patient", person, people.is_female[person])
    cities = read_table("cities")[city_on(feed, person, day)]
    house = pair(person, moves_until(feed, person, day))
    draws = Draws(feed.seed)
    streets = read_table("streets")["street"]
    frame = pl.DataFrame(
        {
            "day": dates(day),
            "patient_id": numbered("patient", person),
            "first_name": first,
            "last_name": last,
            "gender": np.where(people.is_female[person], "female", "male"),
            "birth_date": dates(people.birth_day[person]),
            "number": draws.below("address/number", house, 4900) + 100,
            "street": streets.gather(draws.below("address/street", house, len(streets))),
            "city": cities["city"],
            "state": cities["state"],
            "zip_prefix": cities["zip_prefix"],
            "area": draws.below("address/area", house, 60) + 1,
        }
    ).with_columns(
        pl.format("{} {}", "number", "street").alias("address_line"),
        pl.concat_str("zip_prefix", pl.col("area").cast(pl.String).str.zfill(2)).alias("zip_code"),
    )
    return _conform(PATIENTS, frame)


def coverages_of(plan: Plan, patients: pl.DataFrame) -> pl.DataFrame:
    """Return the coverages on the dates of service; birth dates are taken from `patients` (with their `day`)."""
    frame = _with_spans(plan, patients)
    return _conform(COVERAGES, frame.unique(["day", "coverage_id"]))


def _with_spans(plan: Plan, patients: pl.DataFrame) -> pl.DataFrame:
    rows = pl.DataFrame({"day": dates(plan.day), "patient_id": numbered("patient", plan.person)})
    birth = rows.join(patients, on=["day", "patient_id"], how="left", maintain_order="left")["birth_date"]
    spans = span_on(
        plan.feed, people=plan.person, birth_days=birth.to_physical().to_numpy().astype(np.int64), days=plan.service
    )
    plans = read_table("plans")[spans.plan]
    member = Draws(plan.feed.seed).below("person/member number", pair(plan.person, spans.plan), 900_000_000)
    return rows.with_columns(
        coverage_ids(rows["patient_id"], spans.start).alias("coverage_id"),
        *plans.select("payer_id", "plan_id", "plan_name", "plan_type"),
        pl.format("M{}", pl.lit(pl.Series(member + 100_000_000))).alias("member_id"),
        dates(spans.start).alias("coverage_start_date"),
        dates(spans.end).alias("coverage_end_date"),
    )


def claims_of(plan: Plan, patients: pl.DataFrame, coverages: pl.DataFrame) -> pl.DataFrame:
    """Return the claim versions of the plan, with names from `patients` and payers from `coverages`."""
    practitioners = directory_of(plan.feed).practitioners[_practitioners(plan)]
    line_row, lines, cents = _lines(plan, practitioners)
    counts = np.bincount(line_row, minlength=len(plan.day))
    starts = np.cumsum(counts) - counts
    codes, code_counts = _diagnoses(plan)
    spans = _with_spans(plan, patients)
    names = pl.concat_str("first_name", "last_name", separator=" ").alias("patient_name")
    frame = (
        spans.select("day", "patient_id", "coverage_id")
        .with_columns(
            claim_ids(plan.received, plan.index),
            pl.Series("claim_status", STATUSES).gather(plan.status),
            pl.Series("version_number", plan.version),
            dates(plan.received).alias("received_date"),
            dates(plan.service).alias("claim_start_date"),
            dates(plan.service).alias("claim_end_date"),
            *practitioners.select(
                "organization_id",
                "billing_npi",
                "practitioner_id",
                "location_id",
                "place_of_service_code",
                pl.col("npi").alias("rendering_npi"),
                pl.col("city").alias("facility_city"),
                pl.col("state").alias("facility_state"),
            ),
            lists(codes, code_counts).alias("diagnosis_codes"),
            lists(lines.to_struct(), counts).alias("lines"),
            money(np.add.reduceat(cents, starts) if len(starts) else cents).alias("total_charge_amount"),
        )
        .join(patients.select("day", "patient_id", names), on=["day", "patient_id"], how="left", maintain_order="left")
        .join(
            coverages.select("day", "coverage_id", "payer_id"),
            on=["day", "coverage_id"],
            how="left",
            maintain_order="left",
        )
    )
    return _conform(CLAIMS, frame)


def _practitioners(plan: Plan) -> Integers:
    """Return the row of the practitioner: the person's own doctor in the city where they live on the service day."""
    directory = directory_of(plan.feed)
    city = city_on(plan.feed, plan.person, plan.service)
    draws = Draws(plan.feed.seed)
    specialty = draws.below("person/specialty", plan.person, directory.practitioner_count.shape[1])
    chosen = draws.below("person/doctor", pair(plan.person, city), directory.practitioner_count[city, specialty])
    return directory.first_practitioner[city, specialty] + chosen


def _diagnoses(plan: Plan) -> tuple[pl.Series, Integers]:
    draws = Draws(plan.feed.seed)
    codes = read_table("diagnoses")["diagnosis_code"]
    first = draws.below("claim/diagnosis", plan.counter, len(codes))
    second = (first + 1 + draws.below("claim/second diagnosis", plan.counter, len(codes) - 1)) % len(codes)
    counts = 1 + draws.below("claim/diagnosis count", plan.counter, 2)
    both = np.stack([first, second], axis=1)
    return codes.gather(both[np.arange(2) < counts[:, None]]), counts


def _lines(plan: Plan, practitioners: pl.DataFrame) -> tuple[Integers, pl.DataFrame, Integers]:
    """Return for each line the position of its claim, the line's fields, and its charge in cents."""
    draws = Draws(plan.feed.seed)
    procedures = read_table("procedures")
    is_visit = (procedures["category"] == "office_visit").to_numpy()
    visits, others = np.flatnonzero(is_visit), np.flatnonzero(~is_visit)
    counts = 1 + draws.below("claim/line count", plan.counter, 3)
    row = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    first_other = draws.below("claim/procedure", plan.counter, len(others))
    code = np.where(
        number == 0,
        visits[draws.below("claim/visit", plan.counter, len(visits))[row]],
        others[(first_other[row] + number) % len(others)],
    )
    fee = procedures["medicare_fee_amount"].to_numpy()[code]
    factor = 1.4 + 1.4 * draws.uniform("practitioner/charges", practitioners["number"].to_numpy())[row]
    cents = np.rint(fee * factor).astype(np.int64) * 100
    amount = money(cents)
    lines = pl.DataFrame(
        {
            "claim_line_number": (number + 1).astype(np.int32),
            "hcpcs_code": procedures["hcpcs_code"].gather(code),
            "modifiers": pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, len(row)),
            "diagnosis_pointers": pl.Series([[1]], dtype=pl.List(pl.Int32)).new_from_index(0, len(row)),
            "line_service_date": dates(plan.service[row]),
            "place_of_service_code": practitioners["place_of_service_code"].gather(row),
            "unit_count": np.ones(len(row), dtype=np.int32),
            "unit_charge_amount": amount,
            "charge_amount": amount,
        }
    )
    return row, lines, cents


def _conform(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    declared = [pl.col(column.name).cast(column.dtype) for column in table.columns]
    return frame.select("day", *declared).sort("day", *table.key)
