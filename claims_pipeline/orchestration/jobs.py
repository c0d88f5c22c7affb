"""The daily job and its schedule."""

from datetime import timedelta

import dagster as dg

daily_feed = dg.define_asset_job(
    "daily_feed",
    selection=dg.AssetSelection.all(),
    description="One day, or a range of days: generate, load into FHIR, aggregate.",
)


@dg.schedule(job=daily_feed, cron_schedule="15 2 * * *")
def daily_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Yesterday's partition at 02:15 UTC. Stopped until switched on in the UI."""
    day = (context.scheduled_execution_time - timedelta(days=1)).date().isoformat()
    return dg.RunRequest(run_key=day, partition_key=day)
