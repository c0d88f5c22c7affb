"""The checks on a real lake, and the load with its check on the real server."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from claims_pipeline import generate
from claims_pipeline.lake import Feed, Lake, require_feed
from claims_pipeline.orchestration import checks, feed_assets, fidelity_asset, load_assets, server_checks
from claims_pipeline.orchestration.partitions import RANGE_END, RANGE_START
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.schema import CLAIMS, USD
from claims_pipeline.settings import Settings

FEED = Feed(seed=11, patients=40, claims=200, start_date=date(2025, 2, 1), end_date=date(2025, 2, 10))
QUALITY = dg.AssetSelection.checks_for_assets("claims")
FIRST, LAST = date(2025, 2, 3), date(2025, 2, 5)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    require_feed(lake.root, FEED)
    generate.generate_range(lake, FEED, start=FIRST, end=LAST)
    return lake


def run(selection: dg.AssetSelection, lake: Lake, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [
            feed_assets.claims,
            load_assets.fhir_load,
            fidelity_asset.fidelity,
            checks.claims_quality,
            server_checks.server_holds_what_was_loaded,
        ],
        selection=selection,
        instance=instance,
        resources={"installation": Installation(home=str(lake.root.parent))},
        tags={RANGE_START: FIRST.isoformat(), RANGE_END: LAST.isoformat()},
    )


def failed(result: dg.ExecuteInProcessResult) -> set[str]:
    return {evaluation.check_name for evaluation in result.get_asset_check_evaluations() if not evaluation.passed}


@pytest.mark.heavy
def test_the_feeds_own_claims_pass_every_quality_check(lake: Lake, instance: dg.DagsterInstance) -> None:
    result = run(QUALITY, lake, instance)

    assert len(result.get_asset_check_evaluations()) > 0
    assert failed(result) == set()


@pytest.mark.heavy
def test_a_planted_fault_fails_its_check_and_no_other(lake: Lake, instance: dg.DagsterInstance) -> None:
    path = lake.path(CLAIMS, FIRST)
    pl.read_parquet(path, hive_partitioning=False).with_columns(
        (pl.col("total_charge_amount") + pl.lit(Decimal("0.01"))).cast(USD).alias("total_charge_amount")
    ).write_parquet(path)

    assert failed(run(QUALITY, lake, instance)) == {"total_is_sum"}


@pytest.mark.heavy
def test_a_small_lake_is_measured_but_not_judged(lake: Lake, instance: dg.DagsterInstance) -> None:
    result = run(dg.AssetSelection.assets("fidelity"), lake, instance)

    assert failed(result) == set()
    assert result.asset_materializations_for_node("fidelity")[0].metadata["rows_judged"].value


@pytest.mark.server
def test_a_load_is_counted_by_day_and_compared_with_the_server(
    lake: Lake, instance: dg.DagsterInstance, fhir_server: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAIMS_FHIR_BASE_URL", fhir_server.fhir_base_url)

    result = run(dg.AssetSelection.assets("fhir_load"), lake, instance)
    records = instance.fetch_materializations(dg.AssetKey("fhir_load"), limit=10).records
    loaded = {
        record.partition_key: record.asset_materialization.metadata["loaded"].value
        for record in records
        if record.asset_materialization
    }

    assert [evaluation.check_name for evaluation in result.get_asset_check_evaluations()] == [
        "server_holds_what_was_loaded"
    ]
    assert failed(result) == set()
    assert len(list((lake.root.parent / "runs").glob("*-reconcile-*.json"))) == 1  # what the dashboard shows
    assert loaded.keys() == {"2025-02-03", "2025-02-04", "2025-02-05"}
    assert sum(int(str(count)) for count in loaded.values()) >= lake.scan(CLAIMS).collect()["claim_id"].n_unique()
