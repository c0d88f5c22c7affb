"""Opens files, archives and standard input as streams of text: unpacked and decoded, never in memory as a whole.

Members of an archive are read as they come, and never written to disk; their names are used in messages only.
"""

import io
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath
from typing import BinaryIO

from claims_pipeline.load.sources.inputs import Input, SkippedFiles, is_read
from claims_pipeline.load.sources.unpacking import BrokenStream, ByteStream, Limit, Readable, broken, decoded, unpacked

TAR_BYTES = 1 << 14
"""Bytes of a tar member that are read at once, and lost if the archive is cut there."""
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
_TAR_MAGIC_AT = slice(257, 262)
_TAR_MAGIC = b"ustar"
_LEADS_OUTSIDE = "whose names lead outside of their archive"
_NO_FILES = "that are links or devices in an archive"


@dataclass(frozen=True)
class Document:
    """One file, or member of an archive.

    Attributes:
        name: its name in messages.
        texts: the content piece by piece, to be read before the next document is asked for; bytes that are not UTF-8
            come as lone surrogates. Raises BrokenStream where it is damaged, ends early or cannot be read.
        is_scanned: whether it was found in a folder or an archive.
    """

    name: str
    texts: Iterator[str]
    is_scanned: bool


def opened(source: Input, skipped: SkippedFiles) -> Iterator[Document]:
    """Yield an input as a document, or each member of an archive that is read by its name."""
    try:
        if source.path is None:
            yield from _of_stream(source, sys.stdin.buffer, skipped)
            return
        with source.path.open("rb") as stream:
            if not source.is_scanned and stream.read(4) in _ZIP_MAGICS:
                yield from _of_zip(source.name, stream, skipped)
                return
            stream.seek(0)
            yield from _of_stream(source, stream, skipped)
    except OSError as error:
        yield Document(source.name, broken(f"cannot be read: {error.strerror}"), source.is_scanned)


def _of_stream(source: Input, stream: BinaryIO, skipped: SkippedFiles) -> Iterator[Document]:
    chunks = unpacked(stream)
    try:
        head, chunks = _with_head(chunks)
    except BrokenStream as error:
        yield Document(source.name, broken(str(error)), source.is_scanned)
        return
    if head[_TAR_MAGIC_AT] == _TAR_MAGIC and not source.is_scanned:
        yield from _of_tar(source.name, chunks, skipped)
    else:
        yield Document(source.name, decoded(chunks), source.is_scanned)


def _with_head(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes, enough to recognise a tar archive, and all chunks."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _TAR_MAGIC_AT.stop:
            break
    return head, chain((head,), chunks)


def _of_zip(name: str, stream: BinaryIO, skipped: SkippedFiles) -> Iterator[Document]:
    stream.seek(0)
    try:
        archive = zipfile.ZipFile(stream)
        limit = Limit(packed=stream.seek(0, io.SEEK_END))
        for member in sorted(archive.infolist(), key=lambda one: one.filename):
            if not member.is_dir() and _is_member_read(name, member.filename, skipped):
                yield Document(_path_in(name, member.filename), decoded(_of_member(archive, member, limit)), True)
    except (zipfile.BadZipFile, ValueError) as error:
        del error  # its words may quote a member
        yield Document(name, broken("the zip archive is damaged, or cut short"), False)


def _of_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: "Limit") -> Iterator[bytes]:
    try:
        with archive.open(member) as content:
            yield from unpacked(limit.watched(content))
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise BrokenStream("this member of the zip archive is damaged") from error
    except (RuntimeError, NotImplementedError) as error:  # zipfile's words for a password, and for a rare method
        raise BrokenStream("this member of the zip archive is encrypted, or packed in a way not known") from error


def _of_tar(name: str, chunks: Iterator[bytes], skipped: SkippedFiles) -> Iterator[Document]:
    try:
        with tarfile.open(fileobj=io.BufferedReader(ByteStream(chunks)), mode="r|") as archive:
            for member in archive:
                if member.isdir():
                    continue
                if not member.isreg():
                    skipped.add(_path_in(name, member.name), _NO_FILES)
                elif _is_member_read(name, member.name, skipped):
                    content = archive.extractfile(member)
                    assert content is not None  # a regular file has content  # noqa: S101
                    yield Document(_path_in(name, member.name), decoded(_of_tar_member(content)), True)
    except tarfile.TarError:
        yield Document(name, broken("the tar archive is damaged, or cut short"), False)
    except BrokenStream as error:
        yield Document(name, broken(str(error)), False)


def _of_tar_member(content: Readable) -> Iterator[bytes]:
    try:
        yield from unpacked(content, TAR_BYTES)
    except tarfile.TarError as error:
        raise BrokenStream("the tar archive is damaged, or cut short") from error


def _is_member_read(archive: str, member: str, skipped: SkippedFiles) -> bool:
    path = PurePosixPath(member.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        skipped.add(_path_in(archive, path.name), _LEADS_OUTSIDE)
        return False
    if not is_read(member):
        skipped.add(_path_in(archive, member))
        return False
    return True


def _path_in(archive: str, member: str) -> str:
    """Return the name of a member as it may be shown on a terminal."""
    return f"{archive}/{''.join(character if character.isprintable() else '?' for character in member)}"
