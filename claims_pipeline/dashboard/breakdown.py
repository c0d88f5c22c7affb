"""Figures by a dimension: one row a value, the largest first."""

from typing import Any

from pydantic import BaseModel, Field

from claims_pipeline.dashboard.analytics import Rows, View
from claims_pipeline.dashboard.dimensions import Dimension
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.measures import MEASURES, Measure, MeasureName, plain_number
from claims_pipeline.dashboard.members import NOT_JOINED, members
from claims_pipeline.dashboard.shown_sql import RUN_AS_IT_IS, shown_sql


class BreakdownRow(BaseModel):
    """The figures of one value of a dimension."""

    value: str = Field(description="As the filter of the dimension's name takes it.")
    label: str
    figures: dict[str, float | int | None] = Field(description="By measure; null where it has no meaning.")


class Breakdown(BaseModel):
    """Figures by the values of a dimension."""

    dimension: str
    measure: str = Field(
        description="The figure by which the values are ordered, the largest first; periods are ordered by time."
    )
    items: list[BreakdownRow]
    total: dict[str, float | int | None] = Field(
        description="The figures of all claims, or lines; a claim with several procedures counts once in it."
    )
    value_count: int = Field(description="Values that there are, also those that are not in the answer.")
    total_sql: str = Field(description=f"Of `total`. {RUN_AS_IT_IS}")
    sql: str = Field(description=f"Of `items`. {RUN_AS_IT_IS}")


class NoSuchFigure(ValueError):
    """A breakdown of lines has no such figure; the text names those that it has."""


class BreakdownQuery(Filters):
    """Filters, and which values to return."""

    measure: MeasureName = Field(default="charge_amount", description="Figure by which the values are ordered.")
    figures: list[MeasureName] = Field(
        default_factory=list,
        description="Figures to return beside that one, may be repeated; without it all. Fewer are counted faster.",
    )
    count: int = Field(default=20, ge=1, le=1_000, description="Values in the answer; `total` has all.")


def breakdown(view: View, dimension: Dimension, query: BreakdownQuery) -> Breakdown:
    """Return the figures of the values of a dimension that are largest by the query's measure, and of all claims.

    A breakdown of lines is ordered by its first measure if it does not have the one that is asked for.

    Raises:
        NoSuchFigure: one of the query's figures, other than its measure, is not known of lines.
    """
    measure, measures = _measures(dimension, query)
    of_all = ", ".join(
        f"{one.of_all(query.charged, is_of_lines=dimension.is_of_lines)} as {one.name}" for one in measures
    )
    table, where = ("claim_lines", query.where_of_lines) if dimension.is_of_lines else ("claims_current", query.where)
    overall = members(view, query) if any(one.is_per_member for one in measures) else NOT_JOINED
    sql, parameters = _by_value(view, dimension, query, measure, measures)
    rows = view.select_remembered(sql, *parameters)
    sql_of_all = f"{overall.with_clause}\nselect {of_all}\nfrom {table}\n{where}"
    parameters_of_all = [*overall.parameters, *query.parameters]
    total = view.select_remembered(sql_of_all, *parameters_of_all)
    return Breakdown(
        dimension=dimension.name,
        measure=measure,
        items=_items(rows, dimension),
        total=_figures(total[0]),
        value_count=rows[0]["value_count"] if rows else 0,
        total_sql=shown_sql(sql_of_all, parameters_of_all),
        sql=shown_sql(sql, parameters),
    )


def _by_value(
    view: View, dimension: Dimension, query: BreakdownQuery, measure: str, measures: list[Measure]
) -> tuple[str, list[Any]]:
    """Return the query of the figures of the first values of a dimension, and its parameters.

    Of many values, the first are found by `measure` alone: medians and different patients of all would cost more.
    """
    is_of_lines = dimension.is_of_lines
    table, where = ("claim_lines", query.where_of_lines) if is_of_lines else ("claims_current", query.where)
    key = dimension.number_column or dimension.column
    sql_of = {
        one.name: one.of_values(query.charged, is_of_lines=is_of_lines, has_few_values=dimension.has_few_values)
        for one in measures
    }
    joined = members(view, query, dimension) if any(one.is_per_member for one in measures) else NOT_JOINED
    with_clause, semi_join, value_count = joined.with_clause, "", "count(*) over ()"
    parameters = [*joined.parameters, *query.parameters]
    order = "value desc" if dimension.grain else f"{measure} desc nulls last, value"
    slow = {one.name for one in measures if one.has_all_values_in_memory}
    if slow and measure not in slow and not dimension.has_few_values:
        with_clause = (
            f"{f'{with_clause},' if with_clause else 'with'} first_values as (\n"
            f"    select {key} as chosen, any_value({dimension.column}) as value, {sql_of[measure]} as {measure},\n"
            f"        count(*) over () as value_count\n"
            f"    from {table} {joined.join}\n    {where}\n    group by chosen order by {order} limit {query.count}\n)"
        )
        semi_join = f"semi join first_values on {key} = chosen"
        value_count = "(select any_value(value_count) from first_values)"
        parameters += query.parameters
    figures = ", ".join(f"{figure} as {name}" for name, figure in sql_of.items())
    sql = (
        f"{with_clause}\nselect any_value({dimension.column}) as value, {dimension.label_column or 'null'} as label,\n"
        f"    {figures}, {value_count} as value_count\n"
        f"from {table} {semi_join} {joined.join}\n{where}\ngroup by {key} order by {order} limit {query.count}"
    )
    return sql, parameters


def _measures(dimension: Dimension, query: BreakdownQuery) -> tuple[str, list[Measure]]:
    """Return the name of the measure that orders the values, and the measures that the query asks for."""
    known = [name for name, measure in MEASURES.items() if measure.sql_of_lines or not dimension.is_of_lines]
    if any(name not in known and name != query.measure for name in query.figures):
        *names, last = (f"'{name}'" for name in known)
        raise NoSuchFigure(f"figures should be {', '.join(names)} or {last}")
    measure = query.measure if query.measure in known else known[0]
    asked = {measure, *query.figures} if query.figures else known
    return measure, [MEASURES[name] for name in known if name in asked]


def _items(rows: Rows, dimension: Dimension) -> list[BreakdownRow]:
    label_of = dimension.labeller()
    return [
        BreakdownRow(
            value=str(row["value"]),
            label=row["label"] or label_of(str(row["value"])),
            figures=_figures(row),
        )
        for row in rows
    ]


def _figures(row: dict[str, Any]) -> dict[str, float | int | None]:
    return {name: plain_number(value) for name, value in row.items() if name not in {"value", "label", "value_count"}}
