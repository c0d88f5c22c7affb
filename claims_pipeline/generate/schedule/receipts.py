"""The claims that the payer receives on each day, as slots: story, a patient drawn for it, day of service.

A pure function of the claim's counter (day received, index within the day) and of tables by day received.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.choices import KeyedChoice, WeightTable
from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.numbers.draws import NO_COUNTER, SCATTER, Bits, Draws, Integers, pair
from claims_pipeline.generate.numbers.parts import Run, parts_of
from claims_pipeline.generate.schedule.after_stays import visits_after_stays
from claims_pipeline.generate.schedule.calendar import (
    LONGEST_LAG,
    calendar,
    claim_counts,
    cumulative_claims,
    horizon,
    lag_weights,
    last_open,
    stories,
)
from claims_pipeline.generate.schedule.cataracts import cataract_visits
from claims_pipeline.generate.schedule.dialysis import dialysis_visits
from claims_pipeline.generate.schedule.infusions import infusion_visits
from claims_pipeline.generate.schedule.lifecycle import CANCELLED, are_replaced, last_statuses, stay_active
from claims_pipeline.generate.schedule.maternity import maternity_visits
from claims_pipeline.generate.schedule.newborn_intensive import newborn_intensive_visits
from claims_pipeline.generate.schedule.planned_visits import PlannedVisits
from claims_pipeline.generate.schedule.replacements import places_taken, replaced_claims, trues_of_days
from claims_pipeline.generate.schedule.slots import Slots, with_anybody
from claims_pipeline.generate.schedule.stays import hospital_visits
from claims_pipeline.generate.schedule.turns import people_of, turns_of
from claims_pipeline.generate.schedule.use import by_plan
from claims_pipeline.generate.schedule.well_child import children_of_weeks
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

PLANNED = (
    *(maternity_visits, newborn_intensive_visits, dialysis_visits, hospital_visits),
    *(visits_after_stays, cataract_visits, infusion_visits),
)
"""What makes visits with a day of receipt of their own, in the order in which they take the places of a day."""


class ReceiptDays:
    """Consecutive days of receipt of a feed, and what is drawn on them.

    Attributes:
        feed: the feed.
        first: number of the first day.
        counts: new claims of each day.
        run: calls a function for parts of the claims, `map` or that of a pool.
    """

    def __init__(self, feed: Feed, first: int, last: int, run: Run = map) -> None:
        start = day_number(feed.start_date)
        expected = cumulative_claims(feed, last)[first - start : last - start + 2]
        in_turn = (read_table("stories")["draw"] != "random").to_numpy()
        self.feed, self.first, self.counts = feed, first, claim_counts(feed, first, last)
        self.run = run
        self._draws = Draws(feed.seed)
        self._in_turn = np.flatnonzero(in_turn)
        self._before = np.floor(expected[:, in_turn]).astype(np.int64)
        self._until = np.minimum(np.cumsum(np.diff(self._before, axis=0), axis=1), self.counts[:, None])
        self._random_story = KeyedChoice(stories(), np.where(in_turn, 0.0, np.diff(expected, axis=0)))

    @cached_property
    def _lag(self) -> WeightTable:
        """The choice of the days from service to receipt, which not all need who ask what is replaced."""
        return _lag_choice(self.feed, self.first, self.first + len(self.counts) - 1)

    def claims_at(self, rows: Integers) -> tuple[Integers, Integers]:
        """Return the day received and the index within it of the claims at some positions, in the order of both."""
        ends = np.cumsum(self.counts)
        day = np.searchsorted(ends, rows, side="right")
        return day + self.first, rows - (ends - self.counts)[day]

    @cached_property
    def replaces(self) -> Bits:
        """The counter of the cancelled claim that each claim replaces, or NO_COUNTER; people's turns stay."""

        def of_part(rows: Integers) -> tuple[NDArray[np.bool_], Bits]:
            received, index = self.claims_at(rows)
            counter = pair(received, index)
            are_places = self._are_free(received, index) & stay_active(self._draws, counter)
            return are_places, counter[are_replaced(self._draws, counter)]

        are_places, cancelled = (np.concatenate(parts) for parts in zip(*self._in_parts(of_part), strict=True))
        return replaced_claims(self.feed, self.first, self.counts, are_places, cancelled)

    @cached_property
    def planned(self) -> tuple[Integers, PlannedVisits]:
        """Positions of the claims for visits with a day of receipt of their own, and these visits.

        They take the places of regular claims of their day that do not end as cancelled, as long as there are any.
        """
        replaces = self.replaces

        def of_part(rows: Integers) -> NDArray[np.bool_]:
            received, index = self.claims_at(rows)
            are_places: NDArray[np.bool_] = self._are_free(received, index) & (replaces[rows] == NO_COUNTER)
            are_places &= last_statuses(self._draws, pair(received, index)) != CANCELLED
            return are_places

        if not self.counts.sum():
            return np.zeros(0, dtype=np.int64), _planned_visits(self.feed, self.first, self.first - 1)
        visits = _planned_visits(self.feed, self.first, self.first + len(self.counts) - 1)
        are_places = np.concatenate(self._in_parts(of_part))
        taken, fit = places_taken(trues_of_days(are_places, self.counts), visits.received - self.first)
        return np.flatnonzero(are_places)[taken], visits.at(fit)

    def _in_parts(self, function: Callable[[Integers], Any]) -> list[Any]:
        """Return what a function returns for each part of the claims, given by their positions."""
        count = int(self.counts.sum())
        return list(self.run(lambda part: function(np.arange(*part.indices(count))), parts_of(count)))

    def _are_free(self, received: Integers, index: Integers) -> NDArray[np.bool_]:
        """Return which claims are not for people whose turn it is."""
        free: NDArray[np.bool_] = self._places(received, index) >= self._until[received - self.first, -1]
        return free

    @cached_property
    def _are_taken(self) -> NDArray[np.bool_]:
        taken: NDArray[np.bool_] = self.replaces != NO_COUNTER
        taken[self.planned[0]] = True
        return taken

    def rows(self, received: Integers, index: Integers) -> Integers:
        """Return the position of each claim in the order of days and indices."""
        rows: Integers = (np.cumsum(self.counts) - self.counts)[received - self.first] + index
        return rows

    def are_taken(self, received: Integers, index: Integers) -> NDArray[np.bool_]:
        """Return which claims replace another or are for planned visits, so that their slots mean nothing."""
        found: NDArray[np.bool_] = self._are_taken[self.rows(received, index)]
        return found

    def are_due(self, received: Integers, index: Integers) -> NDArray[np.bool_]:
        """Return which claims are drawn for children who are due."""
        draws = read_table("stories")["draw"].gather(self._in_turn)
        row, place = received - self.first, self._places(received, index)
        found = np.zeros(len(row), dtype=np.bool_)
        for column in np.flatnonzero((draws == "due").to_numpy()):
            found |= self._has_place(row, place, int(column))
        return found

    def slots(self, rows: Integers) -> Slots:
        """Return what the claims at some positions are about, `narrowed`.

        A course is billed with one delay of whole weeks, so that its visits keep their order and their distance.
        Children who are due come last and at once, because no two claims of a week should take the same visit.
        """
        parts, lag = parts_of(len(rows)), self._lag
        slots = Slots.joined(list(self.run(lambda part: self._drawn(*self.claims_at(rows[part]), lag), parts)))
        (due,) = np.nonzero((read_table("stories")["draw"] == "due").to_numpy()[slots.story])
        uniform = self._draws.uniform("claim/person", slots.counter[due])
        person = children_of_weeks(self.feed, uniform, slots.service[due])
        slots.story[due], slots.person[due] = self._somebody(slots.at(due), person)
        return slots

    def _somebody(self, slots: Slots, person: Integers) -> tuple[Integers, Integers]:
        """Return story and person of claims, with somebody for those that have nobody yet, as often as plans ask."""
        uniform = self._draws.uniform("claim/person", slots.counter)
        story, person = with_anybody(self.feed, slots.story, person, slots.service, uniform)
        return story, by_plan(self.feed, story, person, slots.service, slots.counter)

    def _drawn(self, received: Integers, index: Integers, lag: WeightTable) -> Slots:
        """Return what claims are about, but for children who are due."""
        counter = pair(received, index)
        story, ordinal = self._stories(received, index)
        turns = turns_of(self.feed, story=story, ordinal=ordinal, counter=counter)
        lag_row = (received - self.first) * read_table("stories").height + story
        bits = self._draws.bits("claim/lag", turns.episode)
        service = received - lag.choose(bits, lag_row)
        (in_course,) = np.nonzero((read_table("stories")["draw"] == "course").to_numpy()[story])
        service[in_course] = last_open(received[in_course] - _weeks_of_lag(bits[in_course]))
        person = people_of(self.feed, turns, story=story, ordinal=ordinal, counter=counter, service=service)
        slots = Slots(counter, turns.episode, turns.is_first, story, person, service)
        story, person = self._somebody(slots, person)
        return replace(slots, story=story, person=person).narrowed()

    def _stories(self, received: Integers, index: Integers) -> tuple[Integers, Integers]:
        """Return each claim's story and its ordinal among the feed's claims of that story (-1 for a random one).

        A day's first places belong to the stories in which people take turns, as many as their expected number passes
        whole numbers on that day; the other places are drawn. Places are scattered over the day's indices.
        """
        row, place = received - self.first, self._places(received, index)
        story = self._random_story.choose(self._draws.bits("claim/story", pair(received, index)), row)
        ordinal = np.full(len(row), -1)
        for column, position in enumerate(self._in_turn):
            (mine,) = np.nonzero(self._has_place(row, place, column))
            of_day = row[mine]
            begin = self._until[of_day, column - 1] if column else 0
            story[mine] = position
            ordinal[mine] = self._before[of_day, column] + place[mine] - begin
        return story, ordinal

    def _has_place(self, row: Integers, place: Integers, column: int) -> NDArray[np.bool_]:
        """Return which places of days belong to a story in which people take turns."""
        has: NDArray[np.bool_] = place < self._until[row, column]
        if column:
            has &= place >= self._until[row, column - 1]
        return has

    def _places(self, received: Integers, index: Integers) -> Integers:
        """Return the place within its day of each claim: its index, scattered."""
        shift = self._draws.bits("day/places", received) >> np.uint64(32)
        size = self.counts[received - self.first].astype(np.uint64)
        return ((index.astype(np.uint64) * SCATTER + shift) % size).astype(np.int64)


