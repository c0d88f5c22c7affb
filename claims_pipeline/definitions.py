"""The Dagster entry point: `dagster dev`, `dagster asset materialize -m claims_pipeline.definitions`.

`python -m claims_pipeline.definitions` prints the asset graph as JSON.
"""

import json
import sys

import dagster as dg

from claims_pipeline.orchestration import (
    alerts,
    analytics_assets,
    analytics_checks,
    checks,
    feed_assets,
    fidelity_asset,
    freshness,
    jobs,
    load_assets,
    maintenance,
    sensors,
    server_checks,
    volume_checks,
)
from claims_pipeline.orchestration.lineage import lineage
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.orchestration.run import plain_lines

defs = dg.Definitions(
    assets=dg.with_source_code_references(
        dg.load_assets_from_modules([feed_assets, load_assets, analytics_assets, fidelity_asset])
    ),
    asset_checks=dg.load_asset_checks_from_modules([checks, volume_checks, server_checks, analytics_checks, freshness]),
    jobs=[jobs.daily_feed, jobs.refresh, maintenance.maintenance],
    schedules=[jobs.daily_schedule, maintenance.maintenance_schedule],
    sensors=[
        sensors.missing_days_sensor,
        sensors.fhir_server_sensor,
        sensors.after_daily_feed,
        freshness.freshness_sensor,
        alerts.alerts,
    ],
    resources={"installation": Installation()},
    loggers={"console": dg.colored_console_logger, "plain_lines": plain_lines},
    # The steps are a chain and Polars, DuckDB and the FHIR server use all cores: a process a step only adds 2.8 s each.
    executor=dg.in_process_executor,
)

if __name__ == "__main__":
    sys.stdout.write(json.dumps(lineage(defs), indent=1) + "\n")
