"""`claims reconcile`."""

from typing import Annotated

import typer

from claims_pipeline.cli.app import JsonOption, app, finish
from claims_pipeline.cli.options import FhirBaseOption, LedgerOption, load_progress, settings_with


@app.command()
def reconcile(
    deep: Annotated[
        bool, typer.Option("--deep", help="Look at each resource, not only at how many there are.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mark what is missing or changed, so that the next load sends it.")
    ] = False,
    fhir_base: FhirBaseOption = None,
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare what the ledger says the FHIR server holds with what it really holds.

    Exit code 0 it holds all of it, 1 something is missing or changed. What others keep there does no harm.

    Example: claims reconcile --deep --repair
    """
    from claims_pipeline import load

    settings = settings_with(fhir_base_url=fhir_base)
    with load_progress(settings) as on_progress:
        report = load.reconcile(settings, ledger_path=ledger, deep=deep, repair=repair, on_progress=on_progress)
    finish(report, settings, as_json=as_json)
    raise typer.Exit(report.exit_code)
