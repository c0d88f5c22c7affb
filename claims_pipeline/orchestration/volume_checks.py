"""Asset checks that warn: has a day as many claims as the calendar gives it, and charges like the days before?"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import dagster as dg
import polars as pl

from claims_pipeline.lake import Feed, Lake, read_feed
from claims_pipeline.orchestration.checks import about_days
from claims_pipeline.orchestration.failures import failing_as_dagster
from claims_pipeline.orchestration.feed_assets import claims
from claims_pipeline.orchestration.partitions import days_of_run
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.schema import CLAIMS

DAYS_BEFORE = 28
FEWEST_CLAIMS = 10
"""The median of fewer says little."""
FACTOR = 3.0
"""A median charge this many times that of the days before, or less than one divided by it, is worth a look."""


@dg.multi_asset_check(
    name="claims_volume",
    specs=[
        dg.AssetCheckSpec(
            "new_claims_as_expected",
            asset=claims,
            description=("A day has exactly as many new claims as the calendar of its feed gives it."),
        ),
        dg.AssetCheckSpec(
            "charges_as_before",
            asset=claims,
            description=(
                f"The median charge of a day's claims is within {FACTOR:g} times that of the {DAYS_BEFORE} days before."
            ),
        ),
    ],
    can_subset=True,
)
def claims_volume(context: dg.AssetCheckExecutionContext, installation: Installation) -> Iterator[dg.AssetCheckResult]:
    """Compare the number and the charges of claims with what is expected of each of the run's days, or of all days."""
    with failing_as_dagster():
        lake = installation.lake
        days = days_of_run(context.run.tags) or lake.days(CLAIMS)
        feed = read_feed(lake.root)
        for key in sorted(context.selected_asset_check_keys, key=lambda key: key.name):
            is_count = key.name == "new_claims_as_expected"
            odd = unexpected_counts(lake, feed, days) if is_count and feed else odd_charges(lake, days)
            yield dg.AssetCheckResult(
                passed=not odd,
                check_name=key.name,
                asset_key=key.asset_key,
                severity=dg.AssetCheckSeverity.WARN,
                metadata=about_days(days, odd),
            )


def unexpected_counts(lake: Lake, feed: Feed, days: Sequence[date]) -> dict[date, int]:
    """Return the days with more or fewer new claims than the calendar gives them, each with the number it has."""
    from claims_pipeline.generate.numbers.days import day_number
    from claims_pipeline.generate.schedule.calendar import claim_counts

    first, last = day_number(min(days)), day_number(max(days))
    expected = claim_counts(feed, first, last)
    new = lake.scan(CLAIMS, days).filter(version_number=1).group_by("day").len().collect()
    found = dict(new.iter_rows())
    return {day: found.get(day, 0) for day in days if found.get(day, 0) != expected[day_number(day) - first]}


def odd_charges(lake: Lake, days: Sequence[date]) -> dict[date, float]:
    """Return the days whose median charge is far from that of the days before, each with the ratio of the two."""
    before = {day - timedelta(days=number) for day in days for number in range(DAYS_BEFORE + 1)}
    by_day = (
        lake.scan(CLAIMS, sorted(before & set(lake.days(CLAIMS))))
        .filter(version_number=1)
        .group_by("day")
        .agg(median=pl.col("total_charge_amount").cast(pl.Float64).median(), size=pl.len())
        .filter(pl.col("size") >= FEWEST_CLAIMS)
        .sort("day")
        .with_columns(usual=pl.col("median").rolling_median_by("day", f"{DAYS_BEFORE}d", closed="left"))
        .with_columns(ratio=pl.col("median") / pl.col("usual"))
        .filter(pl.col("day").is_in(list(days)) & ~pl.col("ratio").is_between(1 / FACTOR, FACTOR))
    )
    return dict(by_day.select("day", pl.col("ratio").round(2)).collect().iter_rows())
