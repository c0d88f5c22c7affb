"""Which plan covers a person on a day, from when to when.

Coverage renews on January 1; Medicare begins on the first of the month of the 65th birthday, a newborn's at birth.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.choices import KeyedChoice
from claims_pipeline.generate.numbers.days import year_of, year_start, years_in
from claims_pipeline.generate.numbers.draws import Draws, Integers, pair
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.membership import KINDS, MEDICAID, MEDICARE
from claims_pipeline.generate.people.population import UNKNOWN, chosen_once, population
from claims_pipeline.generate.people.subscribers import policy_numbers, subscribers_of
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

DUAL = 0.7
"""Share of those with Medicaid who keep it beside Medicare, so that 12 percent of Medicare have both (KFF)."""
PLAN_CHANGES_A_YEAR = 0.12
"""Share of members who choose another plan at renewal: by judgement, most stay where they are."""

YEARS_KEPT = 3
"""Years whose plans are kept: that of receipt, the one before it, in which many of its services are, and the next."""


@dataclass(frozen=True)
class Spans:
    """Spans of coverage as arrays of equal length; days are counted from 1970-01-01, ends included.

    Attributes:
        plan: row of the plans table.
        subscriber: number of the person who holds the policy.
        start: first day covered.
        end: last day covered.
        planned_end: last day covered as long as the person neither leaves nor dies.
        is_covered: whether there is a span on the day asked for; if not, the other attributes mean nothing.
    """

    plan: Integers
    subscriber: Integers
    start: Integers
    end: Integers
    planned_end: Integers
    is_covered: NDArray[np.bool_]

    def at(self, rows: NDArray[np.bool_] | Integers) -> "Spans":
        """Return some of the spans."""
        return Spans(*(getattr(self, field.name)[rows] for field in fields(Spans)))

    @staticmethod
    def joined(parts: Sequence["Spans"]) -> "Spans":
        """Return the spans of all parts in one."""
        return Spans(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Spans)))


def span_on(feed: Feed, *, people: Integers, days: Integers) -> Spans:
    """Return the span that covers each person on a day."""
    everyone = population(feed)
    first, last, gap_first, gap_last = (
        getattr(everyone.member, name)[people] for name in ("first", "last", "gap_first", "gap_last")
    )
    years, medicare = year_of(days), everyone.medicare[people]
    has_medicare = days >= medicare
    subscriber, kind = subscribers_of(feed, people, years)
    subscriber, kind = np.where(has_medicare, people, subscriber), np.where(has_medicare, MEDICARE, kind)
    policy = np.where(has_medicare, people, policy_numbers(feed, subscriber))
    start = np.maximum(year_start(years), first)
    np.maximum(start, medicare, out=start, where=has_medicare)
    planned_end = year_start(years + 1) - 1
    np.minimum(planned_end, medicare - 1, out=planned_end, where=~has_medicare)
    has_gap = gap_first <= gap_last
    np.maximum(start, gap_last + 1, out=start, where=has_gap & (days > gap_last))
    np.minimum(planned_end, gap_first - 1, out=planned_end, where=has_gap & (days < gap_first))
    end = np.minimum(planned_end, last)
    return Spans(
        plan=_plan(feed, policy, years, kind),
        subscriber=subscriber,
        start=start,
        end=end,
        planned_end=planned_end,
        is_covered=everyone.covers(people, days),
    )


def may_have_two(feed: Feed, people: Integers) -> NDArray[np.bool_]:
    """Return who has Medicaid beside Medicare as soon as they have Medicare."""
    may: NDArray[np.bool_] = Draws(feed.seed).uniform("person/dual", people) < DUAL
    may &= population(feed).kind[people] == MEDICAID
    return may


def second_span_on(feed: Feed, *, people: Integers, days: Integers) -> Spans:
    """Return the span of Medicaid that dual eligibles have beside Medicare on a day: it pays second."""
    spans = span_on(feed, people=people, days=days)
    is_dual = may_have_two(feed, people) & (days >= population(feed).medicare[people])
    medicaid = np.full(len(people), MEDICAID)
    return replace(spans, plan=_plan(feed, people, year_of(days), medicaid), is_covered=spans.is_covered & is_dual)


def _plan(feed: Feed, policies: Integers, years: Integers, kind: Integers) -> Integers:
    """Return the plan of a kind that a policy has in a year: kept until its holder chooses anew at a renewal."""
    plans = np.empty_like(policies)
    for year in years_in(years):
        for number in range(len(KINDS)):
            (at,) = np.nonzero((years == year) & (kind == number))
            choose = partial(_chosen_plan, feed, policies[at], year, number)
            plans[at] = chosen_once(_plans_known(feed, year)[number], policies[at], choose)
    return plans


@once(maxsize=YEARS_KEPT)
def _plans_known(feed: Feed, year: int) -> NDArray[np.signedinteger[Any]]:  # noqa: ARG001  # each year has its own
    """Return the plans of a year that have been asked for, by kind of coverage (rows) and number of the policy."""
    fits_plans = np.min_scalar_type(-read_table("plans").height)
    return np.full((len(KINDS), feed.patients), UNKNOWN, dtype=fits_plans)


def _chosen_plan(feed: Feed, policies: Integers, year: int, kind: int, rows: Integers) -> Integers:
    """Return the plan of a kind that the policies at some positions have in a year."""
    draws, mine = Draws(feed.seed), policies[rows]
    chosen_in = np.zeros(len(mine), dtype=np.int64)
    for renewal in range(feed.start_date.year, year + 1):
        chooses = draws.uniform("person/plan change", pair(mine, renewal)) < PLAN_CHANGES_A_YEAR
        chosen_in[chooses] = renewal
    return _plan_choice().choose(draws.bits("person/plan", pair(mine, chosen_in)), np.full(len(mine), kind))


@cache
def _plan_choice() -> KeyedChoice:
    """Return the choice of a plan by kind of coverage."""
    plans = read_table("plans")
    kinds, share = plans["coverage_kind"].to_numpy(), plans["share"].to_numpy()
    return KeyedChoice(plans["plan_id"].to_list(), [np.where(kinds == name, share, 0.0) for name in KINDS])
