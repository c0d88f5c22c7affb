"""Visits of healthy children by schedule (well_child.csv): who is due about a day, and how newborns' are coded."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.days import DAYS_A_YEAR, day_number, weekday_of, year_of, year_start, years_in
from claims_pipeline.generate.numbers.draws import Draws, Floats, Integers
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.population import population
from claims_pipeline.generate.schedule.in_turn import NOBODY
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

STORY = "well_child"
EARLY, LATE = 6, 12
"""Number of days, at most, by which children come before or after the day on which they are due."""
FIRST_DAY = 8
"""Days after reaching the age of a visit on which it is due at the earliest: nobody comes before it."""
NEWBORNS_FIRST_DAY = 5
MORE_CLAIMS = 1.14
"""Claims for each visit that is due: some find nobody whose history they fit, and in the first year more are due."""
ATTEMPTS = 16
"""Number of children who are due that are tried, at most, until one is covered on the day."""
NEWBORN_CODES = (("Z00.110", 8), ("Z00.111", 29))
"""ICD-10-CM: the age in days below which an examination has the code."""


def children_of_weeks(feed: Feed, uniform: Floats, days: Integers) -> Integers:
    """Return for each day a child who is due for a visit in its week and covered, no visit twice if it can be.

    Where more days than visits fall on a week, further days take anybody who is due about then, or NOBODY.
    """
    everyone, person = population(feed), children_due(feed, uniform, days)
    order = np.argsort(days, kind="stable")
    weeks, begins, sizes = np.unique(days[order] - weekday_of(days[order]), return_index=True, return_counts=True)
    for year in np.unique(year_of(weeks)):
        due, children = _due(feed, int(year))
        mine = year_of(weeks) == year
        first = np.searchsorted(due, weeks[mine])
        count = np.searchsorted(due, weeks[mine] + 7) - first
        size = sizes[mine]
        rank = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        rows = order[np.repeat(begins[mine], size) + rank]
        place = np.where(np.repeat(count < size, size), rank, rank * np.repeat(count / size, size)).astype(np.int64)
        has_one = place < np.repeat(count, size)
        rows, found = rows[has_one], children[(np.repeat(first, size) + place)[has_one]]
        is_covered = everyone.covers(found, days[rows])
        person[rows[is_covered]] = found[is_covered]
    return person


def children_due(feed: Feed, uniform: Floats, days: Integers) -> Integers:
    """Return for each day a child who is due for a visit about then and covered on it, or NOBODY."""
    draws, everyone, years = Draws(feed.seed), population(feed), year_of(days)
    person, wanted, bits = np.full(len(days), NOBODY), np.arange(len(days)), uniform.view(np.uint64)
    for attempt in range(ATTEMPTS):
        for year in years_in(years[wanted]):
            due, children = _due(feed, year)
            mine = wanted[years[wanted] == year]
            begin = np.searchsorted(due, days[mine] - LATE)
            count = np.searchsorted(due, days[mine] + EARLY, side="right") - begin
            mine, begin, count = (values[count > 0] for values in (mine, begin, count))
            found = children[begin + draws.below(f"well child/{attempt}", bits[mine], count)]
            is_covered = everyone.covers(found, days[mine])
            person[mine[is_covered]] = found[is_covered]
        wanted = wanted[person[wanted] == NOBODY]
    return person


def visits_a_year(feed: Feed) -> float:
    """Return how many claims a year the visits need that are due to children who are covered on the day."""
    start, end = day_number(feed.start_date), day_number(feed.end_date)
    count = 0
    for year in range(feed.start_date.year, feed.end_date.year + 1):
        due, children = _due(feed, year)
        is_of_year = (year_of(due) == year) & (due >= start) & (due <= end)
        count += int(population(feed).covers(children[is_of_year], due[is_of_year]).sum())
    return MORE_CLAIMS * count / (end - start + 1) * DAYS_A_YEAR


def newborn_reasons(principal: Integers, is_well_child: NDArray[np.bool_], age_days: Integers) -> Integers:
    """Return the reasons of visits, those of newborns' examinations with the codes of their days of life."""
    codes = read_table("diagnoses")["diagnosis_code"].to_list()
    of_visit = principal.copy()
    for code, below in reversed(NEWBORN_CODES):
        of_visit[is_well_child & (age_days < below)] = codes.index(code)
    return of_visit


@once(maxsize=8)
def _due(feed: Feed, year: int) -> tuple[Integers, Integers]:
    """Return the days on which children are due in a year, in order, and the children; days around it included."""
    draws, everyone = Draws(feed.seed), population(feed)
    january, december = (int(day) for day in year_start(np.array([year, year + 1])) - [0, 1])
    months, spread, attends = _schedule()
    oldest = int((months[-1] + 12) / 12 * DAYS_A_YEAR)
    born = everyone.birth_day
    (children,) = np.nonzero((born <= december + LATE) & (born > january - oldest - LATE))
    days, people = [], []
    for visit, month in enumerate(months):
        goes = draws.uniform(f"well child/attends {visit}", children) < attends[visit]
        mine = children[goes]
        # yearly visits keep their distance: a child comes at the same time after each birthday
        after = draws.uniform("well child/time", mine) * spread[visit]
        first = FIRST_DAY if month else NEWBORNS_FIRST_DAY
        due = born[mine] + first + np.ceil(month * DAYS_A_YEAR / 12 + after).astype(np.int64)
        is_near = (due >= january - LATE) & (due <= december + LATE)
        days.append(due[is_near])
        people.append(mine[is_near])
    due, child = np.concatenate(days), np.concatenate(people)
    order = np.lexsort((child, due))
    return due[order], child[order]


@cache
def _schedule() -> tuple[Integers, Integers, Floats]:
    table = read_table("well_child")
    months, spread, attends = (table[name].to_numpy() for name in ("month", "days", "attends"))
    return months.astype(np.int64), spread.astype(np.int64), attends.astype(np.float64)
