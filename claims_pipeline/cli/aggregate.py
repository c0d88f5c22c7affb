"""`claims aggregate`."""

from claims_pipeline.cli.app import JsonOption, app, finish


@app.command()
def aggregate(as_json: JsonOption = False) -> None:
    """Build the analytics file behind the dashboard from the lake.

    Nothing is done when the lake is as it was at the last build.

    Example: claims aggregate
    """
    from claims_pipeline import aggregate as models
    from claims_pipeline.cli.steps import steps
    from claims_pipeline.lake import Lake
    from claims_pipeline.settings import load_settings

    settings = load_settings()
    with steps() as on_step:
        report = models.build(Lake(settings.lake_path), settings.analytics_path, on_step)
    finish(report, settings, as_json=as_json)
