"""Who belongs together: households of an adult, a spouse and children, drawn one by one.

A household is a function of (feed, its number); people are numbered in the order of households, so that a running sum
of their sizes says who is in which. In some only the children are members: they have Medicaid, their parents are not
insured with a payer of the feed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.choices import KeyedChoice, WeightTable
from claims_pipeline.generate.numbers.days import DAYS_A_YEAR, NEVER, day_number, year_of, year_start, years_before
from claims_pipeline.generate.numbers.draws import Bits, Draws, Floats, Integers, pair
from claims_pipeline.generate.people.membership import EMPLOYER, MEDICAID, Stays, kinds_below_65, stays_of
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

HEAD, SPOUSE, CHILD = range(3)
NOBODY = -1
MOST_CHILDREN = 4
HOUSEHOLDS_A_PART = 25_000
"""Number of households that are drawn at a time."""
PARENTS = ("couple", "single_mother", "single_father", "children_only")
COUPLE, SINGLE_MOTHER, SINGLE_FATHER, CHILDREN_ONLY = range(len(PARENTS))
ONLY_CHILDREN = 0.065
"""Share of households without an adult member: set so that 38 percent of children have Medicaid (Census P60-284)."""
WOMEN_HEADS = 0.4
"""Share of couples in which the wife holds the policy: by judgement."""
OWN_POLICY = 0.1
"""Share of spouses with an employer's plan who have one of their own employer: by judgement, so that nearly half of
those with employers' plans are dependents."""
OLDER_BY, OLDER_SPREAD, OLDER_MOST = 2.2, 3.0, 12.0
"""Years by which husbands are older than their wives, a normal distribution with a limit: Census, CPS ASEC 2022."""
YOUNGEST_SPOUSE, OLDEST_SPOUSE = 20, 88
FIRST_BIRTH, FIRST_BIRTH_SPREAD = 27.4, 5.2
"""Mother's age at her first child, in years: CDC NCHS, Births: Final Data for 2022."""
YOUNGEST_MOTHER, OLDEST_MOTHER = 18.3, 44.9
LEAST_SPACING, SPACING_SPREAD = 1.5, 3.2
"""Years between two children: at least, and by how much more at most."""
LONGEST_PREGNANCY = 293
"""Days from the last period to the birth, at most."""
STAYS_TO_26 = 0.68
"""Share of children who are covered through a parent until 26; others get coverage of their own from 19 on: by
judgement, near the half of those of 19 to 25 with an employer's plan who have it through a parent."""
LAST_AGE, MEDICAID_AGE = 26, 19
"""From the January on in which a child has this age it has coverage of its own: 45 CFR 147.120; CHIP below 19."""


@dataclass(frozen=True)
class Households:
    """Who belongs together, as arrays with one element a person.

    Attributes:
        head: number of the first person of the household.
        spouse: number of the household's spouse, or NOBODY.
        place: number of the person within the household, from 0.
        role: HEAD, SPOUSE or CHILD.
        is_female: bool.
        birth_day: days since 1970-01-01.
        kind: kind of coverage of the household without Medicare, a position in membership.KINDS.
        has_own_policy: whether a spouse has a policy beside that of the head.
        own_from: year from which a child has coverage of its own; 0 for adults.
        expects: day of the birth that the end of the feed, or of the membership, cuts off; NEVER without one.
    """

    head: Integers
    spouse: Integers
    place: Integers
    role: Integers
    is_female: NDArray[np.bool_]
    birth_day: Integers
    kind: Integers
    has_own_policy: NDArray[np.bool_]
    own_from: Integers
    expects: Integers


_Columns = TypeVar("_Columns", Households, Stays)


