"""`claims fidelity`."""

from pathlib import Path
from typing import Annotated

import typer

from claims_pipeline.cli.app import JsonOption, app, finish

LakeArgument = Annotated[Path | None, typer.Argument(show_default="the lake of CLAIMS_HOME", help="Folder of a lake.")]


@app.command()
def fidelity(lake: LakeArgument = None, as_json: JsonOption = False) -> None:
    """Compare a lake with public figures about real claims.

    Exits with 1 when a figure misses its bounds. A figure that is out of its bounds, but by less than two standard
    errors or in a lake of under 24 months or 200,000 claims, is called "too small" and is no failure.

    Example: claims fidelity
    """
    from claims_pipeline.fidelity import measure
    from claims_pipeline.lake import Lake
    from claims_pipeline.settings import load_settings

    settings = load_settings()
    report = measure(Lake(lake.expanduser().absolute() if lake else settings.lake_path))
    finish(report, settings, as_json=as_json)
    if report.misses:
        raise typer.Exit(1)
