"""How often people are seen by their plan: emergency visits by payer, fewer visits under a high deductible."""

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.days import ages_on, months_since_epoch, year_of, year_start, years_in
from claims_pipeline.generate.numbers.draws import Bits, Draws, Floats, Integers
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.choosing import choose_people
from claims_pipeline.generate.people.coverage import span_on
from claims_pipeline.generate.people.population import population
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

ATTEMPTS = 5
"""Number of people drawn for a claim, at most, until one is seen, as often as the plan's members are; then the last."""
EMERGENCY = "emergency"
QUARTERS = ("quarter_1", "quarter_2", "quarter_3", "quarter_4")
MEDICARE_AGE = 65


def by_plan(feed: Feed, story: Integers, person: Integers, service: Integers, counter: Bits) -> Integers:
    """Return whom claims are about, somebody else in place of some of those whose plans' members are seen less."""
    draws, stories, person = Draws(feed.seed), read_table("stories"), person.copy()
    (open_claims,) = np.nonzero((stories["draw"] == "random").to_numpy()[story])
    is_emergency = (stories["story"] == EMERGENCY).to_numpy()[story]
    for attempt in range(ATTEMPTS):
        mine = open_claims
        chance = _chances(feed, person[mine], service[mine], column=np.where(is_emergency[mine], 0, 1))
        open_claims = mine[draws.uniform(f"claim/use {attempt}", counter[mine]) >= chance]
        uniform = draws.uniform(f"claim/person by plan {attempt}", counter[open_claims])
        for number, profile in enumerate(stories["people"]):
            at = story[open_claims] == number
            if at.any():
                rows = open_claims[at]
                person[rows] = choose_people(feed, profile, uniform[at], service[rows])
    return person


def _chances(feed: Feed, person: Integers, service: Integers, column: Integers) -> Floats:
    """Return the chance that a person who is drawn is seen: by emergency (column 0) or else by the quarter."""
    table = read_table("plan_use").select(EMERGENCY, *QUARTERS).to_numpy()
    quarter = months_since_epoch(service) % 12 // 3 + 1
    years, chance = year_of(service), np.ones(len(person))
    for year in years_in(years):
        mine = years == year
        rows = _rows_of_year(feed, year)[person[mine]]
        chance[mine] = table[rows, np.where(column[mine] == 0, 0, quarter[mine])]
    chance /= table.max()
    return chance


@once(maxsize=8)
def _rows_of_year(feed: Feed, year: int) -> NDArray[np.int8]:
    """Return for each person the row of plan_use that they belong to in the middle of a year."""
    people, middle = np.arange(feed.patients), int(year_start(np.array([year]))[0]) + 181
    plans = read_table("plans")["plan_type"].gather(
        span_on(feed, people=people, days=np.full(len(people), middle)).plan
    )
    members = read_table("plan_use")["members"].to_list()
    rows = plans.replace_strict(members, list(range(len(members)))).to_numpy().astype(np.int8)
    is_young = ages_on(population(feed).birth_day, np.full(1, middle)) < MEDICARE_AGE
    rows[is_young & plans.str.starts_with("medicare").to_numpy()] = members.index("disabled")
    return rows
