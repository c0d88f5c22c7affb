"""The headline cards: a figure under the filters, and its change."""

from collections.abc import Callable, Mapping
from functools import partial

from pydantic import BaseModel, Field

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.comparison import ComparedDays, Comparison, compared_days, comparison
from claims_pipeline.dashboard.concentration import top_share_sql
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.measures import MEASURES, plain_number
from claims_pipeline.dashboard.members import NOT_JOINED, days_chosen, members
from claims_pipeline.dashboard.shown_sql import RUN_AS_IT_IS, shown_sql

SHOWN: tuple[str, ...] = (
    "charge_pmpm",
    "charge_amount",
    "claim_count",
    "claims_per_1000",
    "average_charge_amount",
    "median_charge_amount",
    "not_active_percent",
    "average_lag_days",
)

Figures = Mapping[str, float | int | None]


class Card(BaseModel):
    """One headline figure."""

    name: str
    title: str
    unit: str
    decimals: int = Field(description="Digits after the point that the page shows.")
    brief: str = Field(description="A few words that stand under the figure; empty for one that needs none.")
    meaning: str
    value: float | int | None = Field(description="Under the filters.")
    current: float | int | None = Field(description="Of the days that are compared.")
    before: float | int | None = Field(description="Of the days before.")
    sql: str = Field(description=RUN_AS_IT_IS)
    change_sql: str = Field(description=f"Of current and before; empty where nothing is compared. {RUN_AS_IT_IS}")


class Cards(BaseModel):
    """The headline figures with their changes."""

    items: list[Card]
    compared: ComparedDays


def cards(view: View, filters: Filters) -> Cards:
    """Return the headline cards; the change is that from the days before to the days compared."""
    compared = comparison(view, filters)
    now = _figures(view, filters)
    chosen, before = _compared(view, filters, compared, now)
    items = [
        Card(
            name=name,
            title=MEASURES[name].title,
            unit=MEASURES[name].unit,
            decimals=MEASURES[name].decimals,
            brief=MEASURES[name].brief,
            meaning=MEASURES[name].meaning,
            value=now[name],
            current=chosen.get(name),
            before=before.get(name),
            sql=_sql(view, filters, name),
            change_sql=_change_sql(compared, filters, partial(_sql, view, name=name)),
        )
        for name in SHOWN
    ]
    items.append(
        Card(
            name="top_5_percent",
            title="Share of the top 5%",
            unit="%",
            decimals=1,
            brief="of the charges, by patient",
            meaning="Share of the charges that the costliest 5% of the patients with charges have.",
            value=now["top_5_percent"],
            current=chosen.get("top_5_percent"),
            before=before.get("top_5_percent"),
            sql=_sql_of_top_share(filters),
            change_sql=_change_sql(compared, filters, _sql_of_top_share),
        )
    )
    return Cards(items=items, compared=compared_days(view, compared))


def _compared(view: View, filters: Filters, compared: Comparison, now: Figures) -> tuple[Figures, Figures]:
    """Return the figures of the days that are compared and of those before; none without a comparison."""
    if not compared.is_covered:
        return {}, {}
    is_now = (compared.first, compared.last) == days_chosen(view, filters)
    chosen = now if is_now else _figures(view, filters.within(compared.first, compared.last))
    return chosen, _figures(view, filters.within(compared.before_first, compared.before_last))


def _figures(view: View, filters: Filters) -> Figures:
    joined = members(view, filters)
    figures = ", ".join(f"{MEASURES[name].of_all(filters.charged)} as {name}" for name in SHOWN)
    row = view.select_remembered(
        f"{joined.with_clause} select {figures} from claims_current {filters.where}",
        *joined.parameters,
        *filters.parameters,
    )[0]
    top = view.select_remembered(top_share_sql(filters), *filters.parameters)[0]
    return {name: plain_number(value) for name, value in (row | top).items()}


def _change_sql(compared: Comparison, filters: Filters, sql_of: Callable[[Filters], str]) -> str:
    """Return the query of a figure of the days compared and of those before, in one row."""
    if not compared.is_covered:
        return ""
    current = sql_of(filters.within(compared.first, compared.last))
    before = sql_of(filters.within(compared.before_first, compared.before_last))
    return f"select (\n{current}\n) as current, (\n{before}\n) as before"


def _sql_of_top_share(filters: Filters) -> str:
    return shown_sql(top_share_sql(filters), filters.parameters)


def _sql(view: View, filters: Filters, name: str) -> str:
    measure = MEASURES[name]
    joined = members(view, filters) if measure.is_per_member else NOT_JOINED
    sql = (
        f"{joined.with_clause}\nselect {measure.of_all(filters.charged)} as {name}\n"
        f"from claims_current\n{filters.where}"
    )
    return shown_sql(sql, [*joined.parameters, *filters.parameters])
