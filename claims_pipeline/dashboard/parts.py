"""A part of a sorted list, found by the item before it or behind it.

A part begins after an item (keyset pagination): the last part of ten million is found as fast as the first, and parts
do not shift when a new build adds items before them. `offset` skips items instead, and takes longer the more it skips.
"""

import base64
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, NamedTuple, Self
from urllib.parse import urlencode

from pydantic import AfterValidator, BaseModel, Field, model_validator

from claims_pipeline.dashboard.analytics import Rows
from claims_pipeline.days import parse_day

MAX_OFFSET = 1_000_000
"""A larger `offset` takes long: follow `next`, or request the last part or the reverse order."""
MAX_ITEMS = 10**12
"""No list is as long, and an `offset` beside `after` or `before` is no larger."""
END = "end"
"""Value of `before` for the last part."""


class Place(NamedTuple):
    """An item's place in a list: its value in the sorted column, and its id, which breaks ties."""

    value: str
    key: str

    def __str__(self) -> str:
        """Return the place as text for an address."""
        return base64.urlsafe_b64encode(json.dumps(self).encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Return the place from a text that `str` returned; raise ValueError for any other text."""
        try:
            value, key = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            place = cls(str(value), str(key))
            "".join(place).encode()  # JSON can escape half a surrogate pair, which the database does not take
        except (TypeError, ValueError, RecursionError):
            msg = "should be taken from the address of a neighbouring part"
            raise ValueError(msg) from None
        return place


def _count(text: str) -> int:
    count = int(text)
    if not -(2**63) <= count < 2**63:
        raise ValueError
    return count


def _amount(text: str) -> Decimal:
    amount = Decimal(text)
    if not (amount.is_finite() and abs(amount) < AMOUNTS_BELOW):
        raise ValueError
    return amount


_TYPES = {
    "received_date": "date",
    "claim_start_date": "date",
    "birth_date": "date",
    "claim_count": "bigint",
    "total_charge_amount": "decimal(18, 2)",
    "active_charge_amount": "decimal(18, 2)",
}
"""SQL types of the columns that a list is sorted by; varchar for any other."""
AMOUNTS_BELOW = Decimal(10**15)
"""A tenth of what decimal(18, 2) holds."""
_READERS: Mapping[str, Callable[[str], object]] = {"date": parse_day, "bigint": _count, "decimal(18, 2)": _amount}


def _require_place(text: str) -> str:
    Place.parse(text)
    return text


def _require_place_or_end(text: str) -> str:
    return text if text == END else _require_place(text)


_COUNT = Field(default=50, ge=1, le=1_000, description="Items in one answer.")
_OFFSET = Field(
    default=0,
    ge=0,
    le=MAX_ITEMS,
    description=f"Items to skip, at most {MAX_OFFSET:,}; with after or before, only where the part is.",
)
_AFTER = Field(default="", description="Place of the item before the part, as in `next`.")
_BEFORE = Field(
    default="", description=f"Place of the item behind the part, as in `previous`; {END!r} for the last part."
)
PlaceText = Annotated[str, AfterValidator(lambda text: text and _require_place(text))]
PlaceOrEndText = Annotated[str, AfterValidator(lambda text: text and _require_place_or_end(text))]


class ListQuery(BaseModel):
    """Which part of a list, in which order: by the column `sort`, with a minus before it descending."""

    sort: str
    count: int = _COUNT
    offset: int = _OFFSET
    after: PlaceText = _AFTER
    before: PlaceOrEndText = _BEFORE

    @model_validator(mode="after")
    def _one_way_to_the_part(self) -> Self:
        if self.after and self.before:
            msg = "after and before exclude each other"
            raise ValueError(msg)
        if self.offset > MAX_OFFSET and not (self.after or self.before):
            msg = f"offset should be at most {MAX_OFFSET:,}; follow `next` to get farther"
            raise ValueError(msg)
        place = self.after or self.before
        if place not in ("", END):
            _value_of(Place.parse(place), self.sort.removeprefix("-"))
        return self


def _value_of(place: Place, column: str) -> object:
    """Return a place's value in the type of its column; raise ValueError for one that is not of that type."""
    try:
        return _READERS.get(_TYPES.get(column, ""), str)(place.value)
    except (ValueError, ArithmeticError):
        msg = f"after or before should be taken from a part that is sorted by {column}"
        raise ValueError(msg) from None


class Page(BaseModel):
    """A part of a list. The four addresses lead to other parts of it; null where there is none."""

    total: int
    count: int = Field(description="Number of items asked for.")
    offset: int = Field(description="Number of items before this part.")
    first: str | None
    previous: str | None
    next: str | None
    last: str | None


class Part(NamedTuple):
    """How to select a part of a list.

    Attributes:
        condition: SQL that selects the items after the place (or before it), and `values` for its placeholders.
        order: the ORDER BY clause; backwards if the part is before a place.
        order_of_list: the ORDER BY clause of the list, in which the items are shown.
        limit: number of items to select.
        skip: number of selected items to skip.
        offset: number of items in the whole list before the part.
        total: number of items in the whole list.
        is_backwards: the rows are in reverse order.
    """

    condition: str
    values: tuple[object, ...]
    order: str
    order_of_list: str
    limit: int
    skip: int
    offset: int
    total: int
    is_backwards: bool

    def in_order(self, rows: Rows) -> Rows:
        """Return the selected rows in the order of the list."""
        return rows[::-1] if self.is_backwards else rows


def part_of(query: ListQuery, *, key: str, number: str, total: int) -> Part:
    """Return how to select the part of a list of `total` items that the query asks for.

    Args:
        query: which part, in which order.
        key: the column with the id of an item, which is the same in every build.
        number: the column with its number in order of the ids, by which ties are sorted: in half the time of the ids.
        total: number of items.
    """
    column, is_backwards = query.sort.removeprefix("-"), bool(query.before)
    is_list_descending = query.sort.startswith("-")
    is_descending = is_list_descending != is_backwards
    sign = "<" if is_descending else ">"
    order, order_of_list = (
        f"order by {column} {direction}, {number} {direction}"
        for direction in ("desc" if descending else "asc" for descending in (is_descending, is_list_descending))
    )
    if query.before == END:
        size = (total % query.count or query.count) if total else query.count
        return Part("", (), order, order_of_list, size, 0, max(total - size, 0), total, is_backwards)
    if place := query.after or query.before:
        found = Place.parse(place)
        value = _value_of(found, column)
        typed = f"?::{_TYPES.get(column, 'varchar')}"
        condition = f"{column} {sign}= {typed} and ({column} {sign} {typed} or {key} {sign} ?)"
        values = (value, value, found.key)
        return Part(condition, values, order, order_of_list, query.count, 0, query.offset, total, is_backwards)
    return Part("", (), order, order_of_list, query.count, query.offset, query.offset, total, is_backwards)


def paging(path: str, query: ListQuery, rows: Rows, part: Part, *, key: str) -> dict[str, Any]:
    """Return the fields of a Page: how many items there are, and the addresses of the neighbouring parts."""
    column = query.sort.removeprefix("-")
    given = query.model_dump(mode="json", exclude_defaults=True, exclude={"after", "before", "offset"})
    given |= {"count": query.count}

    def address(**place: object) -> str:
        return f"{path}?{urlencode(given | place, doseq=True)}"

    def place_of(row: dict[str, Any]) -> str:
        return str(Place(str(row[column]), str(row[key])))

    end = part.offset + len(rows)
    is_last, is_first = end >= part.total or not rows, part.offset == 0
    return {
        "total": part.total,
        "count": query.count,
        "offset": part.offset,
        "first": None if is_first else address(),
        "previous": None
        if is_first
        else address(before=place_of(rows[0]), offset=max(part.offset - query.count, 0))
        if rows
        else address(),
        "next": None if is_last else address(after=place_of(rows[-1]), offset=end),
        "last": None if is_last else address(before=END),
    }
