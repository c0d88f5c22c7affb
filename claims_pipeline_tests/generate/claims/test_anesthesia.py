"""Surgery, endoscopies and deliveries bring a claim of anesthesia by another provider."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from claims_pipeline.generate.claims.encounters import encounters_of
from claims_pipeline.generate.claims.plan import plan_of
from claims_pipeline.generate.coding.anesthesia_modifiers import physical_states
from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.numbers.identifiers import dates
from claims_pipeline.generate.people.conditions import condition_names
from claims_pipeline.generate.people.population import onsets_of
from claims_pipeline.generate.years.years import visits_of
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table
from claims_pipeline.schema import CLAIMS

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
    """A nurse whom a physician directs needs two."""
    studies = visits.filter(pl.col("story").is_in(["laboratory", "imaging"]))
    with_places = studies.group_by("received_date").len().filter(pl.col("len") > 1)
    surgery = procedures(visits).filter(pl.col("share") == 1, pl.col("hcpcs_codes") != "59618")
    surgery = surgery.join(with_places, on="received_date", how="semi")

    assert surgery.height >= 5
    assert surgery.join(given, on=KEYS, how="anti").is_empty()


def test_the_year_has_exactly_its_claims() -> None:
    everything = visits_of(FEED, 2025)

    assert everything.height == FEED.claims
    assert everything.select("received_date", "claim_index").is_unique().all()


@pytest.fixture(scope="module")
def billed(given: pl.DataFrame) -> pl.DataFrame:
    """Return the lines of anesthesia: person, service_date, hcpcs_code, who gives it and the physical state."""
    days = [FEED.start_date + timedelta(days=number) for number in range(365)]
    plan = plan_of(FEED, days, given.sort("received_date", "claim_index"))
    text = encounters_of(plan).cast({"lines": CLAIMS.polars_schema["lines"]})
    claims = text.with_columns(person=plan.person, service_date=dates(plan.service))
    lines = claims.select("person", "service_date", pl.col("lines").alias("line")).explode("line").unnest("line")
    modifier = pl.col("modifiers").list
    return lines.with_columns(who=modifier.get(0), state=modifier.get(1))


def test_modifiers_say_who_gives_it_and_how_ill_the_patient_is(billed: pl.DataFrame) -> None:
    assert set(billed["who"]) == {"AA", "QZ", "QK", "QX"}
    assert set(billed["state"]) == {"P1", "P2", "P3"}
    assert 30 < billed["unit_charge_amount"].cast(pl.Float64).mean() < 90  # type: ignore[operator]


def test_a_directed_nurse_and_the_physician_bill_half_of_the_same_anesthesia_each(billed: pl.DataFrame) -> None:
    directed = billed.filter(pl.col("who").is_in(["QK", "QX"]))
    of_day = directed.group_by("person", "service_date", "hcpcs_code").agg(
        pl.col("who").unique().sort(), pl.col("unit_count", "state").n_unique()
    )
    unit = billed.group_by(is_half=pl.col("who").is_in(["QK", "QX"])).agg(pl.col("unit_charge_amount").mean())

    assert of_day.height > 10
    assert set(of_day["who"].list.join(" ")) == {"QK QX"}, "both have a claim, or none"
    assert set(of_day["unit_count"]) == {1}
    assert set(of_day["state"]) == {1}
    whole, half = unit.sort("is_half")["unit_charge_amount"].cast(pl.Float64)
    assert half / whole == pytest.approx(0.5, abs=0.1)


def test_a_woman_who_gives_birth_is_not_called_healthy(billed: pl.DataFrame) -> None:
    births = billed.filter(pl.col("hcpcs_code").str.starts_with("0196"))

    assert births.height > 5
    assert set(births["state"]) <= {"P2", "P3"}


@pytest.mark.parametrize(
    ("condition", "states"),
    [("hypertension", {"P2", "P3"}), ("diabetes", {"P2", "P3"}), ("heart_failure", {"P3"}), ("copd", {"P3"})],
)
def test_the_physical_state_follows_the_conditions_of_the_patient(condition: str, states: set[str]) -> None:
    people, day = np.arange(FEED.patients), np.full(FEED.patients, day_number(FEED.start_date))
    never = np.zeros(FEED.patients, dtype=np.bool_)
    state = physical_states(FEED, people, day, people.astype(np.uint64), is_pregnant=never)
    ill = onsets_of(FEED)[condition_names().index(condition)] <= day

    assert {f"P{number + 1}" for number in state[ill]} == states
    assert set(state[~ill]) == {0, 1, 2}
