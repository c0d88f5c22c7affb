"""A birth brings the mother's course and the newborn's first days with it."""

from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from claims_pipeline.generate.coding.pregnancy_codes import codes_of_visit
from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.numbers.draws import Integers
from claims_pipeline.generate.numbers.identifiers import dates
from claims_pipeline.generate.people.conditions import condition_names
from claims_pipeline.generate.people.households import LONGEST_PREGNANCY, NOBODY
from claims_pipeline.generate.people.population import onsets_of, population
from claims_pipeline.generate.people.pregnancies import Pregnancies, pregnancies
from claims_pipeline.generate.schedule.calendar import LONGEST_WAIT
from claims_pipeline.generate.schedule.maternity import MOST_OF_CLAIMS, maternity_visits
from claims_pipeline.generate.years.years import visits_of
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

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


MANY = FEED.model_copy(update={"patients": 40_000})


@pytest.fixture(scope="module")
def of_many() -> Pregnancies:
    return pregnancies(MANY)


def of_story(year: Year, story: str) -> pl.DataFrame:
    return year.visits.filter(pl.col("story") == story)


def deliveries_of(year: Year) -> pl.DataFrame:
    """Return the deliveries, each with its birth."""
    billed = year.visits.filter(pl.col("story").is_in(["delivery", "delivery_only"]))
    return billed.join(births(year.pregnancies), on=["person", "service_date"])


def test_every_birth_of_a_covered_mother_has_a_delivery_that_is_received_in_time(year: Year) -> None:
    long_ago = pl.lit(LAST - 90).cast(pl.Date)  # nearly all claims of the time before have been received by the end
    born = births(year.pregnancies).filter(pl.col("service_date") < long_ago)
    billed = born.join(deliveries_of(year), on=["person", "service_date"], how="semi")

    assert born.height > 15
    assert billed.height >= 0.9 * born.height


def test_a_delivery_names_the_outcome_and_the_week(year: Year) -> None:
    deliveries = deliveries_of(year)
    codes = pl.col("diagnosis_codes")
    weeks = (pl.col("service_date") - pl.col("last_period")).dt.total_days() // 7

    assert deliveries.select(codes.list.contains("Z37.0").all()).item()
    assert deliveries.select(codes.list.contains(pl.format("Z3A.{}", weeks)).all()).item()


def test_the_package_is_that_of_the_kind_of_birth(year: Year) -> None:
    whole = {(False, False): "59400", (False, True): "59610", (True, False): "59510", (True, True): "59510"}
    only = {"59400": "59410", "59610": "59614", "59510": "59515", "59618": "59622"}

    for is_cesarean, had_cesarean, story, (line,), codes in (
        deliveries_of(year).select("is_cesarean", "had_cesarean", "story", "hcpcs_codes", "diagnosis_codes").iter_rows()
    ):
        package = "59618" if codes[0] == "O66.41" else whole[is_cesarean, had_cesarean]
        assert line == (package if story == "delivery" else only[package])


def test_a_mother_who_is_not_covered_early_has_no_package_for_the_whole_pregnancy(year: Year) -> None:
    covers = population(FEED).covers
    deliveries = deliveries_of(year)
    week_10 = deliveries["last_period"].to_physical().to_numpy().astype(np.int64) + 70
    is_covered = covers(deliveries["person"].to_numpy().astype(np.int64), week_10)

    assert (deliveries["story"] == np.where(is_covered, "delivery", "delivery_only")).all()
    assert deliveries["story"].n_unique() == 2


def coded(
    those: Pregnancies, diagnosis: str, service: Integers | None = None, *, is_high: bool = False
) -> list[list[str]]:
    """Return the diagnoses of a visit of each pregnancy, on the day of the birth if none is given."""
    names = read_table("diagnoses")["diagnosis_code"].to_list()
    days = those.birth if service is None else service
    rows = codes_of_visit(MANY, those, days, diagnosis=diagnosis, is_high=is_high)
    return [[names[code] for code in codes if code >= 0] for codes in rows]


def test_the_principal_diagnosis_is_that_of_the_kind_of_birth(of_many: Pregnancies) -> None:
    is_early = of_many.weeks < 37
    plain = ~(of_many.is_diabetic | of_many.is_hypertensive | of_many.has_diabetes | (of_many.weeks > 40))
    cesarean, had = of_many.is_cesarean, of_many.had_cesarean
    of_first = {"O82", "O32.1XX0", "O76", "O62.1", "O65.4"}

    def principal(rows: NDArray[np.bool_]) -> set[str]:
        return {codes[0] for codes in coded(of_many.at(rows), "delivery")}

    assert principal(cesarean & had) == {"O34.211", "O66.41"}
    assert principal(cesarean & ~had) == of_first
    assert principal(~cesarean & had) == {"O34.219"}
    assert principal(~cesarean & ~had & is_early) == {"O60.14X0"}
    assert principal(~cesarean & ~had & ~is_early & plain) == {"O80", "O70.0", "O70.1"}


def test_a_failed_attempt_after_a_cesarean_names_the_scar_too(of_many: Pregnancies) -> None:
    attempts = [codes for codes in coded(of_many, "delivery") if codes[0] == "O66.41"]

    assert len(attempts) > 10
    assert all(codes[1] == "O34.211" for codes in attempts)


def test_a_vaginal_birth_after_a_cesarean_before_term_is_coded_as_preterm_too(of_many: Pregnancies) -> None:
    healthy = ~(of_many.is_diabetic | of_many.is_hypertensive | of_many.has_diabetes)
    early = of_many.at(healthy & of_many.had_cesarean & (of_many.weeks < 37))
    vaginal = replace(early, is_cesarean=np.zeros(len(early.birth), dtype=np.bool_))

    assert len(vaginal.birth) > 2
    assert all(codes[:2] == ["O34.219", "O60.14X0"] for codes in coded(vaginal, "delivery"))


