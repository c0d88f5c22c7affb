"""What bounds Dagster's own storage: runs whose results newer runs have replaced are deleted.

`retention` in dagster.yaml prunes ticks. It does not prune runs: an asset's state is an event of its latest run.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from claims_pipeline.orchestration.partitions import days_of_run

if TYPE_CHECKING:
    from dagster._core.storage.event_log.base import AssetEntry

KEPT_DAYS = 30

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def purge(instance: dg.DagsterInstance, *, before: datetime) -> int:
    """Delete the runs of what has no days that were created before a time, and return how many.

    A run stays if it made the current state of an asset. Runs of days stay, since a day is green because of its run's
    event. Results of checks are kept by Dagster itself.
    """
    kept = {run_id for asset in instance.get_asset_records() for run_id in _latest_runs(asset.asset_entry)}
    runs = instance.get_runs(dg.RunsFilter(statuses=ENDED, created_before=before))
    purged = [run.run_id for run in runs if not days_of_run(run.tags) and run.run_id not in kept]
    for run_id in purged:
        instance.delete_run(run_id)
        _delete_file(instance, run_id)
    return len(purged)


def _latest_runs(asset: "AssetEntry") -> Iterator[str]:
    """Yield the run that last planned or made an asset, and the one that last made it."""
    if asset.last_run_id:
        yield asset.last_run_id
    if made := asset.last_materialization_record:
        yield made.run_id


def _delete_file(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a run's own SQLite file: Dagster empties it and leaves it there."""
    # imported here: it brings SQLAlchemy and Alembic, an eighth of the time in which the definitions are imported
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        for suffix in ("", "-wal", "-shm"):
            Path(storage.path_for_shard(run_id) + suffix).unlink(missing_ok=True)


@dg.op
def purge_old_runs(context: dg.OpExecutionContext) -> None:
    """Delete runs older than 30 days whose results newer runs have replaced."""
    count = purge(context.instance, before=datetime.now(UTC) - timedelta(days=KEPT_DAYS))
    context.log.info(f"{count:,} runs deleted")


@dg.job(executor_def=dg.in_process_executor)
def maintenance() -> None:
    """Bounds Dagster's storage: deletes runs without days that are 30 days old and that newer runs have replaced."""
    purge_old_runs()


@dg.schedule(job=maintenance, cron_schedule="30 4 * * 0")
def maintenance_schedule() -> dg.RunRequest:
    """Sundays at 04:30 UTC. Stopped until switched on in the UI."""
    return dg.RunRequest()
