"""Options and arguments that several commands share, and the progress of a load on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from claims_pipeline.cli.app import err
from claims_pipeline.days import parse_day
from claims_pipeline.errors import ConfigError
from claims_pipeline.settings import Settings, load_settings

if TYPE_CHECKING:
    from claims_pipeline.load import OnProgress, Progress

LINE_SECONDS = 10.0
STAGE_WIDTH = 13
SPEED_WIDTH = 15
WIDE = 100

FhirBaseOption = Annotated[
    str | None,
    typer.Option("--fhir-base", help="Base address of the FHIR server.", show_default="the embedded server"),
]
LedgerOption = Annotated[
    Path | None,
    typer.Option("--hash-file", help="The ledger: what the server holds.", show_default="CLAIMS_HOME/ledger.sqlite"),
]


OPTION_NAMES = {"fhir_base_url": "--fhir-base", "dashboard_host": "--host", "dashboard_port": "--port"}
"""Options that have another name than their setting."""


def settings_with(**options: Any) -> Settings:
    """Return the settings, of which the options of a command override some (None means "not given").

    Raises:
        ConfigError: a value is not valid; the message names each option or variable.
    """
    return load_settings(named=option_name, **options)


def option_name(setting: str) -> str:
    """Return the option that overrides a setting."""
    return OPTION_NAMES.get(setting, f"--{setting.replace('_', '-')}")


def asked_range(day: str | None, start: str | None, end: str | None) -> tuple[date | None, date | None] | None:
    """Return the first and the last day that `--day`, `--start-date` and `--end-date` ask for.

    Returns:
        None if none of the options is given; within a range, None for an end that is open.

    Raises:
        ConfigError: they contradict each other, or one is no date.
    """
    if day is not None:
        if start is not None or end is not None:
            raise ConfigError("--day cannot be combined with --start-date and --end-date")
        return parsed_day("--day", day), parsed_day("--day", day)
    if start is None and end is None:
        return None
    first = None if start is None else parsed_day("--start-date", start)
    last = None if end is None else parsed_day("--end-date", end)
    if first and last and last < first:
        raise ConfigError(f"--end-date {last} lies before --start-date {first}")
    return first, last


def parsed_day(option: str, text: str) -> date:
    """Return the day that an option names.

    Raises:
        ConfigError: it is none.
    """
    try:
        return parse_day(text)
    except ValueError as error:
        raise ConfigError(f"{option} {error}") from error


@contextmanager
def load_progress(settings: Settings) -> Iterator["OnProgress"]:
    """Show the progress of a load, and why the embedded server does not answer; Ctrl-C and SIGTERM end it in order.

    Raises:
        Interrupted: a signal came while nothing was being sent; what was being sent ends with a report.
    """
    from claims_pipeline.load import ending_on_interrupt
    from claims_pipeline.server import with_reasons

    with ending_on_interrupt(), _shown() as on_progress:
        yield with_reasons(settings, on_progress, lambda line: err.print(line, markup=False))


@contextmanager
def _shown() -> Iterator["OnProgress"]:
    """Yield the callback that shows a bar on a terminal, elsewhere a line with each new stage, and every 10 s."""
    from claims_pipeline.load import Progress as Event
    from claims_pipeline.load import at_most_every

    if not err.is_terminal:
        yield at_most_every(LINE_SECONDS, lambda line: err.print(line, markup=False))
        return

    from rich.progress import BarColumn, Progress, TextColumn

    texts = (TextColumn(f"{{task.fields[{name}]}}", markup=False) for name in ("where", "detail"))
    stage = TextColumn("{task.description}", markup=False)
    with Progress(stage, BarColumn(bar_width=None), *texts, console=err, transient=True, expand=True) as bar:
        task = bar.add_task("", total=None, where="", detail="")

        def show(event: Event) -> None:
            bar.update(
                task,
                description=event.stage.ljust(STAGE_WIDTH),
                completed=event.settled,
                total=event.total or None,
                where=_where(event),
                detail=_detail(event),
            )

        yield show


def _where(event: "Progress") -> str:
    """Return the progress: both numbers if there is room for them, otherwise the share."""
    if not event.total:
        return f"{event.settled:,}" if event.settled else ""
    if err.width >= WIDE:
        return f"{event.settled:,}/{event.total:,}"
    return f"{event.settled / event.total:4.0%}"


def _detail(event: "Progress") -> str:
    """Return the speed while resources are sent, in a nearly constant width: the bar takes the rest."""
    if event.in_flight is None:
        return event.time_left
    speed = f"{event.speed:>{SPEED_WIDTH}}  {event.in_flight:>2} in flight"
    return f"{speed}  {event.retries:,} retries  {event.time_left:>9}"


LakeArgument = Annotated[Path | None, typer.Argument(show_default="the lake of CLAIMS_HOME", help="Folder of a lake.")]


def lake_folder(argument: Path | None, settings: Settings) -> Path:
    """Return the folder of the lake that a command is to read.

    Raises:
        ConfigError: a folder was named that is not there.
    """
    if argument is None:
        return settings.lake_path
    folder = argument.expanduser().absolute()
    if not folder.is_dir():
        raise ConfigError("there is no such folder", where=str(folder), fix="leave it out for the lake of CLAIMS_HOME")
    return folder
