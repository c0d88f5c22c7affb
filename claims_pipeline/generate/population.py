"""The people of a feed as arrays, one element a person.

A person is the same for ever: what holds on a day is a function of (seed, person, day). Only numbers are kept here;
names and addresses are made for the people whom claims name (tables).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from claims_pipeline.generate.days import day_number, day_of, year_of, year_start
from claims_pipeline.generate.draws import Draws, Floats, Integers, WeightTable, pair
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

MOVES_A_YEAR = 0.09
"""Share of persons who move within a year: Census, CPS ASEC 2022-2023, rounded."""
MOVES_TO_ANOTHER_CITY = 0.3


@dataclass(frozen=True)
class Population:
    """Arrays of equal length, the element p is the person with number p + 1.

    Attributes:
        is_female: bool.
        birth_day: days since 1970-01-01.
        use_weight: how much care the person uses, mean about 1 with a long tail.
    """

    feed: Feed
    is_female: np.ndarray[tuple[int], np.dtype[np.bool_]]
    birth_day: Integers
    use_weight: Floats


@lru_cache(maxsize=1)
def population(feed: Feed) -> Population:
    """Return the people of a feed."""
    draws, people = Draws(feed.seed), np.arange(feed.patients)
    pyramid = read_table("age_pyramid")
    counts = np.concatenate([pyramid["female"].to_numpy(), pyramid["male"].to_numpy()])
    band = WeightTable(counts).choose(draws.bits("person/age band", people))
    bands = pyramid.height
    from_age, to_age = (pyramid[name].to_numpy()[band % bands] for name in ("from_age", "to_age"))
    days_old = np.floor((to_age + 1 - from_age) * 365.2425 * draws.uniform("person/age", people)).astype(np.int64)
    start = day_number(feed.start_date)
    youngest = _years_before(feed, from_age)
    return Population(
        feed=feed,
        is_female=band < bands,
        birth_day=np.minimum(youngest - days_old, start),
        use_weight=np.exp(draws.normal("person/use", people)),
    )


def _years_before(feed: Feed, years: Integers) -> Integers:
    """Return the birthdays of those who are exactly `years` old on the feed's first day."""
    first = feed.start_date
    first_of_year = year_start(first.year - years)
    return first_of_year + (first - day_of(int(year_start(np.array([first.year]))[0]))).days


def moves_until(feed: Feed, people: Integers, days: Integers) -> Integers:
    """Return the number of the person's address on each day: 0, or a number of their latest move."""
    draws = Draws(feed.seed)
    years = year_of(days)
    latest = np.zeros(len(people), dtype=np.int64)
    for year in range(feed.start_date.year - 1, int(years.max(initial=0)) + 1):
        key = pair(people, np.full(len(people), year))
        moved_on = year_start(np.array([year])) + draws.below("person/move day", key, 365)
        moved = (draws.uniform("person/move", key) < MOVES_A_YEAR) & (moved_on <= days)
        latest[moved] = year
    return latest


def city_on(feed: Feed, people: Integers, days: Integers) -> Integers:
    """Return the index of the city (row of `cities`) where each person lives on a day."""
    draws = Draws(feed.seed)
    years = year_of(days)
    cities = WeightTable(read_table("cities")["population_count"].to_numpy())
    city = cities.choose(draws.bits("person/city", people))
    for year in range(feed.start_date.year - 1, int(years.max(initial=0)) + 1):
        key = pair(people, np.full(len(people), year))
        bits = draws.uniform("person/move", key)
        moved_on = year_start(np.array([year])) + draws.below("person/move day", key, 365)
        moved = (bits < MOVES_A_YEAR * MOVES_TO_ANOTHER_CITY) & (moved_on <= days)
        if moved.any():
            city[moved] = cities.choose(draws.bits("person/new city", key[moved]))
    return city
