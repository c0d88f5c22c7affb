"""The diagnoses of pregnancies, births and newborns: trimester, week, kind of birth, illness of the mother."""

from functools import cache

import numpy as np
import polars as pl

from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE, diagnosis_number
from claims_pipeline.generate.numbers.choices import KeyedChoice
from claims_pipeline.generate.numbers.draws import Draws, Integers
from claims_pipeline.generate.people.conditions import code_conditions, condition_names
from claims_pipeline.generate.people.population import conditions_on
from claims_pipeline.generate.people.pregnancies import Pregnancies
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table, reasons_of_stories

TERM_WEEKS = 37
POST_TERM_WEEKS = 41
"""From this week on a pregnancy is over 40 completed weeks (O48.0)."""
FEWEST_WEEKS, MOST_WEEKS = 8, 42
FEWEST_WEEKS_AT_BIRTH = 32
WEIGHTS = {32: "P07.17", 33: "P07.18", 34: "P07.18"}
"""The weight at birth that newborns of these weeks mostly have (ICD-10-CM)."""
TRIMESTERS = range(1, 4)


def codes_of_visit(feed: Feed, those: Pregnancies, service: Integers, *, diagnosis: str, is_high: bool) -> Integers:
    """Return the rows of diagnoses of a visit of each pregnancy, shape (pregnancies, most diagnoses).

    Args:
        feed: the feed.
        those: the pregnancies.
        service: the day of the visit of each.
        diagnosis: `newborn`, `delivery`, `supervision`, or the code of all of them.
        is_high: whether the visit is for a risk of the pregnancy.
    """
    if diagnosis == "newborn":
        return codes_of_newborns(those)
    week = _of_week(those.weeks_on(service))
    if diagnosis == "delivery":
        first, second = _deliveries(Draws(feed.seed), those)
        code, stage = _diabetes(feed, those, service, second)
        has_room = (first == diagnosis_number("O24.12")) & (second == NONE) & (stage == NONE)
        return _in_front(
            first, second, np.where(has_room, code, NONE), np.full(len(service), diagnosis_number("Z37.0")), week
        )
    if diagnosis == "supervision":
        first, second = _supervision(those, service, is_high=is_high)
        return _in_front(first, second, *_diabetes(feed, those, service, second), week)
    first = np.full(len(service), diagnosis_number(diagnosis))
    return _in_front(first) if diagnosis == "Z32.01" else _in_front(first, week)


def _in_front(*columns: Integers) -> Integers:
    """Return codes in the order of the columns, without the gaps that NONE leaves, as many as a claim has."""
    codes = np.stack([*columns, *[np.full(len(columns[0]), NONE)] * MOST_DIAGNOSES], axis=1)
    return np.take_along_axis(codes, np.argsort(codes == NONE, axis=1, kind="stable"), axis=1)[:, :MOST_DIAGNOSES]


def codes_of_newborns(those: Pregnancies) -> Integers:
    """Return the birth record of each child, and the weight and the week of a birth before term."""
    week = those.weeks.clip(FEWEST_WEEKS_AT_BIRTH, TERM_WEEKS) - FEWEST_WEEKS_AT_BIRTH
    of_weeks = np.append(_coded("P07.3{}", range(5, 10)), NONE)
    weights = np.full(len(of_weeks), NONE)
    for number, code in WEIGHTS.items():
        weights[number - FEWEST_WEEKS_AT_BIRTH] = diagnosis_number(code)
    birth = np.where(those.is_cesarean, diagnosis_number("Z38.01"), diagnosis_number("Z38.00"))
    return _in_front(birth, weights[week], of_weeks[week])


def _supervision(those: Pregnancies, service: Integers, *, is_high: bool) -> tuple[Integers, Integers]:
    """Return the diagnoses of prenatal care: a disease of the mother, else by age and order of the birth.

    Z34 is for those without any other diagnosis of chapter 15 (ICD-10-CM guideline I.C.15.b.1).
    """
    trimester = np.digitize(those.weeks_on(service), [14, 28])
    normal = np.where(
        those.is_later, _coded("Z34.8{}", TRIMESTERS)[trimester], _coded("Z34.0{}", TRIMESTERS)[trimester]
    )
    aged = np.where(
        those.is_later, _coded("O09.52{}", TRIMESTERS)[trimester], _coded("O09.51{}", TRIMESTERS)[trimester]
    )
    diseases = [
        np.where(those.is_diabetic, _coded("O24.11{}", TRIMESTERS)[trimester], NONE),
        np.where(those.is_hypertensive, _coded("O10.01{}", TRIMESTERS)[trimester], NONE),
    ]
    if is_high:
        diseases.insert(0, np.where(those.has_diabetes, diagnosis_number("O24.410"), NONE))
    first, second, *_ = _in_front(*diseases).T
    return np.where(first != NONE, first, np.where(those.is_aged, aged, normal)), second


