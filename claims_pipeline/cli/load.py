"""`claims load`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from claims_pipeline.cli.app import JsonOption, app, err, finish
from claims_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from claims_pipeline.load import OnProgress

LINE_SECONDS = 10.0
LOADING = "Which server, how much at once"
WHAT = "What to load"

FhirBaseOption = Annotated[
    str | None,
    typer.Option("--fhir-base", help="Base address of the FHIR server.", show_default="the embedded server"),
]
LedgerOption = Annotated[
    Path | None,
    typer.Option("--hash-file", help="The ledger: what the server holds.", show_default="CLAIMS_HOME/ledger.sqlite"),
]


@app.command()
def load(
    path: Annotated[Path | None, typer.Argument(help="A lake.", show_default="CLAIMS_HOME/lake")] = None,
    day: Annotated[str | None, typer.Option(help="Only this day, YYYY-MM-DD.", rich_help_panel=WHAT)] = None,
    start_date: Annotated[str | None, typer.Option(help="First day, YYYY-MM-DD.", rich_help_panel=WHAT)] = None,
    end_date: Annotated[str | None, typer.Option(help="Last day, YYYY-MM-DD.", rich_help_panel=WHAT)] = None,
    full: Annotated[
        bool, typer.Option("--full/--delta", help="Send everything, or what the server lacks.", rich_help_panel=WHAT)
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.", rich_help_panel=WHAT)
    ] = False,
    fhir_base: FhirBaseOption = None,
    ledger: LedgerOption = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Resources in a bundle.", show_default="100", rich_help_panel=LOADING)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Most requests at once.", show_default="4", rich_help_panel=LOADING)
    ] = None,
    wait: Annotated[
        bool | None,
        typer.Option(
            "--wait/--no-wait",
            help="Wait for another loader too; or for nothing, not even a server that is not ready.",
            show_default="for the server only",
            rich_help_panel=LOADING,
        ),
    ] = None,
    no_aggregate: Annotated[
        bool, typer.Option("--no-aggregate", help="Leave the analytics file as it is.", rich_help_panel=WHAT)
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring a FHIR server to what the lake holds, by sending only what it does not have yet.

    Run it as often as you like: nothing is loaded twice, and what was interrupted goes on where it was.
    Exit code 0 all is done, 1 something was rejected or failed, 2 wrong usage, 3 the server did not answer.

    Example: claims load --fhir-base http://127.0.0.1:8080/fhir --start-date 2025-01-01 --end-date 2025-01-31
    """
    from claims_pipeline import aggregate
    from claims_pipeline.lake import Lake
    from claims_pipeline.load import LoadOptions, load_lake
    from claims_pipeline.settings import load_settings

    settings = load_settings(fhir_base_url=fhir_base, batch_size=batch_size, workers=workers)
    lake = Lake(path.absolute() if path else settings.lake_path)
    with _progress() as on_progress:
        report = load_lake(
            lake,
            settings,
            days=_days(day, start_date, end_date),
            full=full,
            ledger_path=ledger,
            wait=wait is not False,
            on_progress=on_progress,
            options=LoadOptions(is_dry_run=dry_run, wait_for_lock=wait is True),
        )
    finish(report, settings, as_json=as_json)
    if not no_aggregate and not dry_run and report.stopped is None:
        built = aggregate.build(lake, settings.analytics_path)
        if not as_json:
            typer.echo(built.render())
    raise typer.Exit(report.exit_code)


def _days(day: str | None, start: str | None, end: str | None) -> list[date] | None:
    """Return the days asked for, None for all."""
    if day is not None:
        if start is not None or end is not None:
            raise ConfigError("--day stands alone, without --start-date and --end-date")
        return [_date("--day", day)]
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise ConfigError("a range needs both --start-date and --end-date", fix="--day for a single day")
    first, last = _date("--start-date", start), _date("--end-date", end)
    if last < first:
        raise ConfigError(f"--end-date {last} lies before --start-date {first}")
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _date(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{option}: not a day such as 2025-01-31: {text!r} ({error})") from error


@contextmanager
def _progress() -> Iterator["OnProgress"]:
    """Yield the callback that shows a bar on a terminal, and elsewhere a line when the stage changes or 10 s passed."""
    from claims_pipeline.load import Progress as Event
    from claims_pipeline.load import at_most_every

    if not err.is_terminal:
        yield at_most_every(LINE_SECONDS, lambda line: err.print(line, markup=False))
        return

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[detail]}", markup=False), console=err, transient=True) as bar:
        task = bar.add_task("", total=None, detail="")

        def show(event: Event) -> None:
            left = f" {event.seconds_left:,.0f} s left" if event.seconds_left is not None else ""
            detail = (
                f"{event.claims_per_second:,.0f} claims/s  {event.in_flight} in flight  {event.retries} retries{left}"
            )
            bar.update(task, description=event.stage, completed=event.settled, total=event.total or None, detail=detail)

        yield show