def _weeks_of_lag(bits: Bits) -> Integers:
    """Return days from service to receipt that are whole weeks, for random bits; a weekend before the day has room."""
    return np.minimum(WeightTable(lag_weights()).choose(bits), LONGEST_LAG - 7) // 7 * 7


def _planned_visits(feed: Feed, first: int, last: int) -> PlannedVisits:
    """Return the planned visits that are received on some days, in order; those of pregnancies come first on a day."""
    visits = PlannedVisits.joined([visits(feed, first, last) for visits in PLANNED])
    return visits.at(np.argsort(visits.received, kind="stable"))


def _lag_choice(feed: Feed, first: int, last: int) -> WeightTable:
    """Return the choice of the days from service to receipt, by day received and story."""
    services = np.ascontiguousarray(calendar(feed, horizon(feed, last)).services.T)  # days of a story side by side
    begin, days = first - day_number(feed.start_date), last - first + 1
    windows = np.lib.stride_tricks.sliding_window_view(services, LONGEST_LAG + 1, axis=1)[:, begin : begin + days]
    until = windows.transpose(1, 0, 2)
    weights = np.multiply(until[..., ::-1], lag_weights(), out=np.empty(until.shape))
    weights[weights.sum(axis=-1) == 0] = 1.0  # stories that concern no person are never looked up
    return WeightTable(weights.reshape(-1, LONGEST_LAG + 1))
