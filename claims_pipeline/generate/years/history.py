"""What a visit may not be, given the other visits of the patient.

Nobody sees a doctor twice on a day or (but in hospital) on the next, has a service again before its interval is over,
or is new to a practice that has seen them within three years.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.draws import Integers, narrowed
from claims_pipeline.reference import read_table

NEW_AFTER = 3 * 365 + 1
"""Days without a visit after which a patient is new to a practice again: CPT, three years."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Seen:
    """Visits that stand, as arrays of equal length.

    Attributes:
        person: number of the patient.
        practitioner: number of the rendering provider.
        practice: number of the practice and specialty.
        service: day of service.
        is_new: whether the patient was new to the practice.
    """

    person: Integers
    practitioner: Integers
    practice: Integers
    service: Integers
    is_new: Mask

    def at(self, rows: Mask | Integers | slice) -> "Seen":
        """Return some of the visits."""
        return Seen(*(values[rows] for values in vars(self).values()))


@dataclass(frozen=True)
class Done:
    """Services that stand, as arrays of equal length: the patient, the number of the procedure, the day."""

    person: Integers
    code: Integers
    service: Integers

    def at(self, rows: Mask | Integers | slice) -> "Done":
        """Return some of the services."""
        return Done(*(values[rows] for values in vars(self).values()))


_Columns = TypeVar("_Columns", Seen, Done)


class History:
    """The visits and services that stand, in runs that are ordered by person, so that those of some people are near."""

    def __init__(self) -> None:
        self._runs: list[tuple[Seen, Integers, Integers]] = []

    def add(self, seen: Seen, claim: Integers, code: Integers) -> None:
        """Add visits, and their services: for each the position of its visit, in order, and the procedure."""
        if (seen.person[1:] < seen.person[:-1]).any():
            order = np.argsort(seen.person, kind="stable")
            place = np.empty_like(order)
            place[order] = np.arange(len(order))
            of_lines = np.argsort(place[claim], kind="stable")
            seen, claim, code = seen.at(order), narrowed(place[claim][of_lines]), code[of_lines]
        self._runs.append((seen, claim, code))

    def of(self, people: Integers) -> tuple[Seen, Done]:
        """Return the visits and services of some people, whose numbers may repeat."""
        first, last = int(people.min()), int(people.max()) + 1
        is_wanted = np.zeros(last - first, dtype=np.bool_)
        is_wanted[people - first] = True
        nothing = np.zeros(0, dtype=np.int64)  # joined with it, what is kept in fewer bytes is as wide again
        seen, done = [Seen(nothing, nothing, nothing, nothing, nothing > 0)], [Done(nothing, nothing, nothing)]
        for visits, claim, code in self._runs:
            begin, end = np.searchsorted(visits.person, [first, last])
            near = visits.at(slice(begin, end))
            wanted = is_wanted[near.person - first]
            of_lines = slice(*np.searchsorted(claim, [begin, end]))
            visit, codes = claim[of_lines] - begin, code[of_lines]
            mine = wanted[visit]
            seen.append(near.at(wanted))
            done.append(Done(near.person[visit[mine]], codes[mine], near.service[visit[mine]]))
        return _joined(seen), _joined(done)


def _joined(parts: Sequence[_Columns]) -> _Columns:
    """Return the visits or services of all parts in one."""
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return type(parts[0])(*map(np.concatenate, columns))


def seen_again(visits: Seen, before: Seen, days: Integers) -> Mask:
    """Return which visits are with a doctor who sees the patient so soon before or after, among `before` or `visits`.

    Args:
        visits: the visits in question.
        before: visits that stand.
        days: for each of `before` and then of `visits`, how many days lie between it and the next visit to the doctor,
            before or after it, at least; of two visits the smaller number holds.
    """
    both = _joined([before, visits])
    series = both.person * (both.practitioner.max(initial=0) + 1) + both.practitioner
    near = np.flatnonzero(_has_close(series, both.service, days))
    order = near[np.lexsort((near, both.service[near], series[near]))]  # those that stand are before the others
    stands = order < len(before.person)
    dropped = order[_greedy(series[order], both.service[order], days[order], stands)]
    found = np.zeros(len(both.person), dtype=np.bool_)
    found[dropped] = True
    return found[len(before.person) :]


