"""Decides which files are read: those that are named, those of folders and archives by their names, standard input."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from claims_pipeline.errors import ConfigError, DataError
from claims_pipeline.lake.feed import FEED_FILE
from claims_pipeline.load.resource import NAME_OF_STANDARD_INPUT
from claims_pipeline.schema import CLAIMS

STANDARD_INPUT = "-"
SUFFIXES = (".ndjson", ".jsonl", ".json", ".ndjson.gz", ".jsonl.gz", ".json.gz")
"""Names of the files that are read from a folder or archive; a file that is named itself may be called anything."""

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
NAMES_SHOWN = 3

_KINDS = (
    ((".xml", ".xml.gz"), "XML, only FHIR JSON is read"),
    ((*ARCHIVES, ".7z", ".rar", ".tar.bz2", ".tar.xz"), "archives: name each of them to read it"),
)
_OTHER = "of other kinds"
_LINKED = "to folders: name each of them to read it"


@dataclass(frozen=True)
class Input:
    """One file, or standard input; `name` is its name in messages, `is_scanned` is true if it was found in a folder."""

    name: str
    path: Path | None = None
    is_scanned: bool = False


@dataclass
class SkippedFiles:
    """Files of folders and archives that are not read: how many of each kind, and the first names."""

    counts: Counter[str] = field(default_factory=Counter)
    names: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, kind: str = "") -> None:
        """Count a file; if no kind is given, its name decides."""
        kind = kind or _kind(name)
        self.counts[kind] += 1
        if len(self.names.setdefault(kind, [])) < NAMES_SHOWN:
            self.names[kind].append(name)

    def add_all(self, others: "SkippedFiles") -> None:
        """Count other skipped files too."""
        self.counts += others.counts
        for kind, names in others.names.items():
            self.names[kind] = [*self.names.get(kind, []), *names][:NAMES_SHOWN]

    def sentences(self) -> Iterator[str]:
        """Yield a sentence for each kind."""
        for kind, count in sorted(self.counts.items()):
            names = ", ".join(self.names[kind]) + (", ..." if count > NAMES_SHOWN else "")
            one = "link" if kind == _LINKED else "file"
            counted = f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"
            yield f"skipped {counted}{' ' if kind == _LINKED else ', '}{kind} ({names})"


def inputs(paths: Sequence[str], skipped: SkippedFiles | None = None) -> list[Input]:
    """Return the inputs that `paths` name, in order; the files of a folder and its subfolders by name.

    A subfolder that cannot be listed is an input too, which then cannot be read.

    Args:
        paths: files, folders, or "-" for standard input.
        skipped: the files of folders that are left out are added to it.

    Raises:
        ConfigError: a path is empty or does not exist, or there is a lake in a folder.
        DataError: a folder has no FHIR file.
    """
    found: list[Input] = []
    for path in paths:
        if not path:  # which `Path` takes for the current folder
            raise ConfigError("the name of a file or folder is empty", fix='name it, or "." for the current folder')
        if path == STANDARD_INPUT:
            found.append(Input(NAME_OF_STANDARD_INPUT))
        elif Path(path).is_dir():
            found += _in_folder(Path(path), SkippedFiles() if skipped is None else skipped)
        elif Path(path).exists():
            found.append(Input(path, Path(path)))
        else:
            raise ConfigError(
                "there is no such file or folder",
                where=path,
                fix=f"name FHIR files, folders of them, or {STANDARD_INPUT} for standard input",
            )
    return found


def is_read(name: str) -> bool:
    """Return whether a file of a folder or archive is read, by its name; hidden files are not."""
    return name.lower().endswith(SUFFIXES) and not PurePosixPath(name).name.startswith(".")


def _in_folder(folder: Path, skipped: SkippedFiles) -> list[Input]:
    unlisted: list[OSError] = []
    read, of_folder = [], SkippedFiles()
    for parent, folders, names in os.walk(folder, onerror=unlisted.append):
        folders.sort()
        if FEED_FILE in names and CLAIMS.name in folders:
            raise ConfigError(
                "this folder is a lake, which is loaded alone",
                where=parent,
                fix=f"claims load {parent}, and another load for the files",
            )
        for name in folders:
            if (linked := Path(parent, name)).is_symlink():
                of_folder.add(str(linked.relative_to(folder)), _LINKED)
        for name in sorted(names):
            file = Path(parent, name)
            if is_read(name) and (file.is_file() or not file.exists()):  # a link to nothing cannot be read
                read.append(file)
            else:
                of_folder.add(str(file.relative_to(folder)))
    skipped.add_all(of_folder)
    read = sorted([*read, *(Path(error.filename or folder) for error in unlisted)])
    if not read:
        also = "".join(f"; {sentence}" for sentence in of_folder.sentences())
        raise DataError(
            f"the folder holds no FHIR file{also}", where=str(folder), fix=f"files end in {', '.join(SUFFIXES)}"
        )
    return [Input(str(file), file, is_scanned=True) for file in read]


def _kind(name: str) -> str:
    return next((kind for suffixes, kind in _KINDS if name.lower().endswith(suffixes)), _OTHER)
