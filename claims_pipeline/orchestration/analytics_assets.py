"""The DuckDB models: one build, one file, one asset a model."""

from collections.abc import Iterator

import dagster as dg

from claims_pipeline import aggregate
from claims_pipeline.aggregate import MODELS, Model
from claims_pipeline.aggregate.models import models_digest
from claims_pipeline.orchestration.analytics_chart import CHARTED_MODEL, day_chart
from claims_pipeline.orchestration.automation import when_days_have_changed
from claims_pipeline.orchestration.failures import RETRIES, failing_as_dagster
from claims_pipeline.orchestration.metadata import OWNERS, column_lineage, column_schema
from claims_pipeline.orchestration.partitions import one_run
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.schema import DIRECTORY, Table
from claims_pipeline.settings import load_settings


def specification(model: Model) -> dg.AssetSpec:
    """Return the asset of a model."""
    tables = {_asset_of(table) for table in model.tables}
    sources = {_asset_of(table): table.columns for table in model.tables}
    sources |= {other.name: other.columns for other in MODELS if other.name in model.models}
    return dg.AssetSpec(
        model.name,
        deps=[*sorted(tables), *model.models],
        description=model.description,
        group_name="analytics",
        kinds={"duckdb"},
        owners=OWNERS,
        code_version=models_digest()[:12],  # a change of one model, or of the macro, builds the whole file anew
        automation_condition=when_days_have_changed,
        metadata={
            **column_schema(model.columns),
            **column_lineage(model.columns, sources),
            "dagster/storage_kind": "duckdb",
            "dagster/table_name": model.name,
            "SQL": dg.MetadataValue.md(f"```sql\n{model.sql}\n```"),
            "dashboard": dg.MetadataValue.url(load_settings().dashboard_url),
        },
    )


def _asset_of(table: Table) -> str:
    return "directory" if table in DIRECTORY else table.name


@dg.multi_asset(
    name="analytics", specs=[specification(model) for model in MODELS], backfill_policy=one_run, retry_policy=RETRIES
)
def analytics(context: dg.AssetExecutionContext, installation: Installation) -> Iterator[dg.MaterializeResult[None]]:
    """Build all models of the lake's current state and publish them as one file."""
    with failing_as_dagster():
        report = aggregate.build(installation.lake, installation.settings.analytics_path)
        chart = day_chart(installation.settings.analytics_path)
    context.log.info(report.render())
    for name, rows in report.row_counts.items():
        charts = {"last_days": dg.MetadataValue.md(chart)} if name == CHARTED_MODEL else {}
        yield dg.MaterializeResult(asset_key=name, metadata={"dagster/row_count": rows, **charts})
