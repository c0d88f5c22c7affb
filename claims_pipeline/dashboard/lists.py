"""The lists of claims and patients: sorted, filtered, in parts.

A part begins after an item (keyset pagination): the last part of ten million is found as fast as the first, and parts
do not shift when a new build adds items before them. `offset` skips items instead, and takes longer the more it skips.
"""

import base64
import json
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import urlencode

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from claims_pipeline.dashboard.analytics import Rows, View
from claims_pipeline.dashboard.answers import ClaimPage, PatientPage
from claims_pipeline.dashboard.filters import Filters, PatientText, patient_condition
from claims_pipeline.reference import diagnosis_labels, place_of_service_labels, procedure_labels

MAX_OFFSET = 1_000_000
"""A larger `offset` takes long: follow `next`, or request the last part or the reverse order."""
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
        except ValueError:
            msg = "should be taken from the address of a neighbouring part"
            raise ValueError(msg) from None
        return cls(str(value), str(key))


def _require_place(text: str) -> str:
    if text != END:
        Place.parse(text)
    return text


_COUNT = Field(default=50, ge=1, le=1_000, description="Items in one answer.")
_OFFSET = Field(
    default=0, ge=0, description=f"Items to skip, at most {MAX_OFFSET:,}; with after or before, only where the part is."
)
_AFTER = Field(default="", description="Place of the item before the part, as in `next`.")
_BEFORE = Field(
    default="", description=f"Place of the item behind the part, as in `previous`; {END!r} for the last part."
)
PlaceText = Annotated[str, AfterValidator(lambda text: text and _require_place(text))]

ClaimSort = Literal[
    "claim_id", "-claim_id",
    "claim_status", "-claim_status",
    "received_date", "-received_date",
    "claim_start_date", "-claim_start_date",
    "patient_name", "-patient_name",
    "facility_state", "-facility_state",
    "total_charge_amount", "-total_charge_amount",
]  # fmt: skip
PatientSort = Literal[
    "patient_id", "-patient_id",
    "last_name", "-last_name",
    "birth_date", "-birth_date",
    "state", "-state",
    "claim_count", "-claim_count",
    "active_charge_amount", "-active_charge_amount",
]  # fmt: skip


class ListQuery(BaseModel):
    """Which part of a list."""

    count: int = _COUNT
    offset: int = _OFFSET
    after: PlaceText = _AFTER
    before: PlaceText = _BEFORE

    @model_validator(mode="after")
    def _one_way_to_the_part(self) -> Self:
        if self.after and self.before:
            msg = "after and before exclude each other"
            raise ValueError(msg)
        if self.offset > MAX_OFFSET and not (self.after or self.before):
            msg = f"offset should be at most {MAX_OFFSET:,}; follow `next` to get farther"
            raise ValueError(msg)
        return self


class ClaimQuery(Filters, ListQuery):
    """Filters, order and part of the list of claims."""

    sort: ClaimSort = Field(default="-received_date", description="Column to sort by; with a minus, descending.")


