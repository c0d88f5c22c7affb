from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import dagster as dg
import pytest
from dagster._check import CheckError
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy.engine import Connection

from claims_pipeline.orchestration import event_storage
from claims_pipeline.orchestration.event_storage import BatchingEventLogStorage
from claims_pipeline.orchestration.instance import opened_instance
from claims_pipeline.orchestration.partitions import RANGE_END, RANGE_START, daily

pytestmark = pytest.mark.heavy

FIRST, LAST = "2025-01-01", "2025-01-20"


@dg.asset(partitions_def=daily, backfill_policy=dg.BackfillPolicy.single_run())
def days(context: dg.AssetExecutionContext) -> None:
    for key in context.partition_keys:
        context.add_asset_metadata({"number": int(key[-2:])}, partition_key=key)


def planned(instance: dg.DagsterInstance) -> list[dg.EventLogEntry]:
    [run] = instance.get_runs()
    return list(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED))


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)
    folder = tmp_path / "it's home" / "dagster"
    folder.mkdir(parents=True)
    (folder / "dagster.yaml").write_text(event_storage.configuration(folder), encoding="utf-8")
    with opened_instance(folder) as instance:
        yield instance
    assert list((folder / "history" / "runs").glob("*.db"))


def test_a_range_is_recorded_day_by_day_with_few_connections(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    connect = SqliteEventLogStorage._connect

    def counting(storage: SqliteEventLogStorage, shard: str) -> AbstractContextManager[Connection]:
        opened.append(shard)
        return connect(storage, shard)

    monkeypatch.setattr(SqliteEventLogStorage, "_connect", counting)

    assert dg.materialize([days], instance=instance, tags={RANGE_START: FIRST, RANGE_END: LAST}).success

    records = instance.fetch_materializations(dg.AssetKey("days"), limit=100).records
    made = [one.asset_materialization for one in records if one.asset_materialization]
    numbers = {one.partition: one.metadata["number"].value for one in made}
    assert numbers == {f"2025-01-{number:02d}": number for number in range(1, 21)}
    assert instance.get_materialized_partitions(dg.AssetKey("days")) == set(numbers)
    assert len(planned(instance)) == 20
    assert len(opened) < 120  # of two connections for each event: 80 and more for the days alone


@dg.asset_check(asset=days)
def days_are_right() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def test_a_check_of_a_range_is_planned_once_and_nothing_stays_planned(instance: dg.DagsterInstance) -> None:
    dg.materialize([days, days_are_right], instance=instance, tags={RANGE_START: FIRST, RANGE_END: LAST})

    key = dg.AssetCheckKey(dg.AssetKey("days"), "days_are_right")
    history = instance.event_log_storage.get_asset_check_execution_history(key, limit=100)

    assert [(one.status.value, one.partition) for one in history] == [("SUCCEEDED", None)]


def test_a_batch_is_stored_as_a_whole_or_not_at_all(instance: dg.DagsterInstance) -> None:
    dg.materialize([days], instance=instance, tags={RANGE_START: FIRST, RANGE_END: FIRST})
    storage = instance.event_log_storage
    assert isinstance(storage, BatchingEventLogStorage)
    [event] = planned(instance)

    with pytest.raises(CheckError):
        storage.store_event_batch([event, "not an event"])  # type: ignore[list-item]
    assert len(planned(instance)) == 1
    storage.store_event_batch([event, event])
    assert len(planned(instance)) == 3
