"""`claims dead-letters list | show | retry | discard`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from claims_pipeline.cli.app import JsonOption, app, finish, print_json
from claims_pipeline.cli.options import FhirBaseOption, LedgerOption, load_progress, settings_with
from claims_pipeline.errors import ConfigError
from claims_pipeline.settings import load_settings

if TYPE_CHECKING:
    import polars as pl

commands = typer.Typer(
    help="What the FHIR server, or the loader, refused: see it, send it again, give it up.", no_args_is_help=True
)
app.add_typer(commands, name="dead-letters")

LISTED = ("resource_type", "resource_id", "http_status", "reason", "source", "rejected_at")


@commands.command("list")
def list_(ledger: LedgerOption = None, as_json: JsonOption = False) -> None:
    """List what is rejected now, with the reason. Exit code 1 if there is any.

    Example: claims dead-letters list --json
    """
    letters = _letters(ledger, with_contents=False)
    rows = letters.select(LISTED).to_dicts()
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            typer.echo(_line(row))
        typer.echo(f"{len(rows):,} dead letters")
        if rows:
            typer.echo("try: claims dead-letters show Type/id or file:line   (all that the server said)")
    raise typer.Exit(1 if rows else 0)


@commands.command()
def show(
    name: Annotated[
        str,
        typer.Argument(help="Type/id, or the place of input that could not be read (file:line), as the list has it."),
    ],
    body: Annotated[bool, typer.Option("--body", help="Print the resource itself as well.")] = False,
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one dead letter: its source, the reason and the time.

    Example: claims dead-letters show Claim/claim-20250105-000042
    """
    import polars as pl

    names = pl.format("{}/{}", pl.col("resource_type"), pl.col("resource_id"))
    is_found = (names == name) | (pl.col("resource_id").is_null() & (pl.col("source") == name))
    found = _letters(ledger, with_contents=True).filter(is_found).to_dicts()
    if not found:
        raise ConfigError(f"no dead letter: {name}", fix="claims dead-letters list")
    letter = {key: value for key, value in found[0].items() if key != "body" or body}
    if as_json:
        print_json(letter)
        return
    for key, value in letter.items():
        if value not in (None, "", []):
            typer.echo(f"{key:<16}{value}")


@commands.command()
def retry(
    names: Annotated[list[str] | None, typer.Argument(help="Type/id of those to send.", show_default="all")] = None,
    fhir_base: FhirBaseOption = None,
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send dead letters again: their cause may be gone.

    Example: claims dead-letters retry Claim/claim-20250105-000042
    """
    from claims_pipeline import load

    settings = settings_with(fhir_base_url=fhir_base)
    with load_progress(settings) as on_progress:
        report = load.retry_dead_letters(names or [], settings, ledger_path=ledger, on_progress=on_progress)
    finish(report, settings, as_json=as_json)
    raise typer.Exit(report.exit_code)


@commands.command()
def discard(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Type/id, or the file or folder that they came from.", show_default=False),
    ] = None,
    is_all: Annotated[bool, typer.Option("--all", help="Discard all.")] = False,
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give up what was rejected, for example because its file is gone. A load that finds it again sends it again.

    Example: claims dead-letters discard exports/bad.ndjson
    """
    from claims_pipeline import load

    if bool(names) == is_all:
        raise ConfigError("dead letters to discard: names, or --all for all of them", fix="claims dead-letters list")
    discarded = load.discard_dead_letters(names or [], load_settings(), ledger_path=ledger)
    if as_json:
        print_json({"discarded": discarded})
    else:
        typer.echo(f"{discarded:,} dead letter{'' if discarded == 1 else 's'} discarded")


def _letters(ledger: Path | None, *, with_contents: bool) -> "pl.DataFrame":
    from claims_pipeline import load

    return load.list_dead_letters(load_settings(), ledger_path=ledger, with_contents=with_contents)


def _line(row: dict[str, Any]) -> str:
    name = f"{row['resource_type']}/{row['resource_id']}" if row["resource_id"] else row["resource_type"] or "input"
    status = f" (HTTP {row['http_status']})" if row["http_status"] else ""
    reason = row["reason"].replace("\n", "\n  ")
    return f"{name} from {row['source']}{status}\n  {reason}"
