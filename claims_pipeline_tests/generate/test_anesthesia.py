"""Surgery, endoscopies and deliveries bring a claim of anesthesia by another provider."""

from datetime import date, timedelta

import polars as pl
import pytest

from claims_pipeline.generate.encounters import encounters_of
from claims_pipeline.generate.plan import plan_of
from claims_pipeline.generate.years import visits_of
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

pytestmark = pytest.mark.heavy

FEED = Feed(seed=5, patients=2_500, claims=10_500, start_date=date(2025, 1, 1), end_date=date(2025, 12, 31))
KEYS = ["person", "service_date", "received_date"]
CODES = (
    read_table("anesthesia")
    .with_columns(procedure=pl.col("procedures").str.split(" "))
    .select("hcpcs_code", "base_units", "share", "procedure")
    .explode("procedure")
)


@pytest.fixture(scope="module")
def visits() -> pl.DataFrame:
    return visits_of(FEED, 2025).filter(pl.col("replaced_date").is_null())


@pytest.fixture(scope="module")
def given(visits: pl.DataFrame) -> pl.DataFrame:
    return visits.filter(pl.col("story") == "anesthesia")


def procedures(visits: pl.DataFrame) -> pl.DataFrame:
    """Return the visits with a procedure for which anesthesia is given: one row for each code of it."""
    lines = visits.explode("hcpcs_codes", "unit_counts", "diagnosis_pointers")
    return lines.join(CODES, left_on="hcpcs_codes", right_on="procedure")


def test_anesthesia_is_for_a_procedure_of_another_provider_with_its_diagnoses(
    visits: pl.DataFrame, given: pl.DataFrame
) -> None:
    of_procedure = procedures(visits)
    both = given.explode("hcpcs_codes", "unit_counts").join(
        of_procedure, left_on=[*KEYS, "hcpcs_codes"], right_on=[*KEYS, "hcpcs_code"], suffix="_of"
    )

    assert given.height > 40
    assert both.height == given["hcpcs_codes"].list.len().sum()
    assert (both["practitioner"] != both["practitioner_of"]).all()
    assert (both["diagnosis_codes"] == both["diagnosis_codes_of"]).all()
    assert (both["unit_counts"] > both["base_units"]).all()


def test_no_surgery_is_without_anesthesia_on_a_day_with_places(visits: pl.DataFrame, given: pl.DataFrame) -> None:
    with_places = visits.filter(pl.col("story") == "laboratory").select("received_date").unique()
    surgery = procedures(visits).filter(pl.col("share") == 1, pl.col("hcpcs_codes") != "59618")
    surgery = surgery.join(with_places, on="received_date", how="semi")

    assert surgery.height > 5
    assert surgery.join(given, on=KEYS, how="anti").is_empty()


def test_the_year_has_exactly_its_claims() -> None:
    everything = visits_of(FEED, 2025)

    assert everything.height == FEED.claims
    assert everything.select("received_date", "claim_index").is_unique().all()


def test_modifiers_say_who_gives_it_and_how_ill_the_patient_is(given: pl.DataFrame) -> None:
    days = [FEED.start_date + timedelta(days=number) for number in range(365)]
    claims = encounters_of(plan_of(FEED, days, given.sort("received_date", "claim_index")))
    lines = claims.select(pl.col("lines").explode()).unnest("lines")
    who, state = lines["modifiers"].list.get(0), lines["modifiers"].list.get(1)
    price = lines.group_by(who=who).agg(pl.col("unit_charge_amount").cast(pl.Float64).mean())
    mean = dict(price.iter_rows())

    assert set(who) == {"AA", "QK", "QZ"}
    assert set(state) == {"P1", "P2", "P3"}
    assert 0.4 < mean["QK"] / mean["AA"] < 0.6
    assert 30 < mean["AA"] < 90
