"""`claims server`: the embedded FHIR server."""

from typing import Annotated

import typer

from claims_pipeline.cli.app import JsonOption, app, print_json

NOT_REACHED = 3

server_app = typer.Typer(help="The embedded HAPI FHIR server and its PostgreSQL.", no_args_is_help=True)
app.add_typer(server_app, name="server")


@server_app.command()
def start(as_json: JsonOption = False) -> None:
    """Start HAPI FHIR and PostgreSQL, and return when they can be used.

    The first start downloads about 250 MB; later ones download nothing. If it runs already, it says so.

    Example: CLAIMS_FHIR_PORT=8081 claims server start
    """
    from claims_pipeline import server
    from claims_pipeline.cli.steps import steps
    from claims_pipeline.settings import load_settings

    with steps() as on_step:
        now = server.start(load_settings(), on_step)
    if as_json:
        print_json(now.to_json())
    else:
        typer.echo(now.render())


@server_app.command()
def stop() -> None:
    """Stop HAPI FHIR and PostgreSQL. What the server holds stays.

    Example: claims server stop
    """
    from claims_pipeline import server
    from claims_pipeline.cli.steps import steps
    from claims_pipeline.settings import load_settings

    with steps() as on_step:
        was_running = server.stop(load_settings(), on_step)
    typer.echo("stopped" if was_running else "nothing was running")


@server_app.command()
def status(as_json: JsonOption = False) -> None:
    """Show what runs, since when, the versions, what the server holds and the disk it uses.

    Exit code 0 if the FHIR server answers, 3 if not.

    Example: claims server status --json
    """
    from claims_pipeline import server
    from claims_pipeline.settings import load_settings

    now = server.status(load_settings())
    if as_json:
        print_json(now.to_json())
    else:
        typer.echo(now.render())
    if not now.is_healthy:
        raise typer.Exit(NOT_REACHED)


@server_app.command()
def wipe(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop the server and delete all that it holds. The next start begins with an empty one.

    Example: claims server wipe --yes
    """
    from claims_pipeline import server
    from claims_pipeline.cli.steps import steps
    from claims_pipeline.settings import load_settings

    settings = load_settings()
    if not yes:
        typer.confirm(f"Delete all resources of the FHIR server in {settings.server_path}?", abort=True, err=True)
    with steps() as on_step:
        was_there = server.wipe(settings, on_step)
    typer.echo("wiped" if was_there else "there was nothing to wipe")
