"""A birth brings the mother's course and the newborn's first days with it."""

from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from claims_pipeline.generate.days import day_number
from claims_pipeline.generate.households import NOBODY
from claims_pipeline.generate.identifiers import dates
from claims_pipeline.generate.maternity import Pregnancies, planned_visits, pregnancies
from claims_pipeline.generate.population import population
from claims_pipeline.generate.years import visits_of
from claims_pipeline.lake import Feed

pytestmark = pytest.mark.heavy

FEED = Feed(seed=8, patients=4_000, claims=16_800, start_date=date(2025, 1, 1), end_date=date(2025, 12, 31))
FIRST, LAST = day_number(FEED.start_date), day_number(FEED.end_date)


class Year(NamedTuple):
    pregnancies: Pregnancies
    visits: pl.DataFrame


@pytest.fixture(scope="module")
def year() -> Year:
    return Year(pregnancies(FEED), visits_of(FEED, 2025))


def births(those: Pregnancies) -> pl.DataFrame:
    """Return the births of the feed's range to mothers who are covered on the day."""
    is_here = (those.birth >= FIRST) & (those.birth <= LAST) & population(FEED).covers(those.mother, those.birth)
    here = those.at(is_here)
    return pl.DataFrame(
        {
            "person": here.mother,
            "child": here.child,
            "service_date": dates(here.birth),
            "last_period": dates(here.last_period),
            "is_cesarean": here.is_cesarean,
            "had_cesarean": here.had_cesarean,
        }
    ).with_columns(pl.col("person", "child").cast(pl.Int32))


def of_story(year: Year, story: str) -> pl.DataFrame:
    return year.visits.filter(pl.col("story") == story)


def test_every_birth_whose_claim_has_been_received_has_a_delivery_of_its_mother(year: Year) -> None:
    expected = planned_visits(FEED, FIRST, LAST)
    born = births(year.pregnancies).filter(
        pl.struct("person", "service_date").is_in(
            pl.DataFrame({"person": expected.person.astype(np.int32), "service_date": dates(expected.service)})
            .to_struct()
            .implode()
        )
    )
    billed = born.join(of_story(year, "delivery"), on=["person", "service_date"], how="semi")

    assert born.height > 20
    assert billed.height == born.height


def test_a_delivery_names_its_kind_the_outcome_and_the_week(year: Year) -> None:
    deliveries = of_story(year, "delivery").join(births(year.pregnancies), on=["person", "service_date"])
    codes = pl.col("diagnosis_codes")
    weeks = (pl.col("service_date") - pl.col("last_period")).dt.total_days() // 7
    packages = {(False, False): "59400", (False, True): "59610"}

    assert (deliveries.select(codes.list.get(1)).to_series() == "Z37.0").all()
    assert deliveries.select((codes.list.get(2) == pl.format("Z3A.{}", weeks)).all()).item()
    for is_cesarean, had_cesarean, lines in deliveries.select("is_cesarean", "had_cesarean", "hcpcs_codes").iter_rows():
        wanted = packages.get((is_cesarean, had_cesarean))
        assert lines == [wanted] if wanted else set(lines) <= {"59510", "59618"}
        assert had_cesarean or lines != ["59618"]


def test_one_obstetrician_has_the_visits_and_the_delivery(year: Year) -> None:
    doctors = pl.concat([of_story(year, "pregnancy_visit"), of_story(year, "delivery")])
    both = doctors.group_by("person").agg(
        pl.col("story").n_unique().alias("stories"), pl.col("practitioner").n_unique()
    )

    assert (
        both.filter(pl.col("stories") == 2)["practitioner"].to_list()
        == [1] * both.filter(pl.col("stories") == 2).height
    )
    assert (both["stories"] == 2).any()


def test_prenatal_care_lies_before_the_birth_at_its_week(year: Year) -> None:
    glucose = year.visits.filter(pl.col("hcpcs_codes").list.contains("82950"))
    weeks = glucose["diagnosis_codes"].list.get(1)

    assert glucose.height > 10
    assert weeks.is_in([f"Z3A.{week}" for week in range(24, 28)]).all()


def test_a_newborn_is_seen_in_hospital_from_the_day_of_birth_and_goes_home(year: Year) -> None:
    at = year.visits.filter(pl.col("story").str.starts_with("newborn"))
    born = dates(population(FEED).birth_day).gather(at["person"])
    found = {
        story: set(of["age"])
        for (story,), of in at.with_columns(age=(pl.col("service_date") - born).dt.total_days()).group_by("story")
    }

    assert found["newborn_first"] == {0}
    assert found["newborn_next"] <= {1, 2}
    assert found["newborn_home"] == {2, 3}
    assert at["diagnosis_codes"].list.first().is_in(["Z38.00", "Z38.01"]).all()


def test_the_visits_of_a_range_are_those_of_its_parts() -> None:
    whole, middle = planned_visits(FEED, FIRST, LAST), FIRST + 200
    parts = [planned_visits(FEED, FIRST, middle), planned_visits(FEED, middle + 1, LAST)]

    assert len(whole.person) > 100
    for name, values in vars(whole).items():
        assert np.array_equal(values, np.concatenate([getattr(part, name) for part in parts])), name


def test_a_pregnancy_that_the_end_of_the_feed_cuts_off_has_its_visits_until_then(year: Year) -> None:
    cut_off = year.pregnancies.at((year.pregnancies.child == NOBODY) & (year.pregnancies.birth > LAST))
    visits = year.visits.filter(
        pl.col("person").is_in(cut_off.mother.tolist()), pl.col("story").str.starts_with("preg")
    )

    assert len(cut_off.mother) > 5
    assert visits["person"].n_unique() > 3


def test_a_feed_of_few_claims_has_few_of_pregnancies() -> None:
    sparse = FEED.model_copy(update={"claims": 1_000})
    visits = visits_of(sparse, 2025)
    planned = visits.filter(pl.col("story").str.contains("pregnancy|delivery|newborn")).height

    assert 0 < planned < 0.06 * visits.height


def test_a_third_of_the_births_are_cesareans() -> None:
    of_many = pregnancies(FEED.model_copy(update={"patients": 40_000}))

    assert 0.29 < of_many.is_cesarean.mean() < 0.35
    assert 0.78 < of_many.is_cesarean[of_many.had_cesarean].mean() < 0.94
