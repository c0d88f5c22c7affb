"""`claims remove`."""

from typing import Annotated

import typer

from claims_pipeline.cli.app import JsonOption, app, finish, require_confirmation
from claims_pipeline.cli.options import FhirBaseOption, LedgerOption, load_progress, settings_with


@app.command()
def remove(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    fhir_base: FhirBaseOption = None,
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete from the FHIR server exactly what the ledger says was loaded; other resources stay.

    Example: claims remove --yes
    """
    from claims_pipeline import load

    settings = settings_with(fhir_base_url=fhir_base)
    require_confirmation(f"Delete everything that was loaded to {settings.fhir_base_url}?", yes=yes)
    with load_progress(settings) as on_progress:
        report = load.remove(settings, ledger_path=ledger, on_progress=on_progress)
    finish(report, settings, as_json=as_json)
    raise typer.Exit(report.exit_code)
