"""Run a range of days in this process, recorded in the installation's own Dagster instance."""

import logging
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator
from dagster._core.remote_origin import RemoteJobOrigin

from claims_pipeline.errors import ClaimsPipelineError, ConfigError, Interrupted, ServiceError
from claims_pipeline.orchestration.failures import WITHOUT_RETRIES, raised_in_asset
from claims_pipeline.orchestration.instance import opened_instance, remote_origin
from claims_pipeline.orchestration.jobs import daily_feed, refresh
from claims_pipeline.orchestration.partitions import RANGE_END, RANGE_START, daily


@dg.logger(config_schema={}, description="What the assets say, one plain line each, on standard error.")
def plain_lines(_: dg.InitLoggerContext) -> logging.Logger:
    """Return a logger that leaves out Dagster's own events: a year has thousands."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(lambda record: not getattr(record, "dagster_meta", {}).get("dagster_event"))
    handler.setFormatter(_OriginalMessage())
    logger = logging.Logger("claims", level=logging.INFO)
    logger.addHandler(handler)
    return logger


class _OriginalMessage(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        meta = getattr(record, "dagster_meta", {})
        return f"  {meta.get('step_key') or 'run'}: {meta.get('orig_message', record.getMessage())}"


class Ended(NamedTuple):
    """A run that has ended, with its events."""

    run_id: str
    events: list[dg.DagsterEvent]

    @property
    def is_success(self) -> bool:
        """Whether all of it succeeded."""
        return any(event.is_job_success for event in self.events)


def materialize_range(defs: dg.Definitions, *, instance_folder: Path, start: date, end: date) -> str:
    """Materialize the days `start`..`end` in one run, then what has no days in another; return the first one's id.

    Raises:
        ServerUnavailable: the FHIR server did not answer.
        ConfigError: a setting is wrong, or the lake belongs to another feed.
        Interrupted: a signal ended the run.
        ServiceError: a run failed otherwise; the message is that of the asset that failed.
    """
    if start < daily.start.date():
        raise ConfigError(
            f"the feed begins on {start}, the partitions on {daily.start.date()}", fix=f"set CLAIMS_START_DATE={start}"
        )
    with opened_instance(instance_folder) as instance:
        days = run_job(defs, daily_feed.name, instance, {RANGE_START: str(start), RANGE_END: str(end)})
        if not days.is_success and isinstance(failure := _failure(days), ConfigError | Interrupted):
            raise failure
        rest = run_job(defs, refresh.name, instance, {})
        for ended in (days, rest):
            if not ended.is_success:
                raise _failure(ended)
        return days.run_id


def run_job(
    defs: dg.Definitions,
    job_name: str,
    instance: dg.DagsterInstance,
    tags: Mapping[str, str],
    run_config: Mapping[str, Any] = WITHOUT_RETRIES,
) -> Ended:
    """Run a job in this process, so that the UI can run it again.

    Dagster's `execute_in_process` does not record where the job is defined, and the UI looks for it there.
    """
    job = defs.resolve_job_def(job_name)
    run = instance.create_run_for_job(
        job_def=job,
        run_config={"loggers": {"plain_lines": {}}, **run_config},
        tags=tags,
        remote_job_origin=RemoteJobOrigin(remote_origin(), job_name),
    )
    return Ended(run.run_id, list(execute_run_iterator(InMemoryJob(job), run, instance)))


def _failure(ended: Ended) -> ClaimsPipelineError:
    run = f"Dagster run {ended.run_id}"
    failure = next((event.step_failure_data for event in ended.events if event.is_step_failure), None)
    if failure is None:
        return ServiceError("the Dagster run failed", where=run)
    if ours := failure.user_failure_data:
        return raised_in_asset(ours.description or "an asset failed", ours.metadata, run)
    error = failure.error
    while error and error.cause:
        error = error.cause
    if error and error.cls_name == dg.DagsterExecutionInterruptedError.__name__:
        return Interrupted(
            "the run was interrupted", where=run, fix="the same command again goes on with what is missing"
        )
    return ServiceError(error.message.strip() if error else "an asset failed", where=run)
