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


def enrollment(feed: Feed) -> pl.DataFrame:
    """Return one row a person, as schema declares it.

    Spans reach from the year before the feed's first day (claims come late) to the year of its last day.
    """
    people = population(feed)
    persons = np.arange(feed.patients)
    person, spans = _all_spans(feed)
    patient_ids = numbered("patient", persons)
    frame = pl.DataFrame(
        {
            "patient_id": patient_ids,
            "gender": pl.Series(["male", "female"]).gather(people.is_female.astype(np.int64)),
            "birth_date": dates(people.birth_day),
            "condition_codes": _condition_codes(feed),
            "spans": lists(
                pl.DataFrame(
                    {
                        "coverage_id": coverage_ids(patient_ids.gather(person), spans.start),
                        "plan_id": read_table("plans")["plan_id"].gather(spans.plan),
                        "coverage_start_date": dates(spans.start),
                        "coverage_end_date": dates(spans.end),
                    }
                ).to_struct(),
                np.bincount(person, minlength=feed.patients),
            ),
        }
    )
    return ENROLLMENT.conform(frame)


def _condition_codes(feed: Feed) -> pl.Series:
    """Return the codes of each person's chronic conditions, in the order of the conditions table."""
    masks = population(feed).conditions
    person, condition = np.nonzero((masks[:, None] >> np.arange(len(condition_names()), dtype=np.uint32)) & 1)
    codes = code_conditions(Draws(feed.seed), person, masks[person], condition)
    return lists(read_table("diagnoses")["diagnosis_code"].gather(codes), np.bincount(person, minlength=feed.patients))


def _all_spans(feed: Feed) -> tuple[Integers, Spans]:
    """Return the spans of all people, ordered by person and day, and whose they are."""
    birth_days, persons = population(feed).birth_day, np.arange(feed.patients)
    owners, found = [], []
    for year in range(feed.start_date.year - 1, feed.end_date.year + 1):
        january, december = year_start(np.array([year, year + 1])) - [0, 1]
        at_start, at_end = (
            span_on(feed, people=persons, birth_days=birth_days, days=np.full(feed.patients, day))
            for day in (january, december)
        )
        (changed,) = np.nonzero(at_end.start != at_start.start)
        owners += [persons, changed]
        found += [at_start, Spans(at_end.plan[changed], at_end.start[changed], at_end.end[changed])]
    person = np.concatenate(owners)
    order = np.argsort(person, kind="stable")
    columns = (np.concatenate([getattr(spans, name) for spans in found])[order] for name in ("plan", "start", "end"))
    return person[order], Spans(*columns)
