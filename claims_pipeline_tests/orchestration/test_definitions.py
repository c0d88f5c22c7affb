import subprocess
import sys
from datetime import UTC, datetime, time, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.schedule_definition import ScheduleExecutionData

from claims_pipeline import quality, schema
from claims_pipeline.aggregate import MODELS
from claims_pipeline.definitions import defs
from claims_pipeline.orchestration import fidelity_asset
from claims_pipeline.orchestration.partitions import daily

FEED_AND_LOAD = {
    "directory": set(),
    "enrollment": set(),
    "visits": {"directory", "enrollment"},
    "patients": {"directory", "enrollment", "visits"},
    "coverages": {"enrollment", "visits", "patients"},
    "claims": {"directory", "visits", "patients", "coverages"},
    "fhir_load": {"directory", "patients", "coverages", "claims"},
    "fidelity": {"enrollment", "claims"},
}
DAILY = {"patients", "coverages", "claims", "fhir_load"}


def name(key: dg.AssetKey) -> str:
    return key.to_user_string()


def test_the_definitions_can_be_loaded() -> None:
    dg.Definitions.validate_loadable(defs)


@pytest.mark.heavy
def test_the_definitions_import_nothing_that_only_a_step_or_a_tick_needs() -> None:
    unwanted = {"alembic", "cryptography", "httpx", "numpy", "pyarrow", "rich", "sqlalchemy"}
    of_ours = {f"claims_pipeline.{name}" for name in ("fidelity", "generate", "load", "server")}
    code = f"import sys, claims_pipeline.definitions; print(*sorted({unwanted | of_ours} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "\n"


def test_the_lineage_is_that_of_the_data() -> None:
    graph = defs.resolve_asset_graph()
    models = {model.name for model in MODELS}
    lineage = {name(key): {name(parent) for parent in graph.get(key).parent_keys} for key in graph.get_all_asset_keys()}

    assert {asset: parents for asset, parents in lineage.items() if asset not in models} == FEED_AND_LOAD
    assert models <= lineage.keys()
    assert "claims" in lineage["claims_current"]


def test_the_daily_assets_share_one_partition_definition_and_run_ranges_in_one_run() -> None:
    graph = defs.resolve_asset_graph()
    nodes = {name(key): graph.get(key) for key in graph.get_all_asset_keys()}

    assert {asset for asset, node in nodes.items() if node.partitions_def} == set(DAILY)
    assert all(nodes[asset].partitions_def == daily for asset in DAILY)
    assert all(node.backfill_policy == dg.BackfillPolicy.single_run() for node in nodes.values())


def test_every_asset_says_what_it_is_and_what_columns_it_has() -> None:
    graph = defs.resolve_asset_graph()
    nodes = {name(key): graph.get(key) for key in graph.get_all_asset_keys()}
    tables = {*DAILY, *(model.name for model in MODELS), "enrollment", "visits"} - {"fhir_load"}

    assert all(node.description for node in nodes.values())
    assert all("dagster/column_schema" in nodes[asset].metadata for asset in tables)
    assert {table.name for table in schema.DIRECTORY} <= nodes["directory"].metadata.keys()


def scheduled(tick: datetime) -> ScheduleExecutionData:
    context = dg.build_schedule_context(scheduled_execution_time=tick, repository_def=defs.get_repository_def())
    return defs.resolve_schedule_def("daily_schedule").evaluate_tick(context)


def test_the_schedule_runs_the_partition_of_yesterday() -> None:
    requests = scheduled(datetime(2025, 3, 2, 2, 15, tzinfo=UTC)).run_requests

    assert [request.partition_key for request in requests or []] == ["2025-03-01"]
    assert defs.resolve_schedule_def("daily_schedule").cron_schedule == "15 2 * * *"


def test_the_schedule_skips_the_days_before_the_first_partition() -> None:
    first_tick = datetime.combine(daily.start.date(), time(2, 15), UTC)

    assert scheduled(first_tick).run_requests == []
    assert str(daily.start.date()) in (scheduled(first_tick).skip_message or "")
    assert scheduled(first_tick + timedelta(days=1)).run_requests


def test_every_quality_check_and_every_calibration_row_is_an_asset_check() -> None:
    keys = defs.resolve_asset_graph().asset_check_keys
    checks = {(name(key.asset_key), key.name) for key in keys}

    assert {check.name for check in quality.CHECKS} <= {check for asset, check in checks if asset == "claims"}
    assert {check for asset, check in checks if asset == "fidelity"} == set(fidelity_asset.CHECK_NAMES.values())
    assert ("fhir_load", "server_holds_what_was_loaded") in checks


def test_the_daily_job_holds_what_has_days_and_nothing_else() -> None:
    """Dagster plans an event for each day and asset of a job, also for an asset without days."""
    job = defs.resolve_job_def("daily_feed")

    assert {name(key) for key in job.asset_layer.selected_asset_keys} == DAILY
    assert job.partitions_def == daily


def test_the_other_job_holds_what_follows_from_the_days() -> None:
    job = defs.resolve_job_def("refresh")

    assert {name(key) for key in job.asset_layer.selected_asset_keys} == {"fidelity", *(model.name for model in MODELS)}
    assert job.partitions_def is None
