"""Pregnancies of members, and the claims that belong to them and to the births (pregnancy_visits.csv).

Each is a function of (feed, mother, order of the birth). Children are those of households; a pregnancy that the end of
the feed or of the membership cuts off has its visits until then.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.calendar import LONGEST_LAG, LONGEST_WAIT, lag_weights, next_open, stories
from claims_pipeline.generate.coding_order import MOST_DIAGNOSES, NONE
from claims_pipeline.generate.days import NEVER, ages_on, day_number
from claims_pipeline.generate.draws import Bits, Draws, Integers, KeyedChoice, WeightTable, pair
from claims_pipeline.generate.households import CHILD, HEAD, LONGEST_PREGNANCY, MOST_CHILDREN, NOBODY
from claims_pipeline.generate.membership import first_day_known
from claims_pipeline.generate.once import once
from claims_pipeline.generate.population import population
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

FIRST_CESAREAN, LATER_CESAREAN, REPEAT_CESAREAN = 0.30, 0.085, 0.86
"""Chance of a cesarean at the first birth, at a later one, and after a cesarean: together 32 percent (CDC NCHS, Births:
Final Data for 2022: 32.1; of births after a cesarean 14 percent are vaginal); the split by order is by judgement."""
PREGNANCY_DAYS, PREGNANCY_SPREAD, SHORTEST_PREGNANCY = 275, 12, 224
"""Days from the last period to the birth, normally distributed with limits: a tenth before term (CDC NCHS 2022, 10.4
percent)."""
TERM_WEEKS = 37
ADVANCED_AGE = 35
GESTATIONAL_DIABETES, ABNORMAL_GLUCOSE = 0.08, 0.16
"""Shares of pregnancies: CDC NCHS 2021 has 8.3 percent with gestational diabetes; about twice as many have an abnormal
screening, by judgement."""
MOST_OF_CLAIMS = 0.045
"""Share of a feed's claims that belong to pregnancies and births, at most: a feed of fewer claims than its people have
lacks those of some pregnancies."""
STAY = 3
FEWEST_WEEKS, MOST_WEEKS = 8, 42
PRETERM_WEEKS = (32, 36)


@dataclass(frozen=True)
class Pregnancies:
    """Arrays of equal length.

    Attributes:
        counter: for random draws: the mother, and the order of the birth.
        mother: number of the person.
        child: number of the child, or NOBODY where it is no member.
        is_later: whether the mother has older children.
        birth: day of the birth.
        last_period: first day of the last period, from which weeks are counted.
        is_cesarean, had_cesarean: whether the child, and an older one, is born by cesarean.
        is_aged: whether the mother is 35 or older at the birth.
        has_diabetes: whether she has gestational diabetes.
        has_abnormal_glucose: whether the screening for it is abnormal.
    """

    counter: Bits
    mother: Integers
    child: Integers
    is_later: NDArray[np.bool_]
    birth: Integers
    last_period: Integers
    is_cesarean: NDArray[np.bool_]
    had_cesarean: NDArray[np.bool_]
    is_aged: NDArray[np.bool_]
    has_diabetes: NDArray[np.bool_]
    has_abnormal_glucose: NDArray[np.bool_]

    def at(self, rows: NDArray[np.bool_] | Integers) -> "Pregnancies":
        """Return some of the pregnancies."""
        return Pregnancies(*(values[rows] for values in vars(self).values()))


@dataclass(frozen=True)
class PlannedVisits:
    """Visits whose claims have a day of receipt of their own, as arrays of equal length.

    Attributes:
        received: day of receipt.
        counter: for random draws.
        story: row of the stories table.
        person: number of the patient.
        service: day of the service.
        codes: rows of the diagnoses table, NONE behind the last, shape (visits, most diagnoses).
    """

    received: Integers
    counter: Bits
    story: Integers
    person: Integers
    service: Integers
    codes: Integers

    def at(self, rows: NDArray[np.bool_] | Integers) -> "PlannedVisits":
        """Return some of the visits."""
        return PlannedVisits(*(values[rows] for values in vars(self).values()))


@once(maxsize=2)
def pregnancies(feed: Feed) -> Pregnancies:
    """Return the pregnancies of members from the first day that is known on."""
    everyone, homes = population(feed), population(feed).households
    (children,) = np.nonzero((homes.role == CHILD) & (everyone.birth_day >= first_day_known(feed)))
    (heads,) = np.nonzero((homes.role == HEAD) & (homes.expects != NEVER))
    child = np.concatenate([children, np.full(len(heads), NOBODY)])
    head = np.concatenate([homes.head[children], heads])
    birth = np.concatenate([everyone.birth_day[children], homes.expects[heads]])
    size = np.bincount(homes.head, minlength=len(homes.head))
    spouse = homes.spouse[head]
    has_spouse = spouse != NOBODY
    order = np.concatenate([homes.place[children], size[heads]]) - 1 - has_spouse
    mother = np.where(homes.is_female[head], head, spouse)
    is_known = (homes.role[head] == HEAD) & (mother != NOBODY)
    mother, child, order, birth = (values[is_known] for values in (mother, child, order, birth))
    draws, counter = Draws(feed.seed), pair(mother, order)
    days = PREGNANCY_DAYS + PREGNANCY_SPREAD * draws.normal("pregnancy/days", counter)
    is_cesarean, had_cesarean = _cesareans(draws, mother, order)
    is_diabetic = draws.uniform("pregnancy/glucose", counter)
    return Pregnancies(
        counter=counter,
        mother=mother,
        child=child,
        is_later=order > 0,
        birth=birth,
        last_period=birth - days.clip(SHORTEST_PREGNANCY, LONGEST_PREGNANCY).astype(np.int64),
        is_cesarean=is_cesarean,
        had_cesarean=had_cesarean,
        is_aged=ages_on(everyone.birth_day[mother], birth) >= ADVANCED_AGE,
        has_diabetes=is_diabetic < GESTATIONAL_DIABETES,
        has_abnormal_glucose=is_diabetic < ABNORMAL_GLUCOSE,
    )


def _cesareans(draws: Draws, mother: Integers, order: Integers) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return whether the child of each order, and whether an older one, is born by cesarean."""
    had, is_cesarean = np.zeros(len(mother), dtype=np.bool_), np.zeros(len(mother), dtype=np.bool_)
    for number in range(MOST_CHILDREN):
        chance = np.where(had, REPEAT_CESAREAN, LATER_CESAREAN if number else FIRST_CESAREAN)
        by_cesarean = draws.uniform("pregnancy/cesarean", pair(mother, number)) < chance
        is_cesarean[order == number] = by_cesarean[order == number]
        had |= by_cesarean & (order > number)
    return is_cesarean, had