class PatientQuery(ListQuery):
    """Filter, order and part of the list of patients."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    patient: PatientText | None = Field(default=None, description="A part of an id or name, or 'Last, First'.")
    sort: PatientSort = Field(default="patient_id", description="Column to sort by; with a minus, descending.")


def claim_page(view: View, query: ClaimQuery) -> ClaimPage:
    """Return a part of the list of claims."""
    total = view.select_remembered(
        f"select coalesce(sum(claim_count), 0)::bigint as n from {query.claims_by_day} {query.where}",
        *query.parameters,
    )[0]["n"]
    part = _part(query, key="claim_id", total=total)
    where = " and ".join(filter(None, [query.where.removeprefix("where "), part.condition]))
    rows = view.select(  # finding the page's rows first makes a deep page five times as fast as sorting whole rows
        f"""
        with page as materialized (
            select rowid as row from claims_current {where and f"where {where}"} {part.order} limit ? offset ?
        )
        select * from claims_current where rowid in (select row from page) {part.order}
        """,
        *query.parameters,
        *part.values,
        part.limit,
        part.skip,
    )
    rows = part.in_order(rows)
    return ClaimPage(items=with_labels(rows), **_paging("/api/claims", query, rows, part, key="claim_id"))


def patient_page(view: View, query: PatientQuery) -> PatientPage:
    """Return a part of the list of patients."""
    condition, parameters = patient_condition(query.patient) if query.patient else ("", [])
    total = view.select_remembered(
        f"select count(*) as n from patients_current {condition and f'where {condition}'}", *parameters
    )[0]["n"]
    part = _part(query, key="patient_id", total=total)
    where = " and ".join(filter(None, [condition, part.condition]))
    rows = view.select(
        f"select * exclude (first_received_date, address_line, zip_code, as_of_date) "
        f"from patients_current join patient_totals using (patient_id) {where and f'where {where}'} "
        f"{part.order} limit ? offset ?",
        *parameters,
        *part.values,
        part.limit,
        part.skip,
    )
    rows = part.in_order(rows)
    return PatientPage(items=rows, **_paging("/api/patients", query, rows, part, key="patient_id"))


class Part(NamedTuple):
    """How to select a part of a list.

    Attributes:
        condition: SQL that selects the items after the place (or before it), and `values` for its placeholders.
        order: the ORDER BY clause; backwards if the part is before a place.
        limit: number of items to select.
        skip: number of selected items to skip.
        offset: number of items in the whole list before the part.
        total: number of items in the whole list.
        is_backwards: the rows are in reverse order.
    """

    condition: str
    values: tuple[str, ...]
    order: str
    limit: int
    skip: int
    offset: int
    total: int
    is_backwards: bool

    def in_order(self, rows: Rows) -> Rows:
        """Return the selected rows in the order of the list."""
        return rows[::-1] if self.is_backwards else rows


def _part(query: ClaimQuery | PatientQuery, *, key: str, total: int) -> Part:
    column, is_backwards = query.sort.removeprefix("-"), bool(query.before)
    is_descending = query.sort.startswith("-") != is_backwards
    direction, sign = ("desc", "<") if is_descending else ("asc", ">")
    order = f"order by {column} {direction}, {key} {direction}"
    if query.before == END:
        size = (total % query.count or query.count) if total else query.count
        return Part("", (), order, size, 0, max(total - size, 0), total, is_backwards)
    if place := query.after or query.before:
        value, item = Place.parse(place)
        condition = f"({column} {sign} {_typed(column)} or ({column} = {_typed(column)} and {key} {sign} ?))"
        return Part(condition, (value, value, item), order, query.count, 0, query.offset, total, is_backwards)
    return Part("", (), order, query.count, query.offset, query.offset, total, is_backwards)


def _typed(column: str) -> str:
    """Return SQL that casts the value of a place, which is text, to its column's type."""
    return f"?::{_TYPES.get(column, 'varchar')}"


_TYPES = {
    "received_date": "date",
    "claim_start_date": "date",
    "birth_date": "date",
    "claim_count": "bigint",
    "total_charge_amount": "decimal(18, 2)",
    "active_charge_amount": "decimal(18, 2)",
}


def _paging(path: str, query: ClaimQuery | PatientQuery, rows: Rows, part: Part, *, key: str) -> dict[str, Any]:
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


def with_labels(rows: Rows) -> Rows:
    """Return rows of `claims_current` with the labels of their codes."""
    procedures, diagnoses, places = procedure_labels(), diagnosis_labels(), place_of_service_labels()
    return [
        row
        | {
            "procedures": [code_of(code, procedures) for code in row["hcpcs_codes"]],
            "diagnoses": [code_of(code, diagnoses) for code in row["diagnosis_codes"]],
            "place_of_service": code_of(row["place_of_service_code"], places),
        }
        for row in rows
    ]


def code_of(code: str, labels: dict[str, str]) -> dict[str, str]:
    """Return a code with its label, empty where there is none."""
    return {"code": code, "label": labels.get(code, "")}
