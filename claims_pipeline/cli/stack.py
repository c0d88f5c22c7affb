"""`claims demo | up | down | status`: everything of one installation at once."""

from typing import Annotated

import typer

from claims_pipeline.cli.app import JsonOption, app, finish, show

Days = Annotated[int | None, typer.Option(min=1, help="Days of the feed, from CLAIMS_START_DATE.", show_default="365")]
Claims = Annotated[
    int | None,
    typer.Option(min=1, help="Claims over these days.", show_default="10000 a year, or 4.2 for each of --patients"),
]
Patients = Annotated[int | None, typer.Option(min=1, help="People insured.", show_default="one for 4.2 claims a year")]
Once = Annotated[bool, typer.Option("--once", help="End after the load: no dashboard, no Dagster UI.")]


@app.command()
def demo(
    days: Days = None,
    claims: Claims = None,
    patients: Patients = None,
    once: Once = False,
    as_json: JsonOption = False,
) -> None:
    """Run the whole pipeline: FHIR server, a year of claims through Dagster, aggregates, dashboard.

    Run again, it finds everything unchanged and sends nothing. `claims down` stops what it started.

    Example: claims demo --days 30 --claims 1000 --once
    """
    from claims_pipeline import stack
    from claims_pipeline.cli.steps import steps

    settings = stack.demo_settings(days=days, claims=claims, patients=patients)
    with steps() as on_step:
        report = stack.demo(settings, serve=not once, on_step=on_step)
    finish(report, settings, as_json=as_json)
    if not report.is_complete:
        raise typer.Exit(1)


@app.command()
def up(as_json: JsonOption = False) -> None:
    """Start what does not run: the embedded FHIR server, the dashboard, the Dagster UI.

    Example: CLAIMS_DASHBOARD_PORT=5001 claims up
    """
    from claims_pipeline import stack
    from claims_pipeline.cli.steps import steps
    from claims_pipeline.settings import load_settings

    with steps() as on_step:
        now = stack.up(load_settings(), on_step)
    show(now, as_json=as_json)


@app.command()
def down() -> None:
    """Stop the Dagster UI, the dashboard and the embedded FHIR server. What they hold stays.

    Example: claims down
    """
    from claims_pipeline import stack
    from claims_pipeline.cli.steps import steps
    from claims_pipeline.settings import load_settings

    with steps() as on_step:
        was_running = stack.down(load_settings(), on_step)
    typer.echo("stopped" if was_running else "nothing was running")


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Show what runs, where, and since when. Exit code 0 if everything answers, 3 if not.

    Example: claims status --json
    """
    from claims_pipeline import stack
    from claims_pipeline.settings import load_settings

    now = stack.status(load_settings())
    show(now, as_json=as_json)
    if not now.is_up:
        raise typer.Exit(3)
