"""The daily tables of a plan. Every function returns the rows of all its days, with their `day`, sorted by key.

Codes are categories (Table.coded_schema).
"""

from functools import cache

import numpy as np
import polars as pl

from claims_pipeline.generate.claims.encounters import encounters_of
from claims_pipeline.generate.claims.plan import FREQUENCIES, Plan
from claims_pipeline.generate.numbers.arrow import categories, codes_of
from claims_pipeline.generate.numbers.choices import KeyedChoice
from claims_pipeline.generate.numbers.draws import NO_COUNTER, Draws, Integers, keys_of, pair, unpair
from claims_pipeline.generate.numbers.identifiers import claim_ids, coverage_ids, dates, known_dates, numbered
from claims_pipeline.generate.people.coverage import Spans, may_have_two, second_span_on
from claims_pipeline.generate.people.names import choose_first_names, choose_last_names
from claims_pipeline.generate.people.population import population
from claims_pipeline.generate.people.residence import residence_on
from claims_pipeline.generate.people.subscribers import RELATIONSHIPS, relationships
from claims_pipeline.generate.people.zip_codes import choose_zip_codes
from claims_pipeline.generate.schedule.lifecycle import STATUSES
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table
from claims_pipeline.schema import CLAIMS, COVERAGES, PATIENTS, Table

GENDERS = ("male", "female")
MEMBER_NUMBERS, MEMBER_NUMBER_STEP = 900_000_000, 370_368_367
"""How many member numbers there are, and from one person's to the next one's: without a common divisor, so that no two
subscribers have one number with a payer."""
OWN_FAMILY_NAME = (0.0, 0.2, 0.08)
"""Share of heads, spouses and children with a family name that is not the head's: by judgement; 14 percent of wives
keep theirs (Pew Research Center 2023), 5 percent have both."""


def patients_of(plan: Plan) -> pl.DataFrame:
    """Return the people whom the plan's claims name, and their coverages' subscribers, as they are on each day."""
    if not len(plan.day):
        return _nothing(PATIENTS)
    feed, people = plan.feed, population(plan.feed)
    named = np.concatenate([pair(plan.day, plan.person), pair(plan.day, plan.spans.subscriber)])
    named.sort()
    day, person = unpair(named[np.append(True, named[1:] != named[:-1])])  # many times faster than np.unique
    first, last = _names_of(feed, person)
    residence = residence_on(feed, person, day)
    house = pair(residence.home, residence.moved_in)
    draws = Draws(feed.seed)
    streets = read_table("streets")["street"]
    of_street = KeyedChoice(streets.to_list(), np.ones(len(streets)))
    street = residence.remembered(
        feed, "street", lambda first: of_street.choose(draws.bits("address/street", house[first]))
    )
    zip_code = residence.remembered(
        feed,
        "zip code",
        lambda first: choose_zip_codes(residence.city[first], draws.bits("address/zip code", house[first])),
    )
    frame = pl.DataFrame(
        {
            "day": dates(day),
            "patient_id": numbered("patient", person),
            "first_name": codes_of("first_names", "first_name").gather(first),
            "last_name": codes_of("last_names", "last_name").gather(last),
            "gender": categories(GENDERS).gather(people.is_female[person].astype(np.int64)),
            "birth_date": dates(people.birth_day[person]),
            "death_date": known_dates(people.member.death[person], until=day),
            "number": draws.below("address/number", house, 4900) + 100,
            "street": streets.gather(street),
            "city": codes_of("cities", "city").gather(residence.city),
            "state": codes_of("cities", "state").gather(residence.city),
            "zip_code": codes_of("zip_codes", "zip_code").gather(zip_code),
        }
    ).with_columns(pl.format("{} {}", "number", "street").alias("address_line"))
    return _conform(PATIENTS, frame)


def _names_of(feed: Feed, person: Integers) -> tuple[Integers, Integers]:
    """Return each person's rows of first_names and last_names."""
    draws, people = Draws(feed.seed), population(feed)

    def first_names(first: Integers) -> Integers:
        some = person[first]
        sexes, births = people.is_female[some], people.birth_day[some]
        return choose_first_names(draws, "patient", some, is_female=sexes, birth_days=births)

    def family_names(first: Integers) -> Integers:
        return choose_last_names(draws, "patient", _family(feed, person[first]))

    first = people.remembered("first name", person, first_names)
    last = people.remembered("last name", person, family_names)
    return first, last


def _family(feed: Feed, person: Integers) -> Integers:
    """Return the number of the person whose family name each person has: most that of the head of the household."""
    homes, draws = population(feed).households, Draws(feed.seed)
    keeps = draws.uniform("person/own family name", person) < np.array(OWN_FAMILY_NAME)[homes.role[person]]
    return np.where(keeps, person, homes.head[person])


def coverages_of(plan: Plan, patients: pl.DataFrame) -> pl.DataFrame:
    """Return the coverages of those in `patients` (with their `day`) on the dates of service."""
    if not len(plan.day):
        return _nothing(COVERAGES)
    (with_two,) = np.nonzero(may_have_two(plan.feed, plan.person))
    second = second_span_on(plan.feed, people=plan.person[with_two], days=plan.service[with_two])
    day, person = (np.concatenate([values, values[with_two]]) for values in (plan.day, plan.person))
    spans = Spans.joined([plan.spans, second])
    order = np.repeat([1, 2], [len(plan.day), len(with_two)])
    rows = _different(day, person, spans, order)
    frame = _with_spans(plan.feed, day[rows], person[rows], spans.at(rows), order[rows], patients)
    return _conform(COVERAGES, frame.filter(pl.col("birth_date").is_not_null()))


