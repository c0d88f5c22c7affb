"""Reports of runs: as text for the terminal and as JSON files under `runs/`."""

import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar, Protocol

from claims_pipeline.errors import DataError
from claims_pipeline.files import make_private_folder, write_atomically

WIDER_THAN_ANY_TABLE = 10_000


class Report(Protocol):
    """An immutable report of one run."""

    kind: ClassVar[str]

    def render(self) -> str:
        """Return the lines that a person reads."""

    def to_json(self) -> dict[str, Any]:
        """Return the same facts as JSON values."""


def aligned(rows: list[tuple[str, str]]) -> str:
    """Return pairs of label and value as lines, with the values aligned in a column."""
    width = max((len(label) for label, _ in rows), default=0)
    return "\n".join(f"{label:<{width}}  {value}".rstrip() for label, value in rows)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as text: a header and rows, the first column aligned left, the others, numbers, right.

    Lines are not wrapped or shortened to the terminal's width, and have no colours, because they may go to a log.
    """
    from rich.console import Console
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="")
    for number, name in enumerate(header):
        grid.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        grid.add_row(*row)
    text = StringIO()
    Console(file=text, width=WIDER_THAN_ANY_TABLE, color_system=None, highlight=False, markup=False).print(grid)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def save_report(report: Report, folder: Path) -> Path:
    """Write a report as `<folder>/<UTC time>-<kind>-<random>.json`, for its owner only, and return the file.

    Raises:
        DataError: the folder cannot be written.
    """
    try:
        return _save(report, folder)
    except OSError as error:
        raise DataError(
            f"the report cannot be kept: {error.strerror}", where=str(folder), fix="make room or make it writable"
        ) from error


def _save(report: Report, folder: Path) -> Path:
    make_private_folder(folder)
    at = datetime.now(UTC)
    file = folder / f"{at:%Y%m%dT%H%M%SZ}-{report.kind}-{secrets.token_hex(3)}.json"
    body = {"kind": report.kind, "finished_at": at.isoformat(timespec="seconds")} | report.to_json()
    write_atomically(file, json.dumps(body, indent=2).encode() + b"\n", owner_only=True)
    return file
