"""What follows a stay in hospital: visits, rehabilitation, and codes of what it left behind."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE
from claims_pipeline.generate.numbers.days import day_number, year_of
from claims_pipeline.generate.numbers.draws import Integers
from claims_pipeline.generate.schedule.after_stays import lasting_of_stays, visits_after_stays
from claims_pipeline.generate.schedule.calendar import next_open, stories
from claims_pipeline.generate.schedule.diagnoses import Diagnoses
from claims_pipeline.generate.schedule.lasting import add_lasting
from claims_pipeline.generate.schedule.slots import Slots
from claims_pipeline.generate.schedule.stays import LONGEST_STAY, stays_between
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table
from claims_pipeline_tests.generate.schedule.planned import frame_of

pytestmark = pytest.mark.heavy

FEED = Feed(seed=8, patients=6_000, claims=120_000, start_date=date(2024, 1, 1), end_date=date(2025, 12, 31))
START, END = day_number(FEED.start_date), day_number(FEED.end_date)
CODES = read_table("diagnoses")["diagnosis_code"].to_list()


@pytest.fixture(scope="module")
def visits() -> pl.DataFrame:
    return frame_of(visits_after_stays(FEED, START, END))


def with_first(visits: pl.DataFrame, code: str) -> pl.DataFrame:
    return visits.filter(pl.col("code") == code)


def test_each_visit_follows_a_discharge_of_the_patient(visits: pl.DataFrame) -> None:
    stays = stays_between(FEED, START - 700, END)
    left = pl.DataFrame({"person": stays.person, "left": stays.admission + stays.nights}).sort("left")
    near = visits.sort("service").join_asof(left, left_on="service", right_on="left", by="person")

    assert visits.height > 300
    assert near["left"].null_count() == 0
    assert (visits["received"] - visits["service"]).is_between(0, 365).all()


def test_a_heart_attack_is_coded_as_such_for_four_weeks_and_as_an_old_one_after_them(visits: pl.DataFrame) -> None:
    stays = stays_between(FEED, START - 700, END)
    left = pl.DataFrame({"person": stays.person, "left": stays.admission + stays.nights}).sort("left")
    heart = visits.filter(pl.col("codes").list.eval(pl.element().is_in(["I21.4", "I25.2"])).list.any())
    near = heart.sort("service").join_asof(left, left_on="service", right_on="left", by="person")
    is_acute = near["codes"].list.contains("I21.4")
    days = near["service"] - near["left"]

    assert heart.height > 50
    assert days.filter(is_acute).to_numpy().max() <= 28 - LONGEST_STAY + 7
    assert days.filter(~is_acute).to_numpy().min() > 14


def test_sessions_of_a_course_are_on_open_days_and_never_on_two_in_a_row(visits: pl.DataFrame) -> None:
    sessions = visits.filter(pl.col("story").is_in(["rehabilitation", "heart_rehabilitation"])).sort("service")
    apart = sessions.with_columns(gap=pl.col("service").diff().over("episode"))["gap"].drop_nulls()

    assert sessions.height > 150
    assert apart.to_numpy().min() >= 2
    assert np.array_equal(next_open(sessions["service"].to_numpy()), sessions["service"])


def test_a_stroke_is_never_coded_after_the_stay_but_what_it_left_is_and_a_weakness_keeps_its_side(
    visits: pl.DataFrame,
) -> None:
    after = visits.filter(pl.col("codes").list.eval(pl.element().str.contains("^I69|Z86.73")).list.any())
    weak = after.filter(pl.col("codes").list.first().str.starts_with("I69"))
    sides = weak.group_by("person").agg(pl.col("codes").list.first().n_unique().alias("sides"))

    assert with_first(visits, "I63.9").is_empty()
    assert after.height > 50
    assert np.mean(sides["sides"].to_numpy() == 1) > 0.9  # but for a second stroke


def test_days_that_are_asked_for_in_parts_have_the_same_visits(visits: pl.DataFrame) -> None:
    middle = START + 400
    parts = [visits_after_stays(FEED, START, middle), visits_after_stays(FEED, middle + 1, END)]

    assert np.array_equal(np.concatenate([part.counter for part in parts]), visits["counter"])


@pytest.mark.parametrize("begins", ["I25.2", "I69 Z86.73"])
def test_later_visits_code_what_a_stay_left_behind_and_earlier_ones_do_not(visits: pl.DataFrame, begins: str) -> None:
    of = visits.filter(pl.col("codes").list.eval(pl.element().str.contains(begins.replace(" ", "|"))).list.any())
    people = of["person"].unique().to_numpy()

    def lasting(day: int) -> list[str]:
        diagnoses = coded(np.repeat(people, 20), day)
        return [CODES[second] for second in diagnoses.codes[:, 1] if second != NONE]

    assert not any(other.startswith(tuple(begins.split())) for other in lasting(START - 360))
    later = [other for other in lasting(END) if other.startswith(tuple(begins.split()))]
    assert len(later) > 12 * len(people)


def coded(people: Integers, day: int) -> Diagnoses:
    """Return the diagnoses of follow-ups of hypertension of some people on a day."""
    size = len(people)
    counter = np.arange(size).astype(np.uint64)
    story = np.full(size, stories().index("chronic_care"))
    codes = np.full((size, MOST_DIAGNOSES), NONE)
    codes[:, 0] = CODES.index("I10")
    diagnoses = Diagnoses(codes, np.ones(size, dtype=np.int64))
    slots = Slots(counter, counter, np.zeros(size, dtype=np.bool_), story, people, np.full(size, day))
    add_lasting(slots, diagnoses, np.arange(size), lasting_of_stays(FEED, int(year_of(np.array([day]))[0])))
    return diagnoses
