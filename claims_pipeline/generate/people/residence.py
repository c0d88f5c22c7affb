"""Where a person lives on a day: about one in eleven moves within a year, some of them to another city."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from claims_pipeline.generate.numbers.choices import KeyedChoice
from claims_pipeline.generate.numbers.days import year_of, year_start
from claims_pipeline.generate.numbers.draws import Draws, Integers, pair
from claims_pipeline.generate.people.households import CHILD
from claims_pipeline.generate.people.population import population
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

MOVES_A_YEAR = 0.09
"""Share of persons who move within a year: Census, CPS ASEC 2022-2023, rounded."""
MOVES_TO_ANOTHER_CITY = 0.3
"""Share of the moves that lead to another county: same source, rounded."""


@dataclass(frozen=True)
class Residence:
    """Homes as arrays.

    Attributes:
        home: number of the person whose home it is: a household lives with its head, a child until it has coverage of
            its own.
        city: row of the cities table.
        moved_in: year of the latest move, 0 for the first home: with `home` it names the address.
    """

    home: Integers
    city: Integers
    moved_in: Integers

    def remembered(self, feed: Feed, what: str, choose: Callable[[Integers], Integers]) -> Integers:
        """Return the row of a reference table that is chosen for each address, asking once for each address.

        Args:
            feed: the feed.
            what: what is chosen.
            choose: returns the rows for the addresses at some positions.
        """
        chosen = np.empty_like(self.home)
        for year in np.flatnonzero(np.bincount(self.moved_in)):
            (at,) = np.nonzero(self.moved_in == year)
            chosen[at] = population(feed).remembered(f"{what}/{year}", self.home[at], partial(_at, choose, at))
        return chosen


def _at(choose: Callable[[Integers], Integers], rows: Integers, first: Integers) -> Integers:
    """Return what is chosen for the addresses at some positions of `rows`."""
    return choose(rows[first])


def residence_on(feed: Feed, people: Integers, days: Integers) -> Residence:
    """Return where each person lives on a day; moves are known from the year before the feed's first day on."""
    draws, homes = Draws(feed.seed), population(feed).households
    has_left = (homes.role[people] == CHILD) & (homes.own_from[people] <= year_of(days))
    home = np.where(has_left, people, homes.head[people])
    cities = _cities()
    city = population(feed).remembered(
        "home", home, lambda first: cities.choose(draws.bits("person/city", home[first]))
    )
    moved_in = np.zeros(len(home), dtype=np.int64)
    for year in range(feed.start_date.year - 1, int(year_of(days).max(initial=0)) + 1):
        key = pair(home, year)
        chance = draws.uniform("person/move", key)
        (movers,) = np.nonzero(chance < MOVES_A_YEAR)
        moved_on = year_start(np.array([year])) + draws.below("person/move day", key[movers], 365)
        movers = movers[moved_on <= days[movers]]
        moved_in[movers] = year
        away = movers[chance[movers] < MOVES_A_YEAR * MOVES_TO_ANOTHER_CITY]
        city[away] = cities.choose(draws.bits("person/new city", key[away]))
    return Residence(home, city, moved_in)


@cache
def _cities() -> KeyedChoice:
    """Return the choice of a city by the people who live there."""
    table = read_table("cities")
    return KeyedChoice(table["city"].to_list(), table["population_count"].to_numpy())
