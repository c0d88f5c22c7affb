"""The enrollment table: every person of the population with their spans of coverage."""

import numpy as np
import polars as pl

from claims_pipeline.generate.arrow import lists
from claims_pipeline.generate.conditions import code_conditions, condition_names
from claims_pipeline.generate.coverage import Spans, span_on
from claims_pipeline.generate.days import year_start
from claims_pipeline.generate.draws import Draws, Integers
from claims_pipeline.generate.identifiers import coverage_ids, dates, numbered
from claims_pipeline.generate.population import population
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table
from claims_pipeline.schema import ENROLLMENT

PEOPLE_A_CHUNK = 100_000
"""Text and intermediate arrays exist for so many people at a time."""


def enrollment(feed: Feed) -> pl.DataFrame:
    """Return one row a person, as schema declares it.

    Spans reach from the year before the feed's first day (claims come late) to the year after its last day, because
    days go on after it.
    """
    in_order = numbered("patient", np.arange(feed.patients)).arg_sort().to_numpy().astype(np.int64)
    chunks = np.split(in_order, range(PEOPLE_A_CHUNK, feed.patients, PEOPLE_A_CHUNK))
    return pl.concat((_members(feed, people) for people in chunks), rechunk=True)


def _members(feed: Feed, people: Integers) -> pl.DataFrame:
    """Return the rows of some people, in the order given."""
    everyone = population(feed)
    place, spans = _spans_of(feed, people)
    patient_ids = numbered("patient", people)
    columns = {
        "patient_id": patient_ids,
        "gender": pl.Series(["male", "female"]).gather(everyone.is_female[people].astype(np.int64)),
        "birth_date": dates(everyone.birth_day[people]),
        "condition_codes": _condition_codes(feed, people),
        "spans": lists(
            pl.DataFrame(
                {
                    "coverage_id": coverage_ids(patient_ids.gather(place), spans.start),
                    "plan_id": read_table("plans")["plan_id"].gather(spans.plan),
                    "coverage_start_date": dates(spans.start),
                    "coverage_end_date": dates(spans.end),
                }
            ).to_struct(),
            np.bincount(place, minlength=len(people)),
        ),
    }
    return pl.DataFrame(columns).cast(ENROLLMENT.polars_schema)


def _condition_codes(feed: Feed, people: Integers) -> pl.Series:
    """Return the codes of each person's chronic conditions, in the order of the conditions table."""
    masks = population(feed).conditions[people]
    place, condition = np.nonzero((masks[:, None] >> np.arange(len(condition_names()), dtype=np.uint32)) & 1)
    codes = code_conditions(Draws(feed.seed), people[place], masks[place], condition)
    return lists(read_table("diagnoses")["diagnosis_code"].gather(codes), np.bincount(place, minlength=len(people)))


def _spans_of(feed: Feed, people: Integers) -> tuple[Integers, Spans]:
    """Return the spans of people, ordered by the person's place in `people` and by day, and that place."""
    birth_days, places = population(feed).birth_day[people], np.arange(len(people))
    owners, found = [], []
    for year in range(feed.start_date.year - 1, feed.end_date.year + 2):
        january, december = year_start(np.array([year, year + 1])) - [0, 1]
        at_start, at_end = (
            span_on(feed, people=people, birth_days=birth_days, days=np.full(len(people), day))
            for day in (january, december)
        )
        (changed,) = np.nonzero(at_end.start != at_start.start)
        owners += [places, changed]
        found += [at_start, Spans(at_end.plan[changed], at_end.start[changed], at_end.end[changed])]
    place = np.concatenate(owners)
    order = np.argsort(place, kind="stable")
    columns = (np.concatenate([getattr(spans, name) for spans in found])[order] for name in ("plan", "start", "end"))
    return place[order], Spans(*columns)
