"""A file of the lake with what a day must know of all people, so that each day need not draw them anew.

It holds nothing that does not follow from the feed: a day has the same rows without it, and a lake may lose it.
"""

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.files import write_atomically
from claims_pipeline.lake import Feed

PEOPLE_FILE = "people.npz"

DAMAGE = (
    *(EOFError, KeyError, ValueError, MemoryError, NotImplementedError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What NumPy and zipfile raise for a file with wrong bytes; some of them name an unknown method or a password."""

Arrays = Mapping[str, NDArray[Any]]

_files: dict[Feed, Path] = {}


def use_people_file(root: Path, feed: Feed) -> None:
    """Let `kept` read what the lake at `root` has of the people of a feed."""
    _files[feed] = root / PEOPLE_FILE


def kept(feed: Feed, names: Iterable[str]) -> Arrays | None:
    """Return the arrays of some names, or None if no lake in use has a file with them that can be read.

    A damaged file is removed, so that the next day that is written makes it anew.
    """
    path = _files.get(feed)
    if path is None:
        return None
    try:
        with path.open("rb") as stream, np.load(stream) as file:
            if str(file["feed"]) == _name_of(feed):
                return {name: file[name] for name in names}
    except OSError:
        return None
    except DAMAGE:
        pass
    with suppress(OSError):
        path.unlink()
    return None


def has_people_file(root: Path) -> bool:
    """Return whether the lake at `root` has the file."""
    return (root / PEOPLE_FILE).exists()


def keep(root: Path, feed: Feed, arrays: Arrays) -> None:
    """Write the file into the lake at `root`; where it cannot be written, the lake goes without it."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, feed=np.array(_name_of(feed)), **arrays)
    with suppress(OSError):
        write_atomically(root / PEOPLE_FILE, content.getvalue())


def _name_of(feed: Feed) -> str:
    return feed.model_dump_json()
