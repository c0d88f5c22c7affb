"""`claims fidelity`."""

import typer

from claims_pipeline.cli.app import JsonOption, app, finish
from claims_pipeline.cli.options import LakeArgument, lake_folder
from claims_pipeline.settings import load_settings


@app.command()
def fidelity(lake: LakeArgument = None, as_json: JsonOption = False) -> None:
    """Compare a lake with public figures about real claims.

    Exits with 1 when a figure misses its bounds. A figure that is out of them by less than two standard errors is
    called "uncertain", and one of a lake of under 24 months or 200,000 claims "too small": these are no failures.

    Example: claims fidelity
    """
    from claims_pipeline.fidelity import measure
    from claims_pipeline.lake import Lake

    settings = load_settings()
    report = measure(Lake(lake_folder(lake, settings)))
    finish(report, settings, as_json=as_json)
    if report.misses:
        raise typer.Exit(1)
