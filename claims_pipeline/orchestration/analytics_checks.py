"""Asset checks of the aggregates: each is sound in itself, and they agree with the lake to the cent."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl

from claims_pipeline.aggregate import CHECKS, violations
from claims_pipeline.aggregate.built_from import attach_read_only
from claims_pipeline.lake import Lake
from claims_pipeline.orchestration.failures import failing_as_dagster
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.schema import CLAIMS

_BY_DAY = "select coalesce(sum(claim_count), 0), coalesce(sum(charge_amount), 0) from claims_by_day"


@dg.asset_check(asset="claims_by_day")
@failing_as_dagster()
def aggregates_agree_with_the_lake(installation: Installation) -> dg.AssetCheckResult:
    """Claims and charges summed over `claims_by_day` are those of the last version of each claim in the lake."""
    built, in_lake = totals_built(installation.settings.analytics_path), totals_of_lake(installation.lake)
    return dg.AssetCheckResult(
        passed=built == in_lake,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "claims": built[0],
            "claims_in_lake": in_lake[0],
            "charges": f"{built[1]:,.2f} USD",
            "charges_in_lake": f"{in_lake[1]:,.2f} USD",
        },
    )


@dg.multi_asset_check(
    name="aggregates_are_sound",
    specs=[dg.AssetCheckSpec(check.name, asset=check.model, description=check.meaning) for check in CHECKS],
    can_subset=True,
)
def aggregates_are_sound(
    context: dg.AssetCheckExecutionContext, installation: Installation
) -> Iterator[dg.AssetCheckResult]:
    """Keys are unique, sums agree between the models, and each id refers to a row that exists."""
    with failing_as_dagster():
        counts = {check.name: count for check, count in violations(installation.settings.analytics_path).items()}
    for key in sorted(context.selected_asset_check_keys, key=lambda key: key.name):
        yield dg.AssetCheckResult(
            passed=not counts[key.name],
            check_name=key.name,
            asset_key=key.asset_key,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"wrong_rows": counts[key.name]},
        )


def totals_of_lake(lake: Lake) -> tuple[int, Decimal]:
    """Return how many claims a lake holds and what their last versions charge."""
    last = (
        lake.scan(CLAIMS).select("day", "claim_id", "total_charge_amount").sort("day").unique("claim_id", keep="last")
    )
    row = last.select(pl.len(), pl.col("total_charge_amount").cast(pl.Decimal(38, 2)).sum().alias("sum")).collect()
    return int(row.item(0, 0)), Decimal(row.item(0, 1))


def totals_built(analytics_path: Path) -> tuple[int, Decimal]:
    """Return the same figures as the analytics file has them."""
    with duckdb.connect() as connection:
        attach_read_only(connection, analytics_path)
        count, charges = connection.execute(_BY_DAY).fetchone() or (0, 0)
    return int(count), Decimal(charges)
