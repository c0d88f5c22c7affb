"""The `claims` application, and what every command shares."""

import json
import sys
from contextvars import ContextVar
from typing import Annotated, Any

import typer
from rich.console import Console

from claims_pipeline import __version__
from claims_pipeline.errors import ClaimsPipelineError, DataError
from claims_pipeline.reports import Report, save_report
from claims_pipeline.settings import Settings

app = typer.Typer(
    name="claims",
    help="A daily feed of synthetic US health-insurance claims: generated, loaded into FHIR, aggregated, charted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_has_answered: ContextVar[bool] = ContextVar("_has_answered", default=False)

JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"claims_pipeline {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Options that stand before the command."""


def print_json(value: Any) -> None:
    """Print one JSON document on standard output, without colours or wrapping."""
    _has_answered.set(True)
    typer.echo(json.dumps(value, indent=2, default=str))


def print_error(error: ClaimsPipelineError, *, as_json: bool) -> None:
    """Print an error on standard error; also as JSON if that was asked for and standard output has no answer yet."""
    sys.stderr.write(error.render() + "\n")
    if as_json and not _has_answered.get():
        print_json({"error": error.to_json()})


def require_confirmation(question: str, *, yes: bool) -> None:
    """Ask a question on the terminal, unless `yes`.

    Raises:
        ClaimsPipelineError: the answer is no, or there is none.
    """
    if yes:
        return
    try:
        if typer.confirm(question, err=True):
            return
    except typer.Abort as ended:
        if isinstance(ended.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from ended
        is_line_ended = False
    else:
        is_line_ended = sys.stdin.isatty()
    if not is_line_ended:
        typer.echo(err=True)
    raise ClaimsPipelineError("it was not confirmed, so nothing was done", fix="answer y, or give --yes")


def show(answer: Report, *, as_json: bool) -> None:
    """Print an answer as lines, or as JSON."""
    if as_json:
        print_json(answer.to_json())
    else:
        typer.echo(answer.render())


def finish(report: Report, settings: Settings, *, as_json: bool) -> None:
    """Print a report and keep it under `runs/`; an error while saving it does not change the result."""
    show(report, as_json=as_json)
    try:
        save_report(report, settings.runs_path)
    except DataError as error:
        err.print(error.render().replace("error:", "warning:", 1), markup=False)