def _different(day: Integers, person: Integers, spans: Spans, order: Integers) -> Integers:
    """Return a position of each coverage of a day, in the order of days and ids."""
    (covered,) = np.nonzero(spans.is_covered)
    number = np.zeros(len(covered), dtype=np.int64)
    for values in (day, person, spans.start, order):
        first, last = values[covered].min(initial=0), values[covered].max(initial=0)
        number = number * (last + 1 - first) + values[covered] - first
    rows: Integers = covered[np.unique(number, return_index=True)[1]]
    return rows


def _with_spans(
    feed: Feed, day: Integers, person: Integers, spans: Spans, order: Integers, patients: pl.DataFrame
) -> pl.DataFrame:
    """Return one row for each span of coverage, as it is known on a day; without `birth_date` for other patients."""
    rows = pl.DataFrame({"day": dates(day), "patient_id": numbered("patient", person)}).join(
        patients.select("day", "patient_id", "birth_date"),
        on=["day", "patient_id"],
        how="left",
        maintain_order="left",
    )
    known_end = np.where(spans.end <= day, spans.end, spans.planned_end)
    of_payer = Draws(feed.seed).below("payer/member numbers", _payer_keys()[spans.plan], MEMBER_NUMBERS)
    member = (spans.subscriber * MEMBER_NUMBER_STEP + of_payer) % MEMBER_NUMBERS
    is_dependent = spans.subscriber != person
    place = population(feed).households.place[person]
    return rows.with_columns(
        coverage_ids(rows["patient_id"], spans.start, order).alias("coverage_id"),
        pl.Series("coverage_order", order),
        numbered("patient", spans.subscriber).alias("subscriber_id"),
        categories(RELATIONSHIPS).gather(relationships(feed, person, spans.subscriber)).alias("relationship"),
        pl.Series("dependent_number", np.where(is_dependent, place + 1, 0)),
        *(codes_of("plans", name).gather(spans.plan) for name in ("payer_id", "plan_id", "plan_name", "plan_type")),
        pl.format("M{}", pl.lit(pl.Series(member + 100_000_000))).alias("member_id"),
        dates(spans.start).alias("coverage_start_date"),
        dates(known_end).alias("coverage_end_date"),
    )


@cache
def _payer_keys() -> Integers:
    """Return a number for the payer of each row of plans: a member keeps the number from plan to plan of a payer."""
    return keys_of(read_table("plans")["payer_id"])


def claims_of(plan: Plan, patients: pl.DataFrame, coverages: pl.DataFrame) -> pl.DataFrame:
    """Return the claim versions of the plan, with names from `patients` and payers from `coverages`."""
    if not len(plan.day):
        return _nothing(CLAIMS)
    names = pl.concat_str("first_name", "last_name", separator=" ").alias("patient_name")
    patient_ids = numbered("patient", plan.person)
    coverage = coverage_ids(patient_ids, plan.spans.start, np.ones_like(plan.person))
    frame = (
        pl.DataFrame({"day": dates(plan.day), "patient_id": patient_ids, "coverage_id": coverage})
        .join(patients.select("day", "patient_id", names), on=["day", "patient_id"], how="left", maintain_order="left")
        .join(
            coverages.select("day", "coverage_id", "payer_id"),
            on=["day", "coverage_id"],
            how="left",
            maintain_order="left",
        )
    )
    encounter = encounters_of(plan)
    return _conform(
        CLAIMS,
        frame.with_columns(encounter).with_columns(
            claim_ids(plan.received, plan.index),
            categories(STATUSES).gather(plan.status).alias("claim_status"),
            pl.Series("version_number", plan.version),
            categories(FREQUENCIES).gather(plan.frequency).alias("claim_frequency_code"),
            _claims_replaced(plan).alias("replaced_claim_id"),
            dates(plan.received).alias("received_date"),
            dates(plan.service).alias("claim_start_date"),
            dates(plan.service).alias("claim_end_date"),
        ),
    )


def _claims_replaced(plan: Plan) -> pl.Series:
    """Return the id of the claim that each claim replaces, null for none."""
    (rows,) = np.nonzero(plan.replaces != NO_COUNTER)
    ids = claim_ids(*unpair(plan.replaces[rows]))
    return pl.Series([None], dtype=pl.String).new_from_index(0, len(plan.replaces)).scatter(rows, ids)


def _nothing(table: Table) -> pl.DataFrame:
    return pl.Schema({"day": pl.Date(), **table.coded_schema}).to_frame()


def _conform(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    declared = [pl.col(name).cast(dtype) for name, dtype in table.coded_schema.items()]
    rows = frame.select("day", *declared)
    return rows if _is_in_order(rows, "day", *table.key) else rows.sort("day", *table.key)


def _is_in_order(rows: pl.DataFrame, *key: str) -> bool:
    """Return whether rows are in the order of a key: that is found many times faster than lists are sorted."""
    comes_after = pl.lit(value=True)
    for column in map(pl.col, reversed(key)):
        comes_after = (column > column.shift()) | ((column == column.shift()) & comes_after)
    return bool(rows.select(comes_after.slice(1).all()).item())
