"""Whether yesterday is loaded by 07:00 UTC: a check over days, as an old day that is loaded again proves nothing."""

from datetime import UTC, datetime, time

import dagster as dg

from claims_pipeline.orchestration.load_assets import fhir_load
from claims_pipeline.orchestration.missing_days import LOADED, last_due_day
from claims_pipeline.orchestration.partitions import daily

DEADLINE = time(7)
NAME = "yesterday_is_loaded"

DUE_DAY = "day"
"""Metadata of an evaluation that names the day that should be loaded; `alerts` reads it."""


def evaluation(instance: dg.DagsterInstance, now: datetime) -> dg.AssetCheckEvaluation:
    """Return whether the day that is due at a time (UTC) is loaded."""
    due = last_due_day(now, DEADLINE)
    loaded = instance.get_materialized_partitions(LOADED)
    return dg.AssetCheckEvaluation(
        asset_key=LOADED,
        check_name=NAME,
        passed=str(due) in loaded or due < daily.start.date(),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            DUE_DAY: dg.MetadataValue.text(str(due)),
            "last_loaded": dg.MetadataValue.text(max(loaded, default="none")),
        },
    )


@dg.asset_check(asset=fhir_load, name=NAME)
def yesterday_is_loaded(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """From 07:00 UTC on, yesterday is loaded; until then, the day before."""
    found = evaluation(context.instance, datetime.now(UTC))
    return dg.AssetCheckResult(passed=found.passed, severity=found.severity, metadata=found.metadata)


@dg.sensor(minimum_interval_seconds=60, asset_selection=[LOADED])
def freshness_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Evaluate `yesterday_is_loaded` without a run; records it once a day, and when it changes."""
    found = evaluation(context.instance, datetime.now(UTC))
    state = f"{found.metadata[DUE_DAY].value} {'passed' if found.passed else 'failed'}"
    if state == context.cursor:
        return dg.SkipReason(state)
    return dg.SensorResult(asset_events=[found], cursor=state)
