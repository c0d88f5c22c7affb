"""The Dagster entry point: `dagster dev`, `dagster asset materialize -m claims_pipeline.definitions`."""

import warnings

import dagster as dg

# Backfill policies are marked beta on every asset that has one; build_schedule_from_partitioned_job warns of itself.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

from claims_pipeline.orchestration import analytics_assets, feed_assets, jobs, load_assets  # noqa: E402
from claims_pipeline.orchestration.resources import Installation  # noqa: E402
from claims_pipeline.orchestration.run import plain_lines  # noqa: E402

defs = dg.Definitions(
    assets=dg.load_assets_from_modules([feed_assets, load_assets, analytics_assets]),
    jobs=[jobs.daily_feed],
    schedules=[jobs.daily_schedule],
    resources={"installation": Installation()},
    loggers={"console": dg.colored_console_logger, "plain_lines": plain_lines},
    # The steps are a chain and Polars, DuckDB and the FHIR server use all cores: a process a step only adds 2.8 s each.
    executor=dg.in_process_executor,
)
