"""Stays in hospital: one physician from admission to discharge."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from claims_pipeline.generate.calendar import stories
from claims_pipeline.generate.days import day_number
from claims_pipeline.generate.population import population
from claims_pipeline.generate.stays import FIRST, LAST, LONGEST_STAY, NEXT, SHARE_OF_CLAIMS, hospital_visits
from claims_pipeline.generate.years import visits_of
from claims_pipeline.lake import Feed

pytestmark = pytest.mark.heavy

FEED = Feed(seed=8, patients=3_000, claims=25_000, start_date=date(2025, 1, 1), end_date=date(2025, 12, 31))
START, END = day_number(FEED.start_date), day_number(FEED.end_date)


@pytest.fixture(scope="module")
def visits() -> pl.DataFrame:
    planned = hospital_visits(FEED, START, END)
    columns = {name: values for name, values in vars(planned).items() if name != "codes"}
    return pl.DataFrame(columns).with_columns(story=pl.Series(stories()).gather(planned.story))


def test_a_stay_begins_with_a_first_visit_and_ends_with_the_discharge(visits: pl.DataFrame) -> None:
    stays = visits.sort("service").group_by("episode").agg("person", "service", "story")
    dead = population(FEED).member.last[stays["person"].list.first()] <= stays["service"].list.last().to_numpy()
    for days, kinds in stays.filter(~pl.Series(dead)).select("service", "story").iter_rows():
        assert days == list(range(days[0], days[0] + len(days)))
        assert kinds == [FIRST, *[NEXT] * (len(days) - 2), LAST]
        assert 2 <= len(days) <= LONGEST_STAY + 1
    assert stays.height > 30


def test_the_visits_of_a_stay_are_billed_together(visits: pl.DataFrame) -> None:
    assert (visits.group_by("episode").agg(pl.col("received", "person").n_unique())["received"] == 1).all()


def test_nobody_is_in_two_stays_at_once(visits: pl.DataFrame) -> None:
    assert not visits.select(pl.struct("person", "service").is_duplicated()).to_series().any()


def test_stays_have_their_share_of_the_claims(visits: pl.DataFrame) -> None:
    assert visits.height / FEED.claims == pytest.approx(SHARE_OF_CLAIMS, rel=0.15)


def test_days_that_are_asked_for_in_parts_have_the_same_stays(visits: pl.DataFrame) -> None:
    middle = START + 150
    parts = [hospital_visits(FEED, START, middle), hospital_visits(FEED, middle + 1, END)]
    assert np.array_equal(np.concatenate([part.counter for part in parts]), visits["counter"])


def test_a_stay_has_one_physician_and_one_reason() -> None:
    feed = FEED.model_copy(update={"claims": 2_000, "patients": 400, "end_date": date(2025, 2, 28)})
    drawn = visits_of(feed, 2025).filter(pl.col("story").is_in([FIRST, NEXT, LAST]))
    stays = drawn.group_by("person", "received_date").agg(pl.col("practitioner", "diagnosis_codes"), days=pl.len())
    whole = stays.filter(pl.col("days") > 1)

    assert whole.height > 2
    assert (whole["practitioner"].list.n_unique() == 1).all()
    assert all(len({tuple(codes) for codes in of_stay}) == 1 for of_stay in whole["diagnosis_codes"])
