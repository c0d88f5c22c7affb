"""`claims server`: the embedded FHIR server."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from claims_pipeline.cli.app import JsonOption, app, require_confirmation, show
from claims_pipeline.cli.options import settings_with

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

    settings = load_settings()
    with steps() as on_step, server.none_left_behind(settings, on_step):
        now = server.start(settings, on_step)
    show(now, as_json=as_json)


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
    show(now, as_json=as_json)
    if not now.is_healthy:
        raise typer.Exit(NOT_REACHED)


@server_app.command()
def logs(
    service: Annotated[Literal["hapi", "postgresql"], typer.Argument(help="Whose log.")] = "hapi",
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Number of lines to show, from the end.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new lines until interrupted.")] = False,
) -> None:
    """Show the log of HAPI FHIR or of PostgreSQL.

    Example: claims server logs postgresql -n 20
    """
    from claims_pipeline import server
    from claims_pipeline.settings import load_settings

    for line in server.log_lines(load_settings(), service, last=lines, follow=follow):
        typer.echo(line)


@server_app.command()
def prepare(
    fhir_base: Annotated[str | None, typer.Option(help="Base URL; CLAIMS_FHIR_BASE_URL if not given.")] = None,
) -> None:
    """Make any FHIR server searchable by diagnosis, before it is loaded. `start` does this for the embedded one.

    Example: claims server prepare --fhir-base http://localhost:8080/fhir
    """
    from claims_pipeline import server
    from claims_pipeline.fhir_access import client_options

    settings = settings_with(fhir_base_url=fhir_base)
    if server.install_search_parameters(settings.fhir_base_url, client_options(settings)):
        typer.echo(
            "Claim?diagnosis= answers now; claims stored before are found once the server has indexed them again"
        )
    else:
        typer.echo("Claim?diagnosis= answered already")


@server_app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where to, for example fhir.backup.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write all that the server holds, as of this moment, into one file. The server keeps running.

    Example: claims server backup fhir.backup
    """
    from claims_pipeline import server
    from claims_pipeline.cli.steps import steps
    from claims_pipeline.settings import load_settings

    settings = load_settings()
    with steps() as on_step, server.none_left_behind(settings, on_step):
        size = server.backup(settings, file, has_force=force, on_step=on_step)
    typer.echo(f"wrote {file}, {size / 1e6:,.1f} MB")


@server_app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file of `claims server backup`, from a source that you trust.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Replace all that the server holds by a backup. A file that cannot be restored changes nothing.

    Loads that came after the backup are undone on the server; `claims load --adopt` brings it up to date again.

    Example: claims server restore fhir.backup
    """
    from claims_pipeline import server
    from claims_pipeline.cli.steps import steps
    from claims_pipeline.settings import load_settings

    settings = load_settings()
    server.require_usable(settings)
    made_at = server.require_backup(settings, file)
    question = f"Replace all that the FHIR server in {settings.server_path} holds by the backup of {made_at}?"
    require_confirmation(question, yes=yes)
    with steps() as on_step, server.none_left_behind(settings, on_step):
        is_running = server.restore(settings, file, on_step)
    typer.echo(f"restored the backup of {made_at}" + ("" if is_running else "; start it with claims server start"))
    typer.echo("to bring the server up to date again: claims load --adopt")


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
    require_confirmation(f"Delete all resources of the FHIR server in {settings.server_path}?", yes=yes)
    with steps() as on_step:
        was_there = server.wipe(settings, on_step)
    typer.echo("wiped" if was_there else "there was nothing to wipe")
