"""What changed: the change in charges between two periods as members x use x mix x price, by the values of a dimension.

Charges of a value k are the product of four factors: member months M, units for each member month U, k's share of the
units S, and charges for one unit P; units are lines, or claims for a dimension of claims. The change of a product
is split into the effects of its factors by the logarithmic mean (LMDI I: Ang, Energy Policy 32 (2004) 1131-1139), which
leaves no remainder: the effect of M is L ln(M1 / M0) with L = (C1 - C0) / ln(C1 / C0). A value that has charges in one
period only has no such ratio; its whole change counts as mix. Amounts are rounded to cents, and what rounding leaves
goes to the largest effect, so the effects of each value, and of all, add up to the change to the cent.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from math import expm1, log
from typing import NamedTuple

from pydantic import BaseModel, Field

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.answers import Amount
from claims_pipeline.dashboard.comparison import ComparedDays, compared_days, comparison
from claims_pipeline.dashboard.dimensions import DIMENSIONS, FilteringName
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.members import members
from claims_pipeline.dashboard.shown_sql import RUN_AS_IT_IS, shown_sql

CENT = Decimal("0.01")
OF_PATIENTS = "A search for patients chooses no members, so its change has no parts."


class Effects(BaseModel):
    """By what charges changed; the four add up to the change to the cent."""

    members: Amount = Field(description="More or fewer member months.")
    use: Amount = Field(description="More or fewer units for each member month.")
    mix: Amount = Field(description="Another share of the units, or a value that is new or gone.")
    price: Amount = Field(description="Other charges for one unit.")


class ChangedValue(BaseModel):
    """The change of the charges of one value of a dimension."""

    value: str
    label: str
    before_amount: Amount
    after_amount: Amount
    effects: Effects


class WhatChanged(BaseModel):
    """The change in charges, by the values of a dimension, the largest first."""

    by: str
    compared: ComparedDays
    items: list[ChangedValue]
    total: ChangedValue
    sql: str = Field(description=f"The charges and units of the later days. {RUN_AS_IT_IS}")


class ChangeQuery(Filters):
    """Filters, and the dimension whose values share the change."""

    by: FilteringName = Field(default="category", description="Dimension whose values share the change.")


class Part(NamedTuple):
    """Charges and units of one value in one period."""

    amount: Decimal
    units: int


class Period(NamedTuple):
    """Member months, units of all values, and the values of one period."""

    member_months: float
    units: int
    parts: dict[str, Part]


def what_changed(view: View, query: ChangeQuery) -> WhatChanged:
    """Return how the charges changed from the days before to the days compared, and by which effects."""
    compared = comparison(view, query)
    days = compared_days(view, compared)
    if query.patient and not days.reason:
        days = days.model_copy(update={"reason": OF_PATIENTS})
    if days.reason:
        return WhatChanged(by=query.by, compared=days, items=[], total=_total([]), sql="")
    current = query.within(compared.first, compared.last)
    after, labels, sql = _period(view, current, query.by)
    before, more_labels, _ = _period(view, query.within(compared.before_first, compared.before_last), query.by)
    effects = decompose(before, after)
    labels = more_labels | labels
    items = [
        ChangedValue(
            value=value,
            label=labels[value],
            before_amount=before.parts.get(value, Part(Decimal(), 0)).amount,
            after_amount=after.parts.get(value, Part(Decimal(), 0)).amount,
            effects=effects[value],
        )
        for value in sorted(effects, key=lambda value: (-abs(sum(effects[value].model_dump().values())), value))
    ]
    return WhatChanged(by=query.by, compared=days, items=items, total=_total(items), sql=sql)


def decompose(before: Period, after: Period) -> dict[str, Effects]:
    """Return the effects of each value; they add up to the change in its charges to the cent."""
    nothing = Part(Decimal(), 0)
    return {
        value: _effects(
            before.parts.get(value, nothing),
            after.parts.get(value, nothing),
            members=_log_ratio(before.member_months, after.member_months),
            units=_log_ratio(before.units, after.units),
        )
        for value in before.parts | after.parts
    }


def _effects(before: Part, after: Part, *, members: float | None, units: float | None) -> Effects:
    change = after.amount - before.amount
    logs = _log_ratio(float(before.amount), float(after.amount))
    own_units = _log_ratio(before.units, after.units)
    if logs is None or own_units is None or members is None or units is None:
        return Effects(members=Decimal(), use=Decimal(), mix=change, price=Decimal())
    mean = float(before.amount) * (expm1(logs) / logs if logs else 1.0)
    parts = {"members": members, "use": units - members, "mix": own_units - units, "price": logs - own_units}
    rounded = {name: Decimal(mean * part).quantize(CENT, ROUND_HALF_EVEN) for name, part in parts.items()}
    largest = max(rounded, key=lambda name: abs(rounded[name]))
    rounded[largest] += change - sum(rounded.values())
    return Effects(**rounded)


def _log_ratio(before: float, after: float) -> float | None:
    return log(after) - log(before) if before > 0 and after > 0 else None


def _period(view: View, filters: Filters, by: FilteringName) -> tuple[Period, dict[str, str], str]:
    dimension = DIMENSIONS[by]
    table, where, amount = (
        ("claim_lines", filters.where_of_lines, "charge_amount")
        if dimension.is_of_lines
        else ("claims_current", filters.where, "total_charge_amount")
    )
    sql = (
        f"select {dimension.column} as value, {dimension.label_column or 'null'} as label,\n"
        f"    sum({amount})::decimal(18, 2) as charge_amount, count(*) as unit_count\n"
        f"from {table}\n{where} {'and' if where else 'where'} {filters.charged}\ngroup by value order by value"
    )
    rows = view.select_remembered(sql, *filters.parameters)
    joined = members(view, filters)
    months = view.select_remembered(f"{joined.with_clause} select member_months from members", *joined.parameters)
    parts = {str(row["value"]): Part(row["charge_amount"], row["unit_count"]) for row in rows}
    period = Period(
        (months[0]["member_months"] if months else 0) or 0.0, sum(part.units for part in parts.values()), parts
    )
    label_of = dimension.labeller()
    labels = {str(row["value"]): row["label"] or label_of(str(row["value"])) for row in rows}
    return period, labels, shown_sql(sql, filters.parameters)


def _total(items: list[ChangedValue]) -> ChangedValue:
    names = tuple(Effects.model_fields)
    return ChangedValue(
        value="",
        label="All",
        before_amount=sum((item.before_amount for item in items), Decimal()),
        after_amount=sum((item.after_amount for item in items), Decimal()),
        effects=Effects(**{name: sum((getattr(item.effects, name) for item in items), Decimal()) for name in names}),
    )
