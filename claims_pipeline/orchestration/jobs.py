"""The jobs: the day's work, and the work without days that follows from it."""

from datetime import timedelta

import dagster as dg

from claims_pipeline.orchestration.analytics_assets import analytics
from claims_pipeline.orchestration.analytics_checks import aggregates_agree_with_the_lake, aggregates_are_sound
from claims_pipeline.orchestration.checks import claims_quality
from claims_pipeline.orchestration.feed_assets import claims, coverages, patients
from claims_pipeline.orchestration.fidelity_asset import fidelity
from claims_pipeline.orchestration.load_assets import fhir_load
from claims_pipeline.orchestration.partitions import daily
from claims_pipeline.orchestration.server_checks import no_dead_letters, server_holds_what_was_loaded
from claims_pipeline.orchestration.volume_checks import claims_volume

daily_feed = dg.define_asset_job(
    "daily_feed",
    selection=dg.AssetSelection.assets(patients, coverages, claims, fhir_load).without_checks()
    | dg.AssetSelection.checks(claims_quality, claims_volume),
    description="One day, or a range of days: generate, check, load into FHIR. "
    "Dagster plans an event for each asset and day: nothing without days belongs here.",
)

refresh = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.assets(analytics, fidelity)
    | dg.AssetSelection.checks(
        server_holds_what_was_loaded, no_dead_letters, aggregates_agree_with_the_lake, aggregates_are_sound
    ),
    description="What has no days: aggregates, fidelity, and the server as a whole.",
)


@dg.schedule(job=daily_feed, cron_schedule="15 2 * * *")
def daily_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Yesterday's partition at 02:15 UTC. Stopped until switched on in the UI."""
    day = (context.scheduled_execution_time - timedelta(days=1)).date()
    if day < daily.start.date():
        return dg.SkipReason(f"the feed begins on {daily.start.date()}")
    return dg.RunRequest(run_key=str(day), partition_key=str(day))
