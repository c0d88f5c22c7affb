"""Asset checks of `fhir_load`: of the server as a whole, so they run after a load and not for each day."""

import dagster as dg

from claims_pipeline.orchestration.failures import RETRIES, failing_as_dagster
from claims_pipeline.orchestration.load_assets import fhir_load
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.reports import save_report

IDS_SHOWN = 10


@dg.asset_check(asset=fhir_load, retry_policy=RETRIES)
@failing_as_dagster()
def server_holds_what_was_loaded(installation: Installation) -> dg.AssetCheckResult:
    """The server has as many resources of each type as the ledger says, or more; `claims reconcile` compares them."""
    from claims_pipeline import load

    report = load.reconcile(installation.settings)
    save_report(report, installation.settings.runs_path)  # the dashboard shows the newest
    counts = {name: f"{compared.server:,} of {compared.ledger:,}" for name, compared in report.by_type.items()}
    return dg.AssetCheckResult(passed=report.is_equal, severity=dg.AssetCheckSeverity.WARN, metadata=counts)


@dg.asset_check(asset=fhir_load)
@failing_as_dagster()
def no_dead_letters(installation: Installation) -> dg.AssetCheckResult:
    """The server has refused nothing that is still to be loaded."""
    from claims_pipeline import load

    letters = load.list_dead_letters(installation.settings, with_contents=False)
    names = (letters["resource_type"] + "/" + letters["resource_id"]).head(IDS_SHOWN)
    metadata: dict[str, int | str] = {"dead_letters": letters.height}
    if letters.height:
        metadata |= {"first_ids": ", ".join(names), "try": "claims dead-letters list"}
    return dg.AssetCheckResult(passed=not letters.height, severity=dg.AssetCheckSeverity.WARN, metadata=metadata)
