"""`claims load`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from claims_pipeline.cli.app import JsonOption, app, finish
from claims_pipeline.cli.options import FhirBaseOption, LedgerOption, asked_range, load_progress, settings_with
from claims_pipeline.errors import ConfigError
from claims_pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from claims_pipeline.lake import Lake
    from claims_pipeline.load import LoadOptions, LoadReport, OnMismatch, Vanished

WHAT = "What to load"
HOW = "How to send"
MISMATCH = "When the ledger and the server do not belong together"

Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PATH]...",
        help="A lake; or FHIR R4 files, folders and archives of them: NDJSON, Bundles, .gz, .zip, .tar.gz, - for "
        "standard input.",
        show_default="CLAIMS_HOME/lake",
    ),
]
Day = Annotated[str | None, typer.Option(help="Only this day, YYYY-MM-DD.", rich_help_panel=WHAT)]
StartDate = Annotated[
    str | None,
    typer.Option(help="First day, YYYY-MM-DD.", show_default="the lake's first, with --end-date", rich_help_panel=WHAT),
]
EndDate = Annotated[
    str | None,
    typer.Option(help="Last day, YYYY-MM-DD.", show_default="the lake's last, with --start-date", rich_help_panel=WHAT),
]
Full = Annotated[
    bool, typer.Option("--full/--delta", help="Send everything, or what the server lacks.", rich_help_panel=WHAT)
]
EveryVersion = Annotated[
    bool, typer.Option("--every-version", help="Load day by day: the server keeps each version.", rich_help_panel=WHAT)
]
VanishedIds = Annotated[
    str,
    typer.Option(help="What the source no longer has: keep, entered-in-error or delete.", rich_help_panel=WHAT),
]
TakeOver = Annotated[
    bool,
    typer.Option("--take-over", help="Overwrite what came from another source too.", rich_help_panel=WHAT),
]
Types = Annotated[
    str | None,
    typer.Option(metavar="TYPE,...", help="Only these resource types.", show_default="all", rich_help_panel=WHAT),
]
Exclude = Annotated[
    str | None, typer.Option(metavar="TYPE,...", help="Not these resource types.", rich_help_panel=WHAT)
]
IdPrefix = Annotated[
    str,
    typer.Option(
        metavar="TEXT",
        help="Put TEXT before the ids of files and in references to them, for servers that refuse ids of digits only.",
        show_default=False,
        rich_help_panel=HOW,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Report what would be sent, and send nothing.", rich_help_panel=WHAT)
]
NoAggregate = Annotated[
    bool, typer.Option("--no-aggregate", help="Leave the analytics file as it is.", rich_help_panel=WHAT)
]
BatchSize = Annotated[int | None, typer.Option(help="Resources in a bundle.", show_default="100", rich_help_panel=HOW)]
Workers = Annotated[int | None, typer.Option(help="Most requests at once.", show_default="4", rich_help_panel=HOW)]
Wait = Annotated[
    bool | None,
    typer.Option(
        "--wait/--no-wait",
        help="Wait for another loader too; or for nothing, not even a server that is not ready.",
        show_default="for the server only",
        rich_help_panel=HOW,
    ),
]
Adopt = Annotated[
    bool, typer.Option("--adopt", help="Compare the ledger with what the server holds.", rich_help_panel=MISMATCH)
]
Reset = Annotated[
    bool, typer.Option("--reset", help="Forget the ledger and send everything.", rich_help_panel=MISMATCH)
]


@app.command()
def load(
    paths: Paths = None,
    day: Day = None,
    start_date: StartDate = None,
    end_date: EndDate = None,
    full: Full = False,
    every_version: EveryVersion = False,
    vanished: VanishedIds = "keep",
    take_over: TakeOver = False,
    types: Types = None,
    exclude: Exclude = None,
    id_prefix: IdPrefix = "",
    dry_run: DryRun = False,
    no_aggregate: NoAggregate = False,
    fhir_base: FhirBaseOption = None,
    ledger: LedgerOption = None,
    batch_size: BatchSize = None,
    workers: Workers = None,
    wait: Wait = None,
    adopt: Adopt = False,
    reset: Reset = False,
    as_json: JsonOption = False,
) -> None:
    """Load a lake, or files, into a FHIR server: send only the resources that it does not have yet.

    Run it as often as you like: nothing is loaded twice, and an interrupted load continues where it stopped.
    Exit code 0 all is done, 1 something was rejected or failed, 2 wrong usage, 3 the server did not answer.

    Example: claims load --fhir-base http://127.0.0.1:8080/fhir --start-date 2025-01-01 --end-date 2025-01-31

    Example: claims load ./bulk-export
    """
    from claims_pipeline.load import LoadOptions

    options = LoadOptions(
        is_dry_run=dry_run,
        wait_for_lock=wait is True,
        on_mismatch=_on_mismatch(adopt=adopt, reset=reset),
        has_every_version=every_version,
        vanished=_vanished(vanished),
        take_over=take_over,
        types=_names("--types", types),
        exclude=_names("--exclude", exclude),
        id_prefix=id_prefix,
    )
    settings = settings_with(fhir_base_url=fhir_base, batch_size=batch_size, workers=workers)
    lake = _lake(paths, settings)
    days = _days(lake, asked_range(day, start_date, end_date), settings)
    load_it = _loader(lake, paths or [], days, options)
    with load_progress(settings) as on_progress:
        report = load_it(
            settings,
            full=full,
            ledger_path=ledger,
            wait=wait is not False,
            on_progress=on_progress,
            options=options,
        )
    finish(report, settings, as_json=as_json)
    if lake is not None and not no_aggregate and not dry_run and report.stopped is None:
        if report.interrupted is None:
            _aggregate(lake, settings, is_silent=as_json)
        else:
            typer.echo(f"{report.interrupted.message}: not aggregated\ntry: claims aggregate", err=True)
    raise typer.Exit(report.exit_code)


def _on_mismatch(*, adopt: bool, reset: bool) -> "OnMismatch":
    from claims_pipeline.load import OnMismatch

    if adopt and reset:
        raise ConfigError("--adopt and --reset exclude each other", fix="claims load --help")
    return OnMismatch.ADOPT if adopt else OnMismatch.RESET if reset else OnMismatch.REFUSE


def _names(option: str, text: str | None) -> frozenset[str]:
    """Return the names in a list that commas separate; none if the option is not given."""
    if text is None:
        return frozenset()
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise ConfigError(f"{option} names no resource type", fix=f"{option} Patient,Coverage, or leave it out")
    return names


def _days(
    lake: "Lake | None", asked: "tuple[date | None, date | None] | None", settings: Settings
) -> "list[date] | None":
    """Return the days to load, None for all.

    Raises:
        ConfigError: the lake lacks one of them, or there is no lake but files.
        DataError: there is nothing in the lake's place.
    """
    from claims_pipeline.lake import chosen_days

    if asked is None:
        return None
    if lake is None:
        raise ConfigError("--day, --start-date and --end-date choose days of a lake, not of files")
    return chosen_days(lake, *asked, output=None if lake.root == settings.lake_path else lake.root)


def _loader(
    lake: "Lake | None", paths: list[str], days: "list[date] | None", options: "LoadOptions"
) -> "Callable[..., LoadReport]":
    """Return the function that loads the lake, or the files if there is none.

    Raises:
        ConfigError: files are loaded with options that apply only to a lake.
    """
    from claims_pipeline.load import load_files, load_lake

    if lake is not None:
        return partial(load_lake, lake, days=days)
    if options.has_every_version:
        raise ConfigError("--every-version sends day after day of a lake; files have no days")
    return partial(load_files, paths)


def _lake(paths: list[str] | None, settings: Settings) -> "Lake | None":
    """Return the lake to load, None for files."""
    from claims_pipeline.lake import Lake
    from claims_pipeline.lake.feed import FEED_FILE

    if not paths:
        return Lake(settings.lake_path)
    first = Path(paths[0])
    if len(paths) == 1 and (first / FEED_FILE).exists():
        return Lake(first.absolute())
    return None


def _vanished(text: str) -> "Vanished":
    from claims_pipeline.load import Vanished

    try:
        return Vanished(text)
    except ValueError as error:
        raise ConfigError(f"--vanished: {text!r} is not one of {', '.join(Vanished)}") from error


def _aggregate(lake: "Lake", settings: Settings, *, is_silent: bool) -> None:
    from claims_pipeline import aggregate

    built = aggregate.build(lake, settings.analytics_path)
    if not is_silent:
        typer.echo(built.render())
