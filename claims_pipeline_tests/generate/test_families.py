"""What an analyst would expect of families: who covers whom, how old they are, what children are seen for."""

from datetime import date

import polars as pl
import pytest

from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.reference import read_table
from claims_pipeline.schema import CLAIMS, COVERAGES, ENROLLMENT, PATIENTS, PLANS, PRACTITIONERS

pytestmark = pytest.mark.heavy

FEED = Feed(seed=13, patients=2_000, claims=16_000, start_date=date(2024, 1, 1), end_date=date(2025, 6, 30))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("families") / "lake")
    generate_range(lake, FEED, start=FEED.start_date, end=FEED.end_date, jobs=2)
    return lake


@pytest.fixture(scope="module")
def spans(lake: Lake) -> pl.DataFrame:
    """One row a span, with the person's birth date and the type of the plan."""
    people = lake.read(ENROLLMENT).select("patient_id", "gender", "birth_date", "death_date", "spans")
    return people.explode("spans").unnest("spans").join(lake.read(PLANS), on="plan_id")


@pytest.fixture(scope="module")
def dependents(lake: Lake, spans: pl.DataFrame) -> pl.DataFrame:
    """One row a span of a dependent, with the subscriber's birth date and gender."""
    holders = lake.read(ENROLLMENT).select(
        subscriber_id="patient_id", subscriber_birth_date="birth_date", subscriber_gender="gender"
    )
    return spans.filter(pl.col("relationship") != "self").join(holders, on="subscriber_id")


@pytest.fixture(scope="module")
def visits(lake: Lake) -> pl.DataFrame:
    """One row a claim with `age`, `months` and the `codes` of its lines."""
    births = lake.read(ENROLLMENT).select("patient_id", "birth_date")
    claims = lake.scan(CLAIMS).filter(pl.col("version_number") == 1).collect().join(births, on="patient_id")
    days = (pl.col("claim_start_date") - pl.col("birth_date")).dt.total_days()
    codes = pl.col("lines").list.eval(pl.element().struct.field("hcpcs_code"))
    return claims.with_columns(age=days / 365.25, months=days / 30.44, codes=codes)


def years(begin: str, end: str) -> pl.Expr:
    return (pl.col(end) - pl.col(begin)).dt.total_days() / 365.25


def test_a_dependent_has_the_plan_of_the_subscriber_for_as_long(spans: pl.DataFrame, dependents: pl.DataFrame) -> None:
    held = spans.select(
        "plan_id", "coverage_start_date", "coverage_end_date", "relationship", subscriber_id="patient_id"
    )
    both = dependents.join(held, on=["subscriber_id", "plan_id"], suffix="_held").filter(
        pl.col("coverage_start_date_held") <= pl.col("coverage_start_date"),
        pl.col("coverage_end_date_held") >= pl.col("coverage_end_date"),
    )
    assert dependents.height > 500
    assert both.height == dependents.height
    assert (both["relationship_held"] == "self").all()


def test_only_plans_of_employers_and_marketplaces_cover_families(dependents: pl.DataFrame) -> None:
    assert set(dependents["plan_type"]) == {"ppo", "hmo", "high_deductible", "marketplace"}


def test_a_child_is_at_most_26_and_a_parent_18_to_60_years_older(dependents: pl.DataFrame) -> None:
    children = dependents.filter(pl.col("relationship") == "child")
    assert children.select(years("birth_date", "coverage_start_date").max()).item() < 26
    older = children.select(years("subscriber_birth_date", "birth_date").alias("older"))["older"]
    assert older.min() > 17  # type: ignore[operator]
    assert older.max() < 61  # type: ignore[operator]
    of_mothers = children.filter(pl.col("subscriber_gender") == "female")
    older = of_mothers.select(years("subscriber_birth_date", "birth_date").alias("older"))["older"]
    assert older.is_between(18, 45).all()


def test_spouses_are_grown_and_of_about_the_same_age(dependents: pl.DataFrame) -> None:
    spouses = dependents.filter(pl.col("relationship") == "spouse")
    assert spouses.height > 100
    assert spouses.select(years("birth_date", "coverage_start_date").min()).item() > 18
    assert spouses.select(years("subscriber_birth_date", "birth_date").abs().max()).item() < 20


def test_a_family_has_one_number_and_each_member_one_in_it(lake: Lake) -> None:
    coverages = lake.scan(COVERAGES).unique(["coverage_id"]).collect()
    members = coverages.group_by("payer_id", "member_id", "dependent_number").agg(pl.col("patient_id").n_unique())
    assert members["patient_id"].max() == 1
    families = coverages.group_by("payer_id", "member_id").agg(pl.col("subscriber_id").n_unique())
    assert families["subscriber_id"].max() == 1
    assert ((coverages["dependent_number"] == 0) == (coverages["subscriber_id"] == coverages["patient_id"])).all()


def test_a_family_lives_together_and_mostly_has_one_name(lake: Lake) -> None:
    """A day's patients hold the subscribers of the coverages that its claims name."""
    patients, coverages = lake.scan(PATIENTS).collect(), lake.scan(COVERAGES).collect()
    pairs = coverages.filter(pl.col("relationship") != "self", pl.col("coverage_end_date") >= pl.col("day")).select(
        "day", "patient_id", "subscriber_id"
    )
    both = pairs.join(patients, on=["day", "patient_id"]).join(
        patients.rename({"patient_id": "subscriber_id"}), on=["day", "subscriber_id"], suffix="_of_subscriber"
    )
    assert both.height == pairs.height > 500
    assert (both["address_line"] == both["address_line_of_subscriber"]).all()
    assert (both["zip_code"] == both["zip_code_of_subscriber"]).all()
    assert 0.8 < (both["last_name"] == both["last_name_of_subscriber"]).mean() < 1  # type: ignore[operator]


