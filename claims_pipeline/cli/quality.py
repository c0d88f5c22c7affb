"""`claims quality`."""

import typer

from claims_pipeline.cli.app import JsonOption, app, finish
from claims_pipeline.cli.options import LakeArgument, lake_folder


@app.command()
def quality(lake: LakeArgument = None, as_json: JsonOption = False) -> None:
    """Check every row of a lake: ids, references, people, places, coverage, rules of coding, amounts, dates.

    Exits with 1 when there is a finding.

    Example: claims quality
    """
    from claims_pipeline.lake import Lake
    from claims_pipeline.quality import check
    from claims_pipeline.settings import load_settings

    settings = load_settings()
    report = check(Lake(lake_folder(lake, settings)))
    finish(report, settings, as_json=as_json)
    if report.total:
        raise typer.Exit(1)