def planned_visits(feed: Feed, first: int, last: int) -> PlannedVisits:
    """Return the visits of pregnancies and births whose claims the payer receives from day `first` to `last`.

    They are in the order of receipt; deliveries and newborns come before other visits of a day.
    """
    draws, everyone, all_of_feed = Draws(feed.seed), population(feed), pregnancies(feed)
    is_near = (all_of_feed.birth >= first - LONGEST_LAG - LONGEST_WAIT - STAY) & (all_of_feed.last_period <= last)
    is_billed = draws.uniform("pregnancy/billed", all_of_feed.counter) < _share_billed(feed)
    near = all_of_feed.at(is_near & is_billed)
    parts = [_visits_of_row(draws, near, row) for row in _table()]
    joined = PlannedVisits(
        *(np.concatenate(columns) for columns in zip(*(vars(part).values() for part in parts), strict=True))
    )
    of_birth = np.array([row["counted_from"] == "birth" for row in _table()])
    comes_first = np.repeat(of_birth, [len(part.person) for part in parts])
    is_here = (joined.received >= first) & (joined.received <= last) & (joined.person != NOBODY)
    is_here &= everyone.covers(joined.person, joined.service)
    here, comes_first = joined.at(is_here), comes_first[is_here]
    return here.at(np.lexsort((here.counter, ~comes_first, here.received)))


def _visits_of_row(draws: Draws, those: Pregnancies, row: dict[str, Any]) -> PlannedVisits:
    """Return the visits that a row of pregnancy_visits.csv gives pregnancies."""
    those, service = _with_visit(draws, those, row)
    counter = draws.bits(f"pregnancy/visit {row['visit']}", those.counter)
    lag = WeightTable(lag_weights()).choose(draws.bits("pregnancy/lag", counter))
    return PlannedVisits(
        received=next_open(service + lag),
        counter=counter,
        story=np.full(len(service), stories().index(row["story"])),
        person=those.mother if row["whose"] == "mother" else those.child,
        service=service,
        codes=_diagnoses(draws, those, service, row),
    )


def _with_visit(draws: Draws, those: Pregnancies, row: dict[str, Any]) -> tuple[Pregnancies, Integers]:
    """Return the pregnancies that have a visit of pregnancy_visits.csv, and the day of it."""
    share = draws.uniform(f"pregnancy/{row['slot']}", those.counter)
    has_it = (share >= row["from_share"]) & (share < row["to_share"])
    if row["risk"]:
        has_it &= those.has_abnormal_glucose if row["risk"] == "glucose" else those.has_diabetes | those.is_aged
    if row["delivery"]:
        has_it &= those.is_cesarean == (row["delivery"] == "cesarean")
    those = those.at(has_it)
    spread = row["last_day"] - row["first_day"] + 1
    after = row["first_day"] + draws.below(f"pregnancy/{row['visit']} day", those.counter, spread)
    if row["counted_from"] == "birth":
        return those, those.birth + after
    service = next_open(those.last_period + after)
    is_before = service < those.birth
    return those.at(is_before), service[is_before]


