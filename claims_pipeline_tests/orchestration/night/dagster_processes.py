"""Dagster's webserver, daemon and code server as `claims up` starts them, driven over GraphQL like the UI does it."""

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import dagster as dg
import httpx

from claims_pipeline.settings import Settings
from claims_pipeline.stack import services

SENSORS = ("missing_days_sensor", "fhir_server_sensor", "freshness_sensor", "alerts")
DAILY_ASSETS = ("patients", "coverages", "claims", "fhir_load")

START_SENSOR = """mutation($selector: SensorSelector!) {
  startSensor(sensorSelector: $selector) { __typename ... on PythonError { message } } }"""
START_SCHEDULE = """mutation($selector: ScheduleSelector!) {
  startSchedule(scheduleSelector: $selector) { __typename ... on PythonError { message } } }"""
BACKFILL = """mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
RUN = """mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
REPEAT = """mutation($params: ReexecutionParams!) {
  launchRunReexecution(reexecutionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""


@dataclass(frozen=True)
class DagsterUi:
    """The web address of running Dagster processes, and the module that they load."""

    url: str
    module: str

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return what a mutation with one field answers; an error fails the test."""
        answer = httpx.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=120, trust_env=False
        ).json()
        assert "errors" not in answer, answer
        [field] = answer["data"].values()
        assert "Error" not in field["__typename"], field
        return dict(field)

    @property
    def repository(self) -> dict[str, str]:
        """The selector of the one repository."""
        return {"repositoryName": "__repository__", "repositoryLocationName": self.module}

    def switch_on(self) -> None:
        """Start the schedule and all sensors, as the switches of the UI do."""
        self.ask(START_SCHEDULE, selector=self.repository | {"scheduleName": "daily_schedule"})
        for name in SENSORS:
            self.ask(START_SENSOR, selector=self.repository | {"sensorName": name})

    def backfill(self, days: Iterable[date], assets: Iterable[str] = DAILY_ASSETS) -> str:
        """Launch a backfill as the dialog of the assets' page does."""
        keys = [{"path": [name]} for name in assets]
        params = {"assetSelection": keys, "partitionNames": [str(day) for day in days]}
        return str(self.ask(BACKFILL, params=params)["backfillId"])

    def run_day(self, day: date) -> str:
        """Launch the daily job for one day."""
        selector = self.repository | {"jobName": "daily_feed"}
        tags = [{"key": "dagster/partition", "value": str(day)}]
        params = {"selector": selector, "executionMetadata": {"tags": tags}, "runConfigData": {}}
        return str(self.ask(RUN, params=params)["run"]["runId"])

    def repeat(self, run_id: str) -> str:
        """Re-execute all steps of a run."""
        return str(self.ask(REPEAT, params={"parentRunId": run_id, "strategy": "ALL_STEPS"})["run"]["runId"])


@contextmanager
def dagster_processes(settings: Settings, module: str = "claims_pipeline.definitions") -> Iterator[DagsterUi]:
    """Run Dagster's processes for a `with` block."""
    _, of_stack = services.services(settings)
    given = ["claims_pipeline.definitions", module]
    service = replace(of_stack, command=tuple(given[1] if part == given[0] else part for part in of_stack.command))
    assert service.command[0] == sys.executable
    services.start(service, settings)
    try:
        yield DagsterUi(service.url, module)
    finally:
        services.stop(service, settings)


def worker_of(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """Return the pid of the process that executes a run, None if none has begun."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        if found := re.search(r"Started process for run \(pid: (\d+)\)", entry.message):
            return int(found[1])
    return None