def new_patients(visits: Seen, before: Seen, *, is_first_seen: int) -> tuple[Mask, Mask]:
    """Return which visits are with a practice new to the patient, and which come before one that was called new.

    Args:
        visits: `is_new` says whether the patient is new if no visit is known.
        before: visits that stand.
        is_first_seen: day from which on all visits of three years before are known.
    """
    both = _joined([before, visits])
    stands = np.arange(len(both.person)) < len(before.person)
    series = both.person * (both.practice.max(initial=0) + 1) + both.practice
    order = np.argsort(_in_time(series, both.service), kind="stable")  # those that stand are before the others
    series, service = series[order], both.service[order]
    same = series[1:] == series[:-1]
    is_recent = np.r_[False, same & (service[1:] - service[:-1] < NEW_AFTER)]
    is_new = ~is_recent & (both.is_new[order] | (service >= is_first_seen))
    begins = np.flatnonzero(np.r_[True, ~same])
    place = np.where(stands[order] & both.is_new[order], np.arange(len(order)), -1)
    last_new = np.repeat(np.maximum.reduceat(place, begins), np.diff(np.r_[begins, len(order)]))
    comes_before = np.arange(len(order)) < last_new
    found, early = np.empty_like(is_new), np.empty_like(is_new)
    found[order], early[order] = is_new, comes_before
    return found[len(before.person) :], early[len(before.person) :]


def too_soon(services: Done, before: Done, rank: Integers) -> Mask:
    """Return which services come before their interval since, or until, another one of the patient is over.

    Args:
        services: the services in question.
        before: services that stand.
        rank: of two services of a day the one with the smaller rank stands.
    """
    refused = np.zeros(len(services.person), dtype=np.bool_)
    of_code, days = _intervals()
    for place in range(of_code.shape[1]):
        groups, other = of_code[services.code, place], of_code[before.code, place]
        (mine,), (theirs,) = np.nonzero((groups >= 0) & ~refused), np.nonzero(other >= 0)
        group = np.concatenate([other[theirs], groups[mine]])
        person = np.concatenate([before.person[theirs], services.person[mine]])
        service = np.concatenate([before.service[theirs], services.service[mine]])
        series = person * len(days) + group
        near = np.flatnonzero(_has_close(series, service, days[group]))
        place_of_rank = np.r_[np.full(len(theirs), -1), rank[mine]][near]
        order = near[np.lexsort((place_of_rank, service[near], series[near]))]
        stands = order < len(theirs)
        dropped = _greedy(series[order], service[order], days[group[order]], stands)
        refused[mine[order[dropped & ~stands] - len(theirs)]] = True
    return refused


def _has_close(series: Integers, service: Integers, days: Integers) -> Mask:
    """Return which services belong to a series in which two are closer than its interval."""
    order = np.argsort(_in_time(series, service))
    of_series, on, apart = series[order], service[order], days[order]
    is_same = of_series[1:] == of_series[:-1]
    is_close = is_same & (on[1:] - on[:-1] < np.minimum(apart[1:], apart[:-1]))
    number = np.cumsum(np.r_[0, ~is_same])[: len(series)]  # of the series
    has_close = np.zeros(len(series), dtype=np.bool_)
    has_close[number[1:][is_close]] = True
    found = np.empty(len(series), dtype=np.bool_)
    found[order] = has_close[number]
    return found


def _in_time(series: Integers, service: Integers) -> Integers:
    """Return numbers in the order of series and days: one sort of them is faster than one by each."""
    if not len(series):
        return series
    first, last = int(service.min()), int(service.max())
    return series * (last + 1 - first) + service - first


def _greedy(series: Integers, service: Integers, days: Integers, stands: Mask) -> Mask:
    """Return which of the sorted services are left out to keep the intervals of their series; those that stand stay."""
    dropped = np.zeros(len(series), dtype=np.bool_)
    left = np.arange(len(series))
    while len(left) > 1:
        after, before = left[1:], left[:-1]
        close = series[after] == series[before]
        close &= service[after] - service[before] < np.minimum(days[after], days[before])
        close &= ~(stands[after] & stands[before])
        later = close & ~stands[after]
        earlier = close & stands[after]
        # of a run of close services only the first pair is sure: what is left out does not make the next one late
        sure = later & ~np.r_[False, later[:-1]]
        out = np.concatenate([after[sure], before[earlier]])
        if not len(out):
            break
        dropped[out] = True
        left = left[~dropped[left]]
    return dropped


@cache
def _intervals() -> tuple[Integers, Integers]:
    """Return the groups of each procedure (the first its own, -1 for none) and the days of each group."""
    procedures, table = read_table("procedures")["hcpcs_code"].to_list(), read_table("service_intervals")
    days = np.concatenate([np.ones(len(procedures), dtype=np.int64), table["days"].to_numpy()])
    groups: list[list[int]] = [[number] for number in range(len(procedures))]
    for number, row in enumerate(table.iter_rows(named=True)):
        for code in row["codes"].split():
            groups[procedures.index(code)].append(len(procedures) + number)
    width = max(map(len, groups))
    return np.array([found + [-1] * (width - len(found)) for found in groups]), days
