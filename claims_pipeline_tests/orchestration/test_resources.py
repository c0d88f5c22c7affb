"""The days of a run, as an asset of days sees them."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from claims_pipeline.orchestration.failures import failing_as_dagster
from claims_pipeline.orchestration.partitions import PARTITION, RANGE_END, RANGE_START, daily, one_run
from claims_pipeline.orchestration.resources import days_of

TOMORROW = str(datetime.now(UTC).date() + timedelta(days=1))


@dg.asset(partitions_def=daily, backfill_policy=one_run)
def seen(context: dg.AssetExecutionContext) -> None:
    with failing_as_dagster():
        context.log.info(" ".join(map(str, days_of(context))))


def days_seen(instance: dg.DagsterInstance, tags: dict[str, str]) -> str:
    """Run an asset of days by tags, as `launchRun` of the UI's GraphQL does, and return the days that it sees."""
    run = dg.materialize([seen], instance=instance, tags=tags)
    return next(entry.user_message for entry in instance.all_logs(run.run_id) if not entry.dagster_event)


def test_a_run_is_for_a_day_or_for_a_range(instance: dg.DagsterInstance) -> None:
    assert days_seen(instance, {PARTITION: "2025-01-02"}) == "2025-01-02"
    assert days_seen(instance, {RANGE_START: "2025-01-02", RANGE_END: "2025-01-03"}) == "2025-01-02 2025-01-03"


def test_a_run_without_days_fails_with_what_to_do(instance: dg.DagsterInstance) -> None:
    with pytest.raises(dg.Failure, match="the run has no days") as caught:
        days_seen(instance, {})

    assert "a day, or a range of days" in str(caught.value.metadata["try"].value)


@pytest.mark.parametrize("day", [TOMORROW, "2024-12-31"])
def test_a_run_of_a_day_that_is_no_partition_fails(instance: dg.DagsterInstance, day: str) -> None:
    with pytest.raises(dg.Failure, match=f"{day} is not a partition: they are 2025-01-01 to "):
        days_seen(instance, {PARTITION: day})