@pytest.mark.parametrize(
    ("risk", "code"),
    [("is_diabetic", "O24.12"), ("is_hypertensive", "O10.02"), ("has_diabetes", "O24.420"), ("is_late", "O48.0")],
)
def test_a_risk_of_the_mother_is_coded_at_the_birth_and_excludes_a_normal_one(
    of_many: Pregnancies, risk: str, code: str
) -> None:
    risks = {
        "is_late": of_many.weeks >= 41,
        **{name: getattr(of_many, name) for name in ("is_diabetic", "is_hypertensive", "has_diabetes")},
    }
    only = risks.pop(risk) & ~np.any(list(risks.values()), axis=0) & ~of_many.had_cesarean
    deliveries = coded(of_many.at(only), "delivery")

    assert len(deliveries) > 10
    assert all(code in codes and "O80" not in codes for codes in deliveries)
    assert all("Z37.0" in codes for codes in deliveries)


def test_a_mother_with_diabetes_has_no_gestational_diabetes(of_many: Pregnancies) -> None:
    onset = onsets_of(MANY)[condition_names().index("diabetes")][of_many.mother]

    assert (of_many.is_diabetic == (onset <= of_many.last_period)).all()
    assert not (of_many.has_diabetes & (onset <= of_many.birth)).any()
    assert not (of_many.has_abnormal_glucose & (onset <= of_many.birth)).any()
    assert of_many.has_diabetes.any()


@pytest.mark.parametrize(("days", "trimester"), [(70, 1), (130, 2), (240, 3)])
def test_prenatal_care_of_an_ill_mother_names_her_disease(of_many: Pregnancies, days: int, trimester: int) -> None:
    for risk, code, behind in (
        ("is_diabetic", f"O24.11{trimester}", "E11"),
        ("is_hypertensive", f"O10.01{trimester}", ""),
    ):
        ill = of_many.at(getattr(of_many, risk))
        visits = coded(ill, "supervision", ill.last_period + days)
        assert len(visits) > 10
        assert all(code in codes and codes[-1].startswith("Z3A") for codes in visits)
        alone = [codes for codes in visits if sum(other.startswith("O") for other in codes) == 1]
        assert len(alone) > 10
        assert all(any(other.startswith(behind) for other in codes) for codes in alone)
        assert not any(other.startswith("Z34") for codes in visits for other in codes)


def test_a_mother_with_diabetes_and_kidney_disease_has_its_stage_coded_and_never_diabetes_without_complications(
    of_many: Pregnancies,
) -> None:
    kidneys = onsets_of(MANY)[condition_names().index("chronic_kidney_disease")][of_many.mother]
    ill = of_many.at(of_many.is_diabetic & (kidneys <= of_many.last_period))
    visits = coded(ill, "supervision", ill.last_period + 130)

    assert any(other == "E11.22" for codes in visits for other in codes)
    for codes in visits:
        assert "E11.9" not in codes
        assert ("E11.22" in codes) == any(other.startswith("N18") for other in codes)


def test_pregnancies_last_as_long_as_the_births_of_the_country(of_many: Pregnancies) -> None:
    """CDC NCHS Health E-Stat 104, single births of 2023."""
    weeks = of_many.weeks
    shares = [np.mean((weeks >= first) & (weeks <= last)) for first, last in ((0, 36), (37, 38), (39, 40), (41, 41))]

    assert shares == pytest.approx([0.087, 0.296, 0.567, 0.050], abs=0.025)
    assert (of_many.birth - of_many.last_period).max() <= LONGEST_PREGNANCY


@pytest.mark.parametrize("row", read_table("pregnancy_visits").filter(counted_from="last_period").to_dicts(), ids=str)
def test_a_visit_stays_in_its_trimester_however_long_offices_are_closed(row: dict[str, Any]) -> None:
    first, last = np.digitize([row["first_day"] // 7, (row["last_day"] + LONGEST_WAIT) // 7], [14, 28])
    assert first == last


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
    whole, middle = maternity_visits(FEED, FIRST, LAST), FIRST + 200
    parts = [maternity_visits(FEED, FIRST, middle), maternity_visits(FEED, middle + 1, LAST)]

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


def test_newborns_before_35_weeks_are_not_billed_as_normal_ones(of_many: Pregnancies) -> None:
    newborn = read_table("stories")["story"].str.starts_with("newborn").to_numpy()
    visits = maternity_visits(MANY.model_copy(update={"claims": 10_000_000}), FIRST, LAST)
    children = visits.person[newborn[visits.story]]
    weeks = dict(zip(of_many.child.tolist(), of_many.weeks.tolist(), strict=True))

    assert len(children) > 100
    assert min(weeks[child] for child in children.tolist()) == 35


@pytest.mark.parametrize("days", [1, 10, 365])
def test_a_feed_of_few_claims_has_few_of_pregnancies(days: int) -> None:
    for start in (FIRST, FIRST + 100, FIRST + 200):
        feed = Feed(
            seed=8,
            patients=8_000,
            claims=40 * days // 5 + 40,
            start_date=dates(np.array([start]))[0],
            end_date=dates(np.array([start + days - 1]))[0],
        )
        planned = maternity_visits(feed, start, start + days - 1)
        assert len(planned.person) <= MOST_OF_CLAIMS * feed.claims
    assert days < 365 or len(planned.person) > 0


def test_a_third_of_the_births_are_cesareans(of_many: Pregnancies) -> None:
    assert 0.29 < of_many.is_cesarean.mean() < 0.35
    assert 0.78 < of_many.is_cesarean[of_many.had_cesarean].mean() < 0.94
