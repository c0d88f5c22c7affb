"""What changed: the change in charges between two periods as members x use x mix x price, by the values of a dimension.

Charges of a value k are the product of four factors: member months M, units for each member month U, k's share of the
units S, and charges for one unit P; units are lines, or claims for a dimension of claims. The change of a product is
split into the effects of its factors by the logarithmic mean (LMDI I: Ang, Energy Policy 32 (2004) 1131-1139), which
leaves no remainder: the effect of M is L ln(M1 / M0) with L = (C1 - C0) / ln(C1 / C0). A value whose charges are not
above zero in both periods has no such ratio; its whole change counts as mix. Amounts are rounded to cents, and what
rounding leaves goes to the largest effect, so the effects of each value, and of all, add up to the change to the cent.
"""

from decimal import Decimal

from pydantic import BaseModel, Field

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.answers import Amount
from claims_pipeline.dashboard.comparison import ComparedDays, compared_days, comparison
from claims_pipeline.dashboard.dimensions import DIMENSIONS, FilteringName
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.members import members
from claims_pipeline.dashboard.shown_sql import RUN_AS_IT_IS, shown_sql

OF_PATIENTS = "A search for patients chooses no members, so its change is not split: clear it to see what changed."


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
    sql: str = Field(description=RUN_AS_IT_IS)


class ChangeQuery(Filters):
    """Filters, and the dimension whose values share the change."""

    by: FilteringName = Field(default="category", description="Dimension whose values share the change.")


def what_changed(view: View, query: ChangeQuery) -> WhatChanged:
    """Return how the charges changed from the days before to the days compared, and by which effects."""
    compared = comparison(view, query)
    days = compared_days(view, compared)
    if query.patient and not days.reason:
        days = days.model_copy(update={"reason": OF_PATIENTS})
    if days.reason:
        return WhatChanged(by=query.by, compared=days, items=[], total=_total([]), sql="")
    before = query.within(compared.before_first, compared.before_last)
    after = query.within(compared.first, compared.last)
    of_members = [members(view, period) for period in (before, after)]
    sql = changes_sql(
        _parts(before, query.by),
        _parts(after, query.by),
        *(f"{one.with_clause}\nselect member_months from members" for one in of_members),
    )
    parameters = [*before.parameters, *after.parameters, *(value for one in of_members for value in one.parameters)]
    label_of = DIMENSIONS[query.by].labeller()
    items = [
        ChangedValue(
            value=(value := str(row["value"])),
            label=row["label"] or label_of(value),
            before_amount=row["before_amount"],
            after_amount=row["after_amount"],
            effects=Effects.model_validate({name: row[name] for name in Effects.model_fields}),
        )
        for row in view.select_remembered(sql, *parameters)
    ]
    return WhatChanged(by=query.by, compared=days, items=items, total=_total(items), sql=shown_sql(sql, parameters))


def changes_sql(before: str, after: str, months_before: str, months_after: str) -> str:
    """Return the query of the change of each value and its effects, the largest change first.

    Args:
        before: a query of the value, label, amount and units of each value of the earlier days.
        after: the same of the later days.
        months_before: a query of the member months of the earlier days.
        months_after: the same of the later days.
    """
    return f"""with before as materialized (
{before}
),
after as materialized (
{after}
),
compared as (
    select coalesce(after.value, before.value) as value, coalesce(after.label, before.label) as label,
        coalesce(before.amount, 0) as before_amount, coalesce(after.amount, 0) as after_amount,
        ln(case when after.amount > 0 then after.amount end::double)
            - ln(case when before.amount > 0 then before.amount end::double) as ln_amount,
        ln(nullif(after.units, 0)) - ln(nullif(before.units, 0)) as ln_units
    from before full join after on before.value is not distinct from after.value
),
ratios as (
    select -ln(nullif(({months_before}), 0)) + ln(nullif(({months_after}), 0)) as ln_members,
        ln(nullif((select sum(units) from after), 0)) - ln(nullif((select sum(units) from before), 0)) as ln_all_units
),
means as (
    select *, after_amount - before_amount as change, least(before_amount, after_amount) as low,
        -- the mean lies between the two amounts, also where rounding the logarithm would say otherwise
        least(
            greatest(coalesce((after_amount - before_amount) / nullif(ln_amount, 0), low)::double, low),
            greatest(before_amount, after_amount)
        ) as mean,
        ln_amount + ln_units + ln_members + ln_all_units is not null as has_ratios
    from compared, ratios
),
rounded as (
    select *, if(has_ratios, round(mean * ln_members, 2), 0)::decimal(18, 2) as members,
        if(has_ratios, round(mean * (ln_all_units - ln_members), 2), 0)::decimal(18, 2) as use,
        if(has_ratios, round(mean * (ln_units - ln_all_units), 2), change)::decimal(18, 2) as mix,
        if(has_ratios, round(mean * (ln_amount - ln_units), 2), 0)::decimal(18, 2) as price
    from means
),
rests as (
    select *, change - members - use - mix - price as rest, [abs(members), abs(use), abs(mix), abs(price)] as sizes
    from rounded
),
effects as (
    select *, list_position(sizes, list_max(sizes)) as largest from rests
)
select value, label, before_amount, after_amount, members + if(largest = 1, rest, 0) as members,
    use + if(largest = 2, rest, 0) as use, mix + if(largest = 3, rest, 0) as mix,
    price + if(largest = 4, rest, 0) as price
from effects
order by abs(change) desc, value"""


def _parts(filters: Filters, by: FilteringName) -> str:
    """Return the query of the charges and units of each value of a dimension."""
    dimension = DIMENSIONS[by]
    units = "line_count" if dimension.is_of_lines else "claim_count"
    return (
        f"select {dimension.column} as value, {dimension.label_column or 'null::varchar'} as label,\n"
        f"    sum(charge_amount)::decimal(18, 2) as amount, sum({units}) as units\n"
        f"from {filters.by_day(dimension)}\n{filters.where_charged(is_of_lines=dimension.is_of_lines)}\ngroup by value"
    )


def _total(items: list[ChangedValue]) -> ChangedValue:
    names = tuple(Effects.model_fields)
    return ChangedValue(
        value="",
        label="All",
        before_amount=sum((item.before_amount for item in items), Decimal()),
        after_amount=sum((item.after_amount for item in items), Decimal()),
        effects=Effects(**{name: sum((getattr(item.effects, name) for item in items), Decimal()) for name in names}),
    )
