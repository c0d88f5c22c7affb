"""Run a range of days in this process, recorded in the installation's own Dagster instance."""

import logging
import sys
from datetime import date
from pathlib import Path

import dagster as dg

from claims_pipeline.errors import ClaimsPipelineError, ConfigError, Interrupted, ServiceError
from claims_pipeline.orchestration.failures import raised_in_asset
from claims_pipeline.orchestration.jobs import daily_feed
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


def materialize_range(defs: dg.Definitions, *, instance_folder: Path, start: date, end: date) -> str:
    """Materialize all assets for the days `start`..`end` in one run, and return the run's id.

    Raises:
        ServerUnavailable: the FHIR server did not answer.
        ConfigError: a setting is wrong, or the lake belongs to another feed.
        Interrupted: a signal ended the run.
        ServiceError: the run failed otherwise; the message is that of the asset that failed.
    """
    if start < daily.start.date():
        raise ConfigError(
            f"the feed begins on {start}, the partitions on {daily.start.date()}", fix=f"set CLAIMS_START_DATE={start}"
        )
    with dg.DagsterInstance.from_config(str(instance_folder)) as instance:
        result = defs.resolve_job_def(daily_feed.name).execute_in_process(
            instance=instance,
            tags={RANGE_START: start.isoformat(), RANGE_END: end.isoformat()},
            run_config={"loggers": {"plain_lines": {}}},
            raise_on_error=False,
        )
        if not result.success:
            raise _failure(result)
        return result.run_id


def _failure(result: dg.ExecuteInProcessResult) -> ClaimsPipelineError:
    run = f"Dagster run {result.run_id}"
    failure = next((event.step_failure_data for event in result.all_events if event.is_step_failure), None)
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
