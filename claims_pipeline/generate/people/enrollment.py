"""The enrollment table: every person of the population with their spans of coverage."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import date

import numpy as np
import polars as pl

from claims_pipeline.generate.numbers.arrow import lists
from claims_pipeline.generate.numbers.days import day_number, year_start
from claims_pipeline.generate.numbers.draws import Draws, Integers, pair
from claims_pipeline.generate.numbers.identifiers import coverage_ids, dates, known_dates, numbered
from claims_pipeline.generate.people.conditions import code_conditions, condition_names
from claims_pipeline.generate.people.coverage import Spans, may_have_two, second_span_on, span_on
from claims_pipeline.generate.people.population import conditions_on, onsets_of, population
from claims_pipeline.generate.people.residence import residence_on
from claims_pipeline.generate.people.subscribers import RELATIONSHIPS, relationships
from claims_pipeline.lake import ROW_GROUP, Feed
from claims_pipeline.reference import read_table
from claims_pipeline.schema import ENROLLMENT


def enrollment(feed: Feed, last_year: int) -> pl.DataFrame:
    """Return one row a person, as schema declares it.

    Spans reach from the year before the feed's first day (claims come late) to the end of `last_year`; deaths and
    onsets of conditions are known until then.
    """
    return pl.concat(enrollment_frames(feed, last_year), rechunk=True)


def enrollment_frames(feed: Feed, last_year: int) -> Iterator[pl.DataFrame]:
    """Return the rows of `enrollment` in frames: text and intermediate arrays exist for the people of one at a time."""
    in_order = numbered("patient", np.arange(feed.patients)).arg_sort().to_numpy().astype(np.int64)
    for people in np.split(in_order, range(ROW_GROUP, feed.patients, ROW_GROUP)):
        yield _members(feed, people, last_year)


def _members(feed: Feed, people: Integers, last_year: int) -> pl.DataFrame:
    """Return the rows of some people, in the order given."""
    everyone = population(feed)
    place, spans, order = _spans_of(feed, people, last_year)
    last_day = day_number(date(last_year, 12, 31))
    patient_ids = numbered("patient", people)
    columns = {
        "patient_id": patient_ids,
        "gender": pl.Series(["male", "female"]).gather(everyone.is_female[people].astype(np.int64)),
        "birth_date": dates(everyone.birth_day[people]),
        "death_date": known_dates(everyone.member.death[people], until=last_day),
        "condition_codes": _condition_codes(feed, people),
        "conditions": _conditions(feed, people, until=last_day),
        "spans": lists(
            pl.DataFrame(
                {
                    "coverage_id": coverage_ids(patient_ids.gather(place), spans.start, order),
                    "coverage_order": order.astype(np.int32),
                    "subscriber_id": numbered("patient", spans.subscriber),
                    "relationship": pl.Series(RELATIONSHIPS).gather(
                        relationships(feed, people[place], spans.subscriber)
                    ),
                    "plan_id": read_table("plans")["plan_id"].gather(spans.plan),
                    "coverage_start_date": dates(spans.start),
                    "coverage_end_date": dates(spans.end),
                    "state": read_table("cities")["state"].gather(residence_on(feed, people[place], spans.start).city),
                }
            ).to_struct(),
            np.bincount(place, minlength=len(people)),
        ),
    }
    return pl.DataFrame(columns).cast(ENROLLMENT.polars_schema)


def _condition_codes(feed: Feed, people: Integers) -> pl.Series:
    """Return the codes of each person's conditions on the feed's first day, in the order of the conditions table."""
    masks = conditions_on(feed, people, np.full(len(people), day_number(feed.start_date)))
    place, condition = np.nonzero((masks[:, None] >> np.arange(len(condition_names()), dtype=np.uint32)) & 1)
    codes = code_conditions(Draws(feed.seed), people[place], masks[place], condition)
    return lists(read_table("diagnoses")["diagnosis_code"].gather(codes), np.bincount(place, minlength=len(people)))


def _conditions(feed: Feed, people: Integers, *, until: int) -> pl.Series:
    """Return each person's conditions with the day of onset, in the order of the conditions table."""
    everyone = population(feed)
    onsets = onsets_of(feed)[:, people].T
    place, condition = np.nonzero(onsets <= np.minimum(everyone.member.death[people], until)[:, None])
    names = pl.Series(condition_names()).gather(condition)
    frame = pl.DataFrame({"condition": names, "onset_date": dates(onsets[place, condition].astype(np.int64))})
    return lists(frame.to_struct(), np.bincount(place, minlength=len(people)))


def _spans_of(feed: Feed, people: Integers, last_year: int) -> tuple[Integers, Spans, Integers]:
    """Return the spans of people, ordered by the person's place in `people` and by day, that place, and their order."""
    everyone = population(feed)
    first, gap_last = everyone.member.first[people], everyone.member.gap_last[people]
    has_two = may_have_two(feed, people)
    owners, found, orders = [], [], []
    for year in range(feed.start_date.year - 1, last_year + 1):
        january, december = year_start(np.array([year, year + 1])) - [0, 1]
        for begins in (np.full(len(people), january), first, gap_last + 1, everyone.medicare[people]):
            (all_owners,) = np.nonzero((begins >= january) & (begins <= december))
            with_two = all_owners[has_two[all_owners]]
            for order, of_order, owner in ((1, span_on, all_owners), (2, second_span_on, with_two)):
                spans = of_order(feed, people=people[owner], days=begins[owner])
                is_new = spans.is_covered & (spans.start == begins[owner])
                owners.append(owner[is_new])
                found.append(spans.at(is_new))
                orders.append(np.full(is_new.sum(), order))
    place, starts, order_of = (np.concatenate(parts) for parts in (owners, [spans.start for spans in found], orders))
    since = starts - starts.min(initial=0)  # days before 1970 are negative, which `pair` does not hold
    _, chosen = np.unique(pair(place, since) * np.uint64(2) + order_of.astype(np.uint64), return_index=True)
    columns = (np.concatenate([getattr(spans, field.name) for spans in found])[chosen] for field in fields(Spans))
    return place[chosen], Spans(*columns), order_of[chosen]