def test_newborns_are_members_from_birth_on_and_unknown_before(lake: Lake, spans: pl.DataFrame) -> None:
    born = spans.filter(pl.col("birth_date") >= FEED.start_date)
    first = born.group_by("patient_id", "birth_date").agg(pl.col("coverage_start_date").min())
    assert first.height > 15
    assert (first["coverage_start_date"] >= first["birth_date"]).all()
    assert (first["coverage_start_date"] == first["birth_date"]).mean() > 0.7  # type: ignore[operator]
    named = lake.scan(PATIENTS).filter(pl.col("birth_date") > pl.col("day")).collect()
    assert named.is_empty()
    assert first["birth_date"].max() <= FEED.end_date  # type: ignore[operator]


def test_children_are_a_fifth_to_a_quarter_of_the_members(lake: Lake) -> None:
    births = lake.read(ENROLLMENT)["birth_date"]
    assert 0.18 < (births > date(2006, 1, 1)).mean() < 0.27  # type: ignore[operator]


def test_infants_come_when_they_are_due(visits: pl.DataFrame) -> None:
    codes = read_table("procedures").filter(pl.col("category") == "preventive_visit", pl.col("to_age") < 18)
    well = visits.filter(pl.col("codes").list.eval(pl.element().is_in(codes["hcpcs_code"].implode())).list.any())
    infants = well.filter(pl.col("months") < 9)
    due = pl.Series([0, 1, 2, 4, 6])
    assert infants.height > 60
    assert infants["months"].floor().cast(pl.Int64).is_in(due.implode()).mean() > 0.95  # type: ignore[operator]
    assert well["age"].max() < 19  # type: ignore[operator]


def test_vaccines_are_those_of_the_age(visits: pl.DataFrame) -> None:
    ages = {
        "90723": (2, 8),
        "90680": (2, 8),
        "90707": (12, 15),
        "90633": (12, 23),
        "90710": (48, 61),
        "90734": (132, 205),
    }
    for code, (youngest, oldest) in ages.items():
        months = visits.filter(pl.col("codes").list.contains(code))["months"]
        assert months.len() > 0
        assert months.is_between(youngest - 0.2, oldest).all()


def test_a_vaccine_comes_once_a_visit_of_the_schedule(visits: pl.DataFrame) -> None:
    rotavirus = visits.filter(pl.col("codes").list.contains("90680")).group_by("patient_id")
    days = rotavirus.agg(pl.col("claim_start_date").n_unique())["claim_start_date"]  # a replaced claim has the same day
    assert days.max() <= 3  # type: ignore[operator]


@pytest.mark.parametrize("code", ["E11.9", "I10", "I25.10", "M17.11", "J44.9", "R07.9"])
def test_small_children_have_no_conditions_of_adults(visits: pl.DataFrame, code: str) -> None:
    with_code = visits.filter(pl.col("diagnosis_codes").list.contains(code))
    assert with_code.height > 0
    assert with_code["age"].min() > 15  # type: ignore[operator]


@pytest.mark.parametrize(("code", "oldest"), [("B08.4", 12), ("J21.9", 3), ("J05.0", 7), ("L22", 4)])
def test_children_have_the_infections_of_their_age(visits: pl.DataFrame, code: str, oldest: int) -> None:
    ages = visits.filter(pl.col("diagnosis_codes").list.first() == code)["age"]
    assert ages.len() > 0
    assert ages.max() <= oldest  # type: ignore[operator]
    assert ages.median() < 9  # type: ignore[operator]


def test_ears_are_infected_in_childhood(visits: pl.DataFrame) -> None:
    is_ear = pl.col("diagnosis_codes").list.first().str.starts_with("H66")
    small, grown = (
        visits.filter(of_age).select(is_ear.mean()).item() for of_age in (pl.col("age") < 4, pl.col("age") >= 18)
    )
    assert small > 5 * grown > 0


def test_most_office_visits_of_children_are_with_pediatricians(lake: Lake, visits: pl.DataFrame) -> None:
    doctors = lake.read(PRACTITIONERS).select("practitioner_id", "specialty")
    seen = visits.filter(pl.col("codes").list.eval(pl.element().str.starts_with("9939")).list.any()).join(
        doctors, on="practitioner_id"
    )
    assert (seen.filter(pl.col("age") < 18)["specialty"] == "pediatrics").mean() > 0.85  # type: ignore[operator]
    assert not (seen.filter(pl.col("age") >= 18.1)["specialty"] == "pediatrics").any()


def test_a_feed_with_more_people_begins_with_the_same_people() -> None:
    from claims_pipeline.generate.people.enrollment import enrollment

    small, large = (enrollment(FEED.model_copy(update={"patients": count}), 2026) for count in (40, 400))
    columns = ["patient_id", "gender", "birth_date", "conditions"]
    kept = large.filter(pl.col("patient_id").is_in(small["patient_id"].implode()))
    assert kept.select(columns).equals(small.select(columns))
