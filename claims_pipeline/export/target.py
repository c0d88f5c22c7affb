"""Where files go: outputs that are refused before anything is written, and folders that appear as a whole."""

import filecmp
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from claims_pipeline.errors import ConfigError
from claims_pipeline.export.formats import FORMATS, Format
from claims_pipeline.files import sync
from claims_pipeline.lake import read_feed

PARQUET = "parquet"
JSON_ENDINGS = (".json", ".json.gz")
OTHER_FILE_ENDINGS = (".ndjson", ".jsonl", ".parquet", ".csv", ".xml", ".gz", ".tgz", ".zip")
"""Endings of names that nobody means for a lake's folder."""


def chosen_format(output: Path, form: str | None, *, compress: bool) -> tuple[str, bool]:
    """Return the format of an output and whether it is compressed: as asked for, otherwise as its name says.

    Args:
        output: the lake, folder or file to write.
        form: `parquet` or one of FORMATS; None for one Bundle where the name ends in .json or .json.gz, else a lake.
        compress: whether compression was asked for; a Bundle whose name ends in .gz is compressed anyway.

    Raises:
        ConfigError: the name is that of another kind of file, or does not say that a Bundle is compressed, or Parquet
            should be compressed.
    """
    name = output.name.lower()
    if form is None and name.endswith(OTHER_FILE_ENDINGS) and not name.endswith(JSON_ENDINGS):
        raise ConfigError(
            "a lake is a folder, and this is the name of a file",
            where=str(output),
            fix="a name with .json or .json.gz at its end for one Bundle, or --format ndjson, bundles or parquet",
        )
    chosen = form or ("json" if name.endswith(JSON_ENDINGS) else PARQUET)
    if compress and chosen == PARQUET:
        raise ConfigError("--gzip is for ndjson, bundles and json; Parquet files are compressed already")
    is_packed = compress or (chosen == "json" and name.endswith(".gz"))
    if chosen == "json" and is_packed and not name.endswith(".gz"):
        raise ConfigError(
            "the name of a compressed Bundle ends in .gz",
            where=str(output),
            fix=f"--output {shlex.quote(f'{output}.gz')}",
        )
    return chosen, is_packed


def statistics_path(output: Path) -> Path:
    """Return `<output without .json or .json.gz>.stats.json`; the ending may be in any case."""
    ending = next((ending for ending in JSON_ENDINGS if output.name.lower().endswith(ending)), "")
    return output.with_name(f"{output.name[: len(output.name) - len(ending)]}.stats.json")


def require_target(output: Path, form: str) -> None:
    """Refuse an output that cannot be written or holds something else; nothing is left behind.

    Raises:
        ConfigError: the format is unknown, the output is not writable, is a lake, or holds other files.
    """
    if form != PARQUET and form not in FORMATS:
        raise ConfigError(f"unknown format {form!r}", fix=f"one of {PARQUET}, {', '.join(FORMATS)}")
    if not output.name:
        raise ConfigError("the output needs a name of its own", where=str(output), fix="choose a folder below it")
    _require_writable(output)
    if form == PARQUET:
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
def working_folder(output: Path, form: Format) -> Iterator[Path]:
    """Yield a folder beside `output`, in which a format is written to `<folder>/output`; it is removed at the end."""
    work = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        if form.is_folder:
            (work / "output").mkdir()
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def put_in_place(work: Path, output: Path) -> bool:
    """Replace `output` as a whole by `<work>/output`; return False, and leave it as it is, if the two are equal."""
    made = work / "output"
    if _are_equal(made, output):
        return False
    sync([made, *made.rglob("*")])
    if made.is_dir() and output.exists():
        output.replace(work / "before")
    made.replace(output)
    sync([output.parent])
    return True


def _are_equal(made: Path, output: Path) -> bool:
    """Return whether a file, or the files of a folder, have the same names and bytes as those of `output`."""
    if made.is_file():
        return output.is_file() and filecmp.cmp(made, output, shallow=False)
    if not output.is_dir():
        return False
    names = sorted(path.name for path in made.iterdir())
    if names != sorted(path.name for path in output.iterdir()):
        return False
    _, different, unreadable = filecmp.cmpfiles(made, output, names, shallow=False)
    return not different and not unreadable


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
