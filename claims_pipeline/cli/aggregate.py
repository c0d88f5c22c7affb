"""`claims aggregate`."""

from claims_pipeline.cli.app import JsonOption, app, err, finish


@app.command()
def aggregate(as_json: JsonOption = False) -> None:
    """Build the analytics file behind the dashboard from the lake.

    Nothing is done when the lake is as it was at the last build.

    Example: claims aggregate
    """
    from claims_pipeline import aggregate as models
    from claims_pipeline.lake import Lake
    from claims_pipeline.settings import load_settings

    settings = load_settings()

    def on_progress(name: str, row_count: int) -> None:
        err.print(f"{name:<20} {row_count:>12,} rows")

    report = models.build(Lake(settings.lake_path), settings.analytics_path, on_progress)
    finish(report, settings, as_json=as_json)
