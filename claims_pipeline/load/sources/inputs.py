"""Files, folders and standard input as streams of text: gzip unpacked, UTF-8 decoded, nothing held as a whole."""

import codecs
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from claims_pipeline.errors import DataError
from claims_pipeline.load.resource import NAME_OF_STANDARD_INPUT

STANDARD_INPUT = "-"
SUFFIXES = (".ndjson", ".jsonl", ".json", ".ndjson.gz", ".jsonl.gz", ".json.gz")
"""Names of the files that are read from a folder; a file that is named itself may be called anything."""

CHUNK_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WBITS = 31


class BrokenStream(Exception):
    """A stream ended before its time; what came before is good."""


@dataclass(frozen=True)
class Input:
    """One file, or standard input; `name` is what a person is told."""

    name: str
    path: Path | None = None

    def texts(self) -> Iterator[str]:
        """Yield the content piece by piece; bytes that are not UTF-8 come as lone surrogates.

        Raises:
            BrokenStream: gzip data is damaged or ends early, or the file cannot be read.
        """
        try:
            if self.path is None:
                yield from _decoded(_unpacked(sys.stdin.buffer))
                return
            with self.path.open("rb") as stream:
                yield from _decoded(_unpacked(stream))
        except OSError as error:
            raise BrokenStream(f"cannot be read: {error.strerror}") from error


def inputs(paths: Sequence[str]) -> list[Input]:
    """Return what `paths` name, in order; a folder's files by name, with those of the folders in it.

    Raises:
        DataError: a path does not exist, or a folder has no FHIR file.
    """
    found: list[Input] = []
    for path in paths:
        if path == STANDARD_INPUT:
            found.append(Input(NAME_OF_STANDARD_INPUT))
        elif Path(path).is_dir():
            found += _in_folder(Path(path))
        elif Path(path).exists():
            found.append(Input(path, Path(path)))
        else:
            raise DataError(
                "there is no such file or folder",
                where=path,
                fix=f"name FHIR files, folders of them, or {STANDARD_INPUT} for standard input",
            )
    return found


def _in_folder(folder: Path) -> list[Input]:
    files = sorted(file for file in folder.rglob("*") if file.name.lower().endswith(SUFFIXES) and file.is_file())
    if not files:
        raise DataError("the folder holds no FHIR file", where=str(folder), fix=f"files end in {', '.join(SUFFIXES)}")
    return [Input(str(file), file) for file in files]


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


def _unpacked(stream: BinaryIO) -> Iterator[bytes]:
    """Yield a stream's bytes, those inside if it is gzip, whatever its name."""
    chunks = _chunks(stream)
    first = next(chunks, b"")
    everything = (chunk for part in ((first,), chunks) for chunk in part)
    return _gunzipped(everything) if first.startswith(_GZIP_MAGIC) else everything


def _gunzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what gzip members hold, at most `CHUNK_BYTES` at once however well they are packed."""
    member = zlib.decompressobj(_GZIP_WBITS)
    is_between_members = True
    for packed in chunks:
        rest = packed
        while rest:
            is_between_members = False
            plain = _decompressed(member, rest)
            yield plain
            rest = member.unconsumed_tail
            if member.eof:
                rest = member.unused_data.lstrip(b"\0")  # gzip allows padding
                member = zlib.decompressobj(_GZIP_WBITS)
                is_between_members = True
            elif not rest and len(plain) == CHUNK_BYTES:  # zlib may hold more output than it was asked for
                yield _decompressed(member, b"")
    if not is_between_members:
        raise BrokenStream("the gzip data ends early")


def _decompressed(member: "zlib._Decompress", packed: bytes) -> bytes:
    try:
        return member.decompress(packed, CHUNK_BYTES)
    except zlib.error as error:
        raise BrokenStream("the gzip data is damaged") from error


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    for chunk in chunks:
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)