def _diagnoses(draws: Draws, those: Pregnancies, service: Integers, row: dict[str, Any]) -> Integers:
    """Return the rows of diagnoses of a visit of each pregnancy, shape (pregnancies, most diagnoses)."""
    codes = np.full((len(service), MOST_DIAGNOSES), NONE)
    weeks = (service - those.last_period) // 7
    if row["diagnosis"] == "newborn":
        codes[:, 0] = np.where(those.is_cesarean, _code("Z38.01"), _code("Z38.00"))
        born_in = (those.birth - those.last_period) // 7
        is_early = born_in <= PRETERM_WEEKS[1]
        codes[is_early, 1] = _coded("P07.3{}", range(5, 10))[born_in[is_early] - PRETERM_WEEKS[0]]
        return codes
    if row["diagnosis"] == "delivery":
        codes[:, 0] = _deliveries(draws, those, weeks)
        codes[:, 1] = _code("Z37.0")
        codes[:, 2] = _of_week(weeks)
        codes[those.has_diabetes, 3] = _code("O24.420")
        return codes
    if row["diagnosis"] == "supervision":
        codes[:, 0] = _supervision(those, weeks, is_high=row["risk"] == "high")
    else:
        codes[:, 0] = _code(row["diagnosis"])
    if row["diagnosis"] != "Z32.01":
        codes[:, 1] = _of_week(weeks)
    return codes


def _supervision(those: Pregnancies, weeks: Integers, *, is_high: bool) -> Integers:
    """Return the diagnosis of prenatal care: by trimester, order of the birth and age; ICD-10-CM guideline I.C.15.b."""
    trimester = np.digitize(weeks, [14, 28])
    normal = np.where(
        those.is_later, _coded("Z34.8{}", range(1, 4))[trimester], _coded("Z34.0{}", range(1, 4))[trimester]
    )
    aged = np.where(
        those.is_later, _coded("O09.52{}", range(1, 4))[trimester], _coded("O09.51{}", range(1, 4))[trimester]
    )
    found: Integers = np.where(those.is_aged, aged, normal)
    return np.where(those.has_diabetes, _code("O24.410"), found) if is_high else found


def _deliveries(draws: Draws, those: Pregnancies, weeks: Integers) -> Integers:
    """Return the principal diagnosis of each delivery, of the family that the kind of birth has (story_diagnoses.csv).

    O80 is for a birth at term without any other diagnosis of chapter 15 (guideline I.C.15.n).
    """
    is_first = ~those.had_cesarean
    kinds = (
        ("repeat_cesarean", those.is_cesarean & those.had_cesarean),
        ("cesarean_delivery", those.is_cesarean & is_first),
        ("birth_after_cesarean", ~those.is_cesarean & those.had_cesarean),
        ("preterm_delivery", ~those.is_cesarean & is_first & (weeks < TERM_WEEKS)),
        ("vaginal_delivery", ~those.is_cesarean & is_first & (weeks >= TERM_WEEKS)),
    )
    found = np.full(len(weeks), NONE)
    for family, is_kind in kinds:
        choice, rows = _reasons_of(family)
        found[is_kind] = rows[choice.choose(draws.bits("pregnancy/delivery", those.counter[is_kind]))]
    found[those.has_diabetes & (found == _code("O80"))] = _code("O70.0")
    return found


@cache
def _reasons_of(family: str) -> tuple[KeyedChoice, Integers]:
    """Return the choice of a diagnosis of deliveries among those of a family, and the row of each."""
    table = (
        read_table("diagnoses")
        .join(
            read_table("story_diagnoses").filter(pl.col("story") == "delivery"),
            on="diagnosis_code",
            maintain_order="left",
        )
        .filter(pl.col("family") == family)
    )
    codes = table["diagnosis_code"].to_list()
    return KeyedChoice(codes, table["weight"].to_numpy()), np.array([_code(code) for code in codes])


def _of_week(weeks: Integers) -> Integers:
    """Return the diagnosis of each week of pregnancy."""
    of_week = _coded("Z3A.{:02d}", range(FEWEST_WEEKS, MOST_WEEKS + 1))[
        weeks.clip(FEWEST_WEEKS, MOST_WEEKS) - FEWEST_WEEKS
    ]
    return np.where(weeks < FEWEST_WEEKS, _code("Z3A.01"), of_week)


@cache
def _code(code: str) -> int:
    return read_table("diagnoses")["diagnosis_code"].to_list().index(code)


@cache
def _coded(pattern: str, numbers: range) -> Integers:
    return np.array([_code(pattern.format(number)) for number in numbers])


@once(maxsize=4)
def _share_billed(feed: Feed) -> float:
    """Return the share of pregnancies whose claims are in the feed."""
    start, end = day_number(feed.start_date), day_number(feed.end_date)
    births = pregnancies(feed).birth
    a_birth = sum(row["to_share"] - row["from_share"] for row in _table())
    wanted = a_birth * np.count_nonzero((births >= start) & (births <= end))
    return float(min(1.0, MOST_OF_CLAIMS * feed.claims / max(wanted, 1e-9)))


@cache
def _table() -> tuple[dict[str, Any], ...]:
    return tuple(read_table("pregnancy_visits").to_dicts())
