"""What starts runs by itself: after downtime and failures, when the FHIR server is back, and after the days' runs."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg

from claims_pipeline.errors import ConfigError
from claims_pipeline.orchestration.jobs import daily_feed
from claims_pipeline.orchestration.missing_days import last_due_day, missing_days, requests
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.settings import Settings

AGAIN_AFTER = timedelta(hours=24)
"""A day that was asked for and is still missing needs a person more than another run."""

ANSWER_SECONDS = 10

UP = "up"


@dg.sensor(job=daily_feed, minimum_interval_seconds=600)
def missing_days_sensor(
    context: dg.SensorEvaluationContext, installation: Installation
) -> dg.SensorResult | dg.SkipReason:
    """Ask for the days that are not loaded, in ranged runs: catch-up after downtime, and recovery after failures.

    A day is asked for once in 24 hours, and none while the FHIR server is down.
    """
    now = datetime.now(UTC)
    missing = missing_days(context.instance, last_due_day(now))
    asked = {day: at for day, at in json.loads(context.cursor or "{}").items() if day in set(map(str, missing))}
    lately = {day for day, at in asked.items() if now - datetime.fromisoformat(at) < AGAIN_AFTER}
    due = [day for day in missing if str(day) not in lately]
    if not due:
        context.update_cursor(json.dumps(asked))
        waiting = f"{len(missing):,} days are missing and were asked for" if missing else "no day is missing"
        return dg.SkipReason(waiting)
    if not answers(installation.settings):
        return dg.SkipReason(f"{len(due):,} days are missing, but the FHIR server does not answer")
    asked |= {str(day): now.isoformat() for day in due}
    return dg.SensorResult(run_requests=requests(due, f"{now:%Y%m%dT%H%M%S}"), cursor=json.dumps(asked))


@dg.sensor(job=daily_feed, minimum_interval_seconds=60)
def fhir_server_sensor(
    context: dg.SensorEvaluationContext, installation: Installation
) -> dg.SensorResult | dg.SkipReason:
    """Watch the FHIR server; when it answers again, ask for all days that are not loaded."""
    now = datetime.now(UTC)
    before = context.cursor or UP
    if not answers(installation.settings):
        since = now.isoformat(timespec="seconds") if before == UP else before
        context.update_cursor(since)
        return dg.SkipReason(f"the FHIR server does not answer since {since}: no day is asked for")
    if before == UP:
        context.update_cursor(UP)
        return dg.SkipReason("the FHIR server answers")
    days = missing_days(context.instance, last_due_day(now))
    context.log.info(f"the FHIR server answers again; {len(days):,} days are missing")
    return dg.SensorResult(run_requests=requests(days, f"back {now:%Y%m%dT%H%M%S}"), cursor=UP)


def answers(settings: Settings) -> bool:
    """Return whether the FHIR server answers /metadata; only its version is requested, because the rest is large."""
    import httpx

    from claims_pipeline.fhir_access import client_options

    try:
        with httpx.Client(timeout=ANSWER_SECONDS, **client_options(settings)) as client:
            return client.get(f"{settings.fhir_base_url}/metadata", params={"_elements": "fhirVersion"}).is_success
    except (httpx.HTTPError, ConfigError):
        return False


after_daily_feed = dg.AutomationConditionSensorDefinition(
    "after_daily_feed",
    target=dg.AssetSelection.groups("analytics"),
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Builds what has no days once days have been loaded or made, when no such run is under way.",
)
