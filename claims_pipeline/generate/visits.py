"""The visits behind the claims of a year of receipt: who is seen for what, when, by whom.

A pure function of (feed, year). It holds what one day alone cannot know; the daily tables read their slice of it.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.calendar import stories
from claims_pipeline.generate.days import ages_on, day_number
from claims_pipeline.generate.draws import Bits, Draws, Integers
from claims_pipeline.generate.following import follow
from claims_pipeline.generate.identifiers import dates
from claims_pipeline.generate.population import population
from claims_pipeline.generate.providers import providers_of
from claims_pipeline.generate.reasons import reasons_of
from claims_pipeline.generate.slots import ReceiptDays
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table
from claims_pipeline.schema import VISITS

DAYS_AT_ONCE = 92
"""Intermediate arrays exist for the claims of so many days at a time."""


@dataclass(frozen=True)
class Visits:
    """The visits behind claims, as arrays of equal length.

    Attributes:
        received: day of the claim's first version.
        index: number of the claim within the day received, from 0.
        person: number of the patient, from 0.
        service: day of the service.
        story: row of the stories table.
        principal: row of the diagnoses table.
        practitioner: number of the rendering provider, from 0.
        is_new: whether the practice has not seen the patient in three years, or it is the first visit of a course.
        is_video: whether it is a visit by video.
        episode: shared by the visits of a course of treatment.
    """

    received: Integers
    index: Integers
    person: Integers
    service: Integers
    story: Integers
    principal: Integers
    practitioner: Integers
    is_new: NDArray[np.bool_]
    is_video: NDArray[np.bool_]
    episode: Bits

    def at(self, rows: Integers) -> "Visits":
        """Return the visits at some positions."""
        return Visits(**{name: values[rows] for name, values in vars(self).items()})


def visits_of(feed: Feed, year: int) -> pl.DataFrame:
    """Return one row a claim that the payer receives first in a year, in the order of day and index, as schema has it.

    The year begins with the feed's first day at the earliest, and goes on after its last day.
    """
    first = day_number(max(date(year, 1, 1), feed.start_date))
    last = day_number(date(year, 12, 31))
    parts = [_drawn(feed, begin, min(begin + DAYS_AT_ONCE - 1, last)) for begin in range(first, last + 1, DAYS_AT_ONCE)]
    return pl.concat([_frame(part) for part in parts], rechunk=True)


def visits_from(frame: pl.DataFrame) -> Visits:
    """Return rows of the visits table as arrays."""
    names, codes = (pl.Enum(found) for found in (stories(), _diagnosis_codes()))
    columns = frame.select(
        pl.col("received_date").to_physical().alias("received"),
        pl.col("claim_index").alias("index"),
        "person",
        pl.col("service_date").to_physical().alias("service"),
        pl.col("story").cast(names).to_physical(),
        pl.col("principal_diagnosis_code").cast(codes).to_physical().alias("principal"),
        "practitioner",
    )
    numbers = {column.name: column.to_numpy().astype(np.int64) for column in columns}
    return Visits(
        **numbers,
        is_new=frame["is_new_patient"].to_numpy(),
        is_video=frame["is_video"].to_numpy(),
        episode=frame["episode"].to_numpy(),
    )


def _frame(visits: Visits) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "received_date": dates(visits.received),
            "claim_index": visits.index,
            "person": visits.person,
            "service_date": dates(visits.service),
            "story": pl.Series(stories()).gather(visits.story),
            "principal_diagnosis_code": read_table("diagnoses")["diagnosis_code"].gather(visits.principal),
            "practitioner": visits.practitioner,
            "is_new_patient": visits.is_new,
            "is_video": visits.is_video,
            "episode": visits.episode,
        }
    ).cast(VISITS.polars_schema)


@cache
def _diagnosis_codes() -> tuple[str, ...]:
    return tuple(read_table("diagnoses")["diagnosis_code"])


def _drawn(feed: Feed, first: int, last: int) -> Visits:
    """Return the visits behind the claims received on the days `first`..`last`."""
    receipts = ReceiptDays(feed, first, last)
    received, index = receipts.claims()
    slots = receipts.slots(received, index)
    source_story, source_episode = follow(receipts, slots, received)
    ages = ages_on(population(feed).birth_day[slots.person], slots.service)
    reasons = reasons_of(feed, slots, ages, source_story=source_story, source_episode=source_episode)
    providers = providers_of(feed, slots, reasons)
    return Visits(
        received=received,
        index=index,
        person=slots.person,
        service=slots.service,
        story=slots.story,
        principal=reasons.principal,
        practitioner=providers.practitioner,
        is_new=providers.is_new,
        is_video=Draws(feed.seed).uniform("claim/video", slots.counter)
        < read_table("stories")["telehealth"].to_numpy()[slots.story],
        episode=slots.episode,
    )