def households_of(feed: Feed) -> tuple[Households, Stays]:
    """Return the households of a feed's people, and from when to when each person's household is a member.

    The last household may lack its youngest members.
    """
    parts: list[tuple[Households, Stays]] = []
    people = 0
    size = min(HOUSEHOLDS_A_PART, feed.patients // 2 + 1)
    while people < feed.patients:
        numbers = np.arange(len(parts) * size, (len(parts) + 1) * size)
        parts.append(_of_part(feed, numbers, first=people))
        people += len(parts[-1][0].head)

    def joined(kind: type[_Columns], of_kind: Sequence[_Columns]) -> _Columns:
        names = [field.name for field in fields(kind)]
        return kind(
            **{name: np.concatenate([getattr(part, name) for part in of_kind])[: feed.patients] for name in names}
        )

    homes, stays = zip(*parts, strict=True)
    return joined(Households, homes), joined(Stays, stays)


def _of_part(feed: Feed, numbers: Integers, *, first: int) -> tuple[Households, Stays]:
    """Return some households, whose people are numbered from `first` on."""
    drawn = _Drawn(feed, numbers)
    size = drawn.exists.sum(axis=1)
    household, column = np.nonzero(drawn.exists)
    head = (first + np.cumsum(size) - size)[household]
    role = np.minimum(column, CHILD)
    has_spouse = drawn.exists[household, SPOUSE] & (head + 1 < feed.patients)
    homes = Households(
        head=head,
        spouse=np.where(has_spouse, head + 1, NOBODY),
        place=np.arange(first, first + len(head)) - head,
        role=role,
        is_female=drawn.is_female[household, column],
        birth_day=drawn.birth_day[household, column],
        kind=drawn.kind[household],
        has_own_policy=(role == SPOUSE) & drawn.spouse_has_policy[household],
        own_from=np.where(role == CHILD, drawn.own_from[household, column], 0),
        expects=drawn.expects[household],
    )
    return homes, drawn.stays.at(household)


class _Drawn:
    """Households by number, with a column for the head, the spouse and each child."""

    def __init__(self, feed: Feed, numbers: Integers) -> None:
        self.feed, self.numbers, self.draws = feed, numbers, Draws(feed.seed)
        self.start, self.end = day_number(feed.start_date), day_number(feed.end_date)
        shape = (len(numbers), CHILD + MOST_CHILDREN)
        self.exists = np.zeros(shape, dtype=np.bool_)
        self.is_female = np.zeros(shape, dtype=np.bool_)
        self.birth_day = np.zeros(shape, dtype=np.int64)
        self.own_from = np.zeros(shape, dtype=np.int64)
        self.expects = np.full(len(numbers), NEVER)
        only_children = self.draws.uniform("household/only children", numbers) < ONLY_CHILDREN
        only_children[numbers == 0] = False
        self._draw_adults()
        ages = (self.start - self.birth_day[:, HEAD]) // DAYS_A_YEAR
        self.kind = kinds_below_65(self.draws, "household", numbers, ages.astype(np.int64))
        self.kind[only_children] = MEDICAID
        self.stays = stays_of(feed, numbers, head_birth_days=self.birth_day[:, HEAD], kinds=self.kind)
        self.spouse_has_policy = self.draws.uniform("household/own policy", numbers) < OWN_POLICY
        self.spouse_has_policy &= self.kind == EMPLOYER
        self._draw_children(only_children)

    def _draw_adults(self) -> None:
        draws, numbers = self.draws, self.numbers
        heads = _heads()
        band = heads.band.choose(draws.bits("household/age band", numbers))
        pyramid = read_table("age_pyramid")
        month = self.feed.start_date.replace(day=1)  # on which coverage begins
        youngest, oldest = (
            years_before(month, ages.to_numpy()) for ages in (pyramid["from_age"], pyramid["to_age"] + 1)
        )
        birth_day = youngest[band] - draws.below("household/age", numbers, (youngest - oldest)[band])
        has_spouse = draws.uniform("household/couple", numbers) < heads.couple[band]
        women = np.where(has_spouse, WOMEN_HEADS, heads.women_without_spouse[band])
        is_female = draws.uniform("household/sex", numbers) < women
        older = OLDER_BY + OLDER_SPREAD * draws.normal("household/husband older", numbers)
        older = older.clip(-OLDER_MOST, OLDER_MOST) * DAYS_A_YEAR
        spouse = birth_day + np.where(is_female, -older, older).astype(np.int64)
        limits = years_before(self.feed.start_date, np.array([OLDEST_SPOUSE, YOUNGEST_SPOUSE]))
        self.exists[:, HEAD], self.exists[:, SPOUSE] = True, has_spouse
        self.is_female[:, HEAD], self.is_female[:, SPOUSE] = is_female, ~is_female
        self.birth_day[:, HEAD], self.birth_day[:, SPOUSE] = birth_day, spouse.clip(*limits)

    def _draw_children(self, only_children: NDArray[np.bool_]) -> None:
        draws, numbers = self.draws, self.numbers
        is_couple, head_is_female = self.exists[:, SPOUSE], self.is_female[:, HEAD]
        parents = np.where(is_couple, COUPLE, np.where(head_is_female, SINGLE_MOTHER, SINGLE_FATHER))
        parents[only_children] = CHILDREN_ONLY
        count = _child_counts().choose(draws.bits("household/children", numbers), parents)
        mother = self.birth_day[numbers - numbers[0], np.where(is_couple & ~head_is_female, SPOUSE, HEAD)]
        first = FIRST_BIRTH + FIRST_BIRTH_SPREAD * draws.normal("household/first child", numbers)
        age = first.clip(YOUNGEST_MOTHER, OLDEST_MOTHER)
        oldest = self.start - (draws.uniform("household/oldest child", numbers) * 18 * DAYS_A_YEAR).astype(np.int64)
        since = np.zeros(len(numbers))
        known_until = np.minimum(self.stays.last, self.end)
        self.exists[only_children, HEAD] = self.exists[only_children, SPOUSE] = False
        for child in range(MOST_CHILDREN):
            counter = pair(numbers, child)
            born_of_mother = mother + (age * DAYS_A_YEAR).astype(np.int64)
            born = np.where(only_children, oldest + (since * DAYS_A_YEAR).astype(np.int64), born_of_mother)
            own_from = self._own_from(counter, born)
            exists = (count > child) & (born <= known_until) & (own_from > self.feed.start_date.year)
            exists &= only_children | (age <= OLDEST_MOTHER)
            is_cut_off = (count > child) & (born > known_until) & (born <= known_until + LONGEST_PREGNANCY)
            is_cut_off &= ~only_children & (age <= OLDEST_MOTHER)
            self.expects = np.where(is_cut_off, np.minimum(self.expects, born), self.expects)
            column = CHILD + child
            self.exists[:, column], self.birth_day[:, column], self.own_from[:, column] = exists, born, own_from
            self.is_female[:, column] = draws.uniform("household/child's sex", counter) < 0.488
            spacing = LEAST_SPACING + SPACING_SPREAD * draws.uniform("household/spacing", counter)
            age, since = age + spacing, since + spacing

    def _own_from(self, counter: Bits, born: Integers) -> Integers:
        """Return the year from which on each child has coverage of its own."""
        stays = self.draws.uniform("household/stays", counter) < STAYS_TO_26
        earlier = MEDICAID_AGE + self.draws.below("household/own coverage", counter, LAST_AGE - MEDICAID_AGE)
        until = np.where(stays, LAST_AGE, earlier)
        until[self.kind == MEDICAID] = MEDICAID_AGE
        birthday = year_of(born) + until
        is_on_january_1 = born == year_start(year_of(born))
        own_from: Integers = birthday + ~is_on_january_1
        return own_from


@dataclass(frozen=True)
class _Heads:
    """The choice of a head's band of age, and by band the share in couples and that of women among the others."""

    band: KeyedChoice
    couple: Floats
    women_without_spouse: Floats


@cache
def _heads() -> _Heads:
    table = read_table("age_pyramid").join(read_table("households"), on="from_age", maintain_order="left")
    women, men = (table[sex].to_numpy() for sex in ("female", "male"))
    with_spouse = table["with_spouse"].to_numpy()
    couple = with_spouse / (2 - with_spouse)
    weights = (women + men) * table["own_policy"].to_numpy() / (1 + couple)
    share = (women / (women + men) - with_spouse / 2) / (1 - with_spouse)
    keys = table.select(pl.format("{}", "from_age")).to_series().to_list()
    return _Heads(KeyedChoice(keys, weights), couple, share)


@cache
def _child_counts() -> WeightTable:
    table = read_table("births")
    return WeightTable(np.array([table.row(by_predicate=pl.col("parents") == name)[1:] for name in PARENTS]))
