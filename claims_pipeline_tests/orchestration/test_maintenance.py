from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from claims_pipeline.definitions import defs
from claims_pipeline.orchestration.instance import opened_instance
from claims_pipeline.orchestration.maintenance import purge
from claims_pipeline.orchestration.partitions import daily

pytestmark = pytest.mark.heavy

LATER = datetime.now(UTC) + timedelta(days=1)


@dg.asset
def model() -> None: ...


@dg.asset(partitions_def=daily)
def day() -> None: ...


@dg.asset_check(asset=model)
def model_is_right() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def test_runs_that_newer_ones_have_replaced_are_deleted_with_their_files(tmp_path: Path) -> None:
    check = dg.AssetCheckKey(dg.AssetKey("model"), "model_is_right")
    with opened_instance(tmp_path) as instance:
        of_days = [dg.materialize([day], instance=instance, partition_key=f"2025-01-0{n}").run_id for n in (1, 1, 2)]
        checked = dg.materialize([model, model_is_right], instance=instance).run_id
        dg.materialize([model], instance=instance)
        newest = dg.materialize([model], instance=instance).run_id

        assert purge(instance, before=datetime(2025, 1, 1, tzinfo=UTC)) == 0
        assert purge(instance, before=LATER) == 2

        assert {run.run_id for run in instance.get_runs()} == {*of_days, newest}
        assert instance.event_log_storage.get_latest_asset_check_execution_by_key([check])[check].evaluation
        assert instance.get_materialized_partitions(dg.AssetKey("day")) == {"2025-01-01", "2025-01-02"}
        assert instance.get_latest_materialization_event(dg.AssetKey("model"))
        assert not list((tmp_path / "history" / "runs").glob(f"{checked}*"))
        assert list((tmp_path / "history" / "runs").glob(f"{newest}*"))


def test_the_job_runs_on_an_instance_that_has_nothing_to_delete(instance: dg.DagsterInstance) -> None:
    result = defs.resolve_job_def("maintenance").execute_in_process(instance=instance)

    assert result.success
    assert defs.resolve_schedule_def("maintenance_schedule").job_name == "maintenance"
