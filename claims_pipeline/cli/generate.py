"""`claims generate`."""

from datetime import datetime
from typing import Annotated

import typer

from claims_pipeline.cli.app import JsonOption, app, finish


@app.command()
def generate(
    claims: Annotated[int | None, typer.Option(min=1, help="Claims over the range.")] = None,
    patients: Annotated[int | None, typer.Option(min=1, help="People in the population.")] = None,
    start_date: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day received.")] = None,
    end_date: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day received.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed gives other people and claims.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Chunks of days worked on at the same time.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Generate a feed of claims into the lake.

    Example: claims generate --claims 10000 --patients 1000 --start-date 2025-01-01
    """
    from claims_pipeline.generate import generate_range
    from claims_pipeline.lake import Lake, resolve_feed
    from claims_pipeline.settings import load_settings

    settings = load_settings(
        claims=claims,
        patients=patients,
        start_date=start_date.date() if start_date else None,
        end_date=end_date.date() if end_date else None,
        seed=seed,
    )
    feed = resolve_feed(settings.lake_path, settings)
    report = generate_range(Lake(settings.lake_path), feed, start=feed.start_date, end=feed.end_date, jobs=jobs)
    finish(report, settings, as_json=as_json)
