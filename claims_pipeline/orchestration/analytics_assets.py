"""The DuckDB models: one build, one file, one asset a model."""

from collections.abc import Iterator

import dagster as dg

from claims_pipeline import aggregate
from claims_pipeline.aggregate import MODELS, Model
from claims_pipeline.orchestration.automation import when_days_have_changed
from claims_pipeline.orchestration.failures import RETRIES, failing_as_dagster
from claims_pipeline.orchestration.metadata import column_schema
from claims_pipeline.orchestration.partitions import one_run
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.schema import DIRECTORY


def _spec(model: Model) -> dg.AssetSpec:
    tables = {"directory" if table in DIRECTORY else table.name for table in model.tables}
    return dg.AssetSpec(
        model.name,
        deps=[*sorted(tables), *model.models],
        description=model.description,
        group_name="analytics",
        kinds={"duckdb"},
        automation_condition=when_days_have_changed,
        metadata=column_schema(model.columns),
    )


@dg.multi_asset(
    name="analytics", specs=[_spec(model) for model in MODELS], backfill_policy=one_run, retry_policy=RETRIES
)
def analytics(context: dg.AssetExecutionContext, installation: Installation) -> Iterator[dg.MaterializeResult[None]]:
    """Build all models of the lake's current state and publish them as one file."""
    with failing_as_dagster():
        report = aggregate.build(installation.lake, installation.settings.analytics_path)
    context.log.info(report.render())
    for name, rows in report.row_counts.items():
        yield dg.MaterializeResult(asset_key=name, metadata={"dagster/row_count": rows})
