"""Dagster's event log in SQLite, with the events of a range of days written in few transactions and rows."""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.engine import Connection

EVENTS_A_BATCH = "500"


class BatchingEventLogStorage(SqliteEventLogStorage):
    """SQLite storage that opens its files once for a batch of events of one run.

    Dagster's own opens two files, and compiles each statement anew, for every event: about 10 ms for each day and asset
    of a range. Dagster hands events over in batches when DAGSTER_EVENT_BATCH_SIZE is set.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", EVENTS_A_BATCH)
        self._batch = threading.local()
        super().__init__(base_dir, inst_data)
        self._db_lock = threading.RLock()  # type: ignore[assignment]  # a batch has two files open at once

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "BatchingEventLogStorage":
        """Return the storage that dagster.yaml describes."""
        return cls(inst_data=inst_data, **config_value)

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events of one run, all of them or none."""
        run_id = events[0].run_id
        with self.run_connection(run_id) as run, self.index_connection() as index:
            self._batch.connections = {run_id: run, INDEX_SHARD_NAME: index}
            try:
                for event in events:
                    self.store_event(event)
            finally:
                del self._batch.connections

    def store_asset_check_event(self, event: dg.EventLogEntry, event_id: int | None) -> None:
        """Store what is planned or found by a check; no check has partitions here.

        Dagster 1.13.27 plans a result of such a check for each day of a run, a row each, and stores its result in a row
        without a day: the planned ones stay planned for ever.
        """
        super().store_asset_check_event(_for_all_days(event), event_id)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        if opened := getattr(self._batch, "connections", {}).get(shard):
            yield opened
        else:
            with super()._connect(shard) as connection:
                yield connection


def _for_all_days(event: dg.EventLogEntry) -> dg.EventLogEntry:
    """Return an event; one that plans a check without the days of its run."""
    of_dagster = event.dagster_event
    planned = of_dagster and of_dagster.event_specific_data
    if not of_dagster or not isinstance(planned, AssetCheckEvaluationPlanned):
        return event
    once = AssetCheckEvaluationPlanned(asset_key=planned.asset_key, check_name=planned.check_name)
    return event._replace(dagster_event=of_dagster._replace(event_specific_data=once))


def configuration(folder: Path) -> str:
    """Return the lines of dagster.yaml that let the instance in a folder use this storage."""
    return f"""
event_log_storage: # a range of days in few transactions
  module: {__name__}
  class: {BatchingEventLogStorage.__name__}
  config:
    base_dir: {json.dumps(str(folder / "history" / "runs"))}
"""
