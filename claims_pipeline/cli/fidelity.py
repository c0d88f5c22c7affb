"""`claims fidelity`."""

from pathlib import Path
from typing import Annotated

import typer

from claims_pipeline.cli.app import JsonOption, app, finish
from claims_pipeline.errors import ConfigError
from claims_pipeline.settings import Settings, load_settings

LakeArgument = Annotated[Path | None, typer.Argument(show_default="the lake of CLAIMS_HOME", help="Folder of a lake.")]


def lake_folder(argument: Path | None, settings: Settings) -> Path:
    """Return the folder of the lake that a command is to read.

    Raises:
        ConfigError: a folder was named that is not there.
    """
    if argument is None:
        return settings.lake_path
    folder = argument.expanduser().absolute()
    if not folder.is_dir():
        raise ConfigError("there is no such folder", where=str(folder), fix="leave it out for the lake of CLAIMS_HOME")
    return folder


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