def _deliveries(draws: Draws, those: Pregnancies) -> tuple[Integers, Integers]:
    """Return the principal diagnosis of each delivery, by the kind of birth, and a second one of chapter 15.

    O80 is for a birth at term without any other diagnosis of chapter 15 (guideline I.C.15.n).
    """
    is_early, is_repeat = those.weeks < TERM_WEEKS, those.had_cesarean
    kinds = {
        ("repeat_cesarean", "attempt_after_cesarean"): those.is_cesarean & is_repeat,
        ("cesarean_delivery",): those.is_cesarean & ~is_repeat,
        ("birth_after_cesarean",): ~those.is_cesarean & is_repeat,
        ("preterm_delivery",): ~those.is_cesarean & ~is_repeat & is_early,
        ("vaginal_delivery",): ~those.is_cesarean & ~is_repeat & ~is_early,
    }
    principal = np.full(len(those.birth), NONE)
    for families, is_kind in kinds.items():
        choice, rows = _reasons_of(families)
        principal[is_kind] = rows[choice.choose(draws.bits("pregnancy/delivery", those.counter[is_kind]))]
    further = {
        "O34.211": principal == diagnosis_number("O66.41"),
        "O24.12": those.is_diabetic,
        "O24.420": those.has_diabetes,
        "O10.02": those.is_hypertensive,
        "O48.0": those.weeks >= POST_TERM_WEEKS,
        "O60.14X0": (principal == diagnosis_number("O34.219")) & is_early,
    }
    is_normal = (principal == diagnosis_number("O80")) & np.any(list(further.values()), axis=0)
    columns = [np.where(is_so, diagnosis_number(code), NONE) for code, is_so in further.items()]
    first, second, *_ = _in_front(np.where(is_normal, NONE, principal), *columns).T
    return first, second


def _diabetes(feed: Feed, those: Pregnancies, service: Integers, second: Integers) -> tuple[Integers, Integers]:
    """Return the code of the diabetes that a mother had before the pregnancy, and the stage of kidney disease with it.

    They follow O24.1 and are NONE for others. Beside a `second` diagnosis of chapter 15 there is no room for a
    stage, so the diabetes that needs one is left out too.
    """
    kind, stage = np.full(len(service), NONE), np.full(len(service), NONE)
    (rows,) = np.nonzero(those.is_diabetic)
    draws, mothers = Draws(feed.seed), those.mother[rows]
    diabetes, kidneys = (condition_names().index(name) for name in ("diabetes", "chronic_kidney_disease"))
    masks = conditions_on(feed, mothers, service[rows])
    has_stage = (masks >> np.uint32(kidneys)) & np.uint32(1) == 1
    fits = ~has_stage | (second[rows] == NONE)
    codes = [code_conditions(draws, mothers, masks, np.full(len(rows), number)) for number in (diabetes, kidneys)]
    kind[rows], stage[rows] = np.where(fits, codes[0], NONE), np.where(fits & has_stage, codes[1], NONE)
    return kind, stage


@cache
def _reasons_of(families: tuple[str, ...]) -> tuple[KeyedChoice, Integers]:
    """Return the choice of a diagnosis of deliveries among those of some families, and the row of each."""
    of_deliveries = reasons_of_stories().filter(pl.col("story") == "delivery")
    table = (
        read_table("diagnoses")
        .join(of_deliveries, on="diagnosis_code", maintain_order="left")
        .filter(pl.col("family").is_in(families))
    )
    codes = table["diagnosis_code"].to_list()
    return KeyedChoice(codes, table["weight"].to_numpy()), np.array([diagnosis_number(code) for code in codes])


def _of_week(weeks: Integers) -> Integers:
    """Return the diagnosis of each week of pregnancy."""
    of_week = _coded("Z3A.{:02d}", range(FEWEST_WEEKS, MOST_WEEKS + 1))[
        weeks.clip(FEWEST_WEEKS, MOST_WEEKS) - FEWEST_WEEKS
    ]
    return np.where(weeks < FEWEST_WEEKS, diagnosis_number("Z3A.01"), of_week)


@cache
def _coded(pattern: str, numbers: range) -> Integers:
    return np.array([diagnosis_number(pattern.format(number)) for number in numbers])
