"""Chronic conditions begin, stay, progress, and are coded as they are on the day of service."""

from datetime import date

import numpy as np
import pytest

from claims_pipeline.generate.numbers.days import NEVER, ages_on, day_number
from claims_pipeline.generate.numbers.draws import Draws
from claims_pipeline.generate.people.conditions import all_conditions, code_conditions, condition_names
from claims_pipeline.generate.people.population import conditions_on, onsets_of, population
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

FEED = Feed(seed=7, patients=40_000, claims=100, start_date=date(2024, 1, 1), end_date=date(2026, 12, 31))
EVERYBODY = np.arange(FEED.patients)


def masks(year: int) -> np.ndarray:
    return conditions_on(FEED, EVERYBODY, np.full(FEED.patients, day_number(date(year, 1, 1))))


def codes(year: int, condition: str) -> np.ndarray:
    """Return the codes of a condition on January 1 of those who have it then, and nothing for the others."""
    of_year, number = masks(year), condition_names().index(condition)
    (people,) = np.nonzero(of_year >> number & 1)
    rows = code_conditions(Draws(FEED.seed), people, of_year[people], np.full(len(people), number))
    found = np.full(FEED.patients, "", dtype=object)
    found[people] = read_table("diagnoses")["diagnosis_code"].gather(rows).to_numpy()
    return found


@pytest.mark.parametrize("condition", ["hypertension", "diabetes", "chronic_kidney_disease", "depression", "obesity"])
@pytest.mark.parametrize(("column", "youngest", "oldest"), [("from_35", 35, 49), ("from_65", 65, 74)])
def test_prevalence_by_age_is_that_of_the_table(condition: str, column: str, youngest: int, oldest: int) -> None:
    people = population(FEED)
    ages = ages_on(people.birth_day, np.array([day_number(FEED.start_date)]))
    of_age = (ages >= youngest) & (ages <= oldest)
    has = masks(2024)[of_age] >> condition_names().index(condition) & 1
    expected = read_table("conditions").filter(read_table("conditions")["condition"] == condition)[column].item()
    assert has.mean() == pytest.approx(expected, abs=0.025)


def test_conditions_come_and_stay() -> None:
    before, after = (masks(year) & all_conditions() for year in (2024, 2027))
    assert (before & ~after == 0).all()
    share = (after != before).mean()
    assert 0.1 < share < 0.35


def test_a_condition_is_there_from_its_onset_on() -> None:
    onsets = onsets_of(FEED)[condition_names().index("diabetes")]
    (people,) = np.nonzero(onsets != NEVER)
    bit = condition_names().index("diabetes")
    for offset, has in ((-1, 0), (0, 1)):
        found = conditions_on(FEED, people, onsets[people] + offset) >> np.uint32(bit) & 1
        assert (found == has).all()


def test_stages_only_rise_and_new_cases_begin_at_the_first() -> None:
    order = ["", "N18.1", "N18.2", "N18.31", "N18.32", "N18.4", "N18.5", "N18.6"]
    of_years = (codes(year, "chronic_kidney_disease") for year in (2024, 2027))
    before, after = (np.array([order.index(code) for code in of_year]) for of_year in of_years)
    assert (after >= before).all()
    moved = (after > before) & (before > 0)
    assert 0.1 < moved[before > 0].mean() < 0.4
    onsets = onsets_of(FEED)[condition_names().index("chronic_kidney_disease")]
    is_new = (onsets > day_number(date(2026, 11, 1))) & (onsets <= day_number(date(2027, 1, 1)))
    assert is_new.any()
    assert np.median(after[is_new]) == 1


def test_hypertension_with_kidney_disease_is_coded_by_its_stage() -> None:
    kidney, pressure = codes(2024, "chronic_kidney_disease"), codes(2024, "hypertension")
    both = (kidney != "") & (pressure != "")
    is_late = (kidney == "N18.5") | (kidney == "N18.6")
    assert set(pressure[both & is_late]) == {"I12.0", "I13.2"}
    assert set(pressure[both & ~is_late]) == {"I12.9", "I13.0"}
