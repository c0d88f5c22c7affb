"""Where files go: outputs that are refused before anything is written, and folders that appear as a whole."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from claims_pipeline.errors import ConfigError
from claims_pipeline.export.formats import FORMATS, Format
from claims_pipeline.files import sync
from claims_pipeline.lake import read_feed


def statistics_path(output: Path) -> Path:
    """Return `<output without suffix>.stats.json`."""
    return output.with_name(f"{output.stem if output.suffix == '.json' else output.name}.stats.json")


def require_target(output: Path, form: str) -> None:
    """Refuse an output that cannot be written or holds something else; nothing is left behind.

    Raises:
        ConfigError: the format is unknown, the output is not writable, is a lake, or holds other files.
    """
    if form != "parquet" and form not in FORMATS:
        raise ConfigError(f"unknown format {form!r}", fix=f"one of parquet, {', '.join(FORMATS)}")
    if not output.name:
        raise ConfigError("the output needs a name of its own", where=str(output), fix="choose a folder below it")
    _require_writable(output)
    if form == "parquet":
        _require_lake_or_nothing(output)
        return
    if output.is_dir() and read_feed(output) is not None:
        raise ConfigError("the output is a lake", where=str(output), fix="choose another output, or --format parquet")
    chosen = FORMATS[form]
    if output.exists() and output.is_dir() != chosen.is_folder:
        kind = "a folder" if chosen.is_folder else "a file"
        raise ConfigError(f"{form} is written as {kind}", where=str(output), fix=f"choose {kind}")
    if output.is_dir() and (others := _others(output, chosen)):
        raise ConfigError(
            f"the output holds other files ({', '.join(sorted(others)[:3])})",
            where=str(output),
            fix="choose a new folder",
        )


@contextmanager
def replaced(output: Path, form: Format) -> Iterator[Path]:
    """Yield an empty folder beside `output` for work; what is written to `<folder>/output` replaces the output.

    A folder's files are replaced as a whole; an error leaves the output as it was.
    """
    work = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    made = work / "output"
    try:
        if form.is_folder:
            made.mkdir()
        yield work
        sync([made, *made.rglob("*")])
        if form.is_folder and output.exists():
            output.replace(work / "before")
        made.replace(output)
        sync([output.parent])
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _require_lake_or_nothing(output: Path) -> None:
    if output.is_file():
        raise ConfigError("the output is a file, a lake is a folder", where=str(output), fix="choose a folder")
    if output.is_dir() and read_feed(output) is None and any(output.iterdir()):
        raise ConfigError("the output holds other files and no lake", where=str(output), fix="choose a new folder")


def _require_writable(output: Path) -> None:
    """Make and remove a folder beside the output, and in it where it exists: the only sure way to know."""
    existing = next(folder for folder in (output.parent, *output.parent.parents) if folder.exists())
    for folder in (existing, output) if output.is_dir() else (existing,):
        probe = folder / f".{output.name}.{os.getpid()}.probe"
        try:
            probe.mkdir()
            probe.rmdir()
        except OSError as error:
            raise ConfigError(
                f"the output cannot be written: {error.strerror}", where=str(folder), fix="choose another output"
            ) from error


def _others(output: Path, form: Format) -> set[str]:
    return {path.name for path in output.iterdir()} - {path.name for path in output.glob(form.pattern)}
