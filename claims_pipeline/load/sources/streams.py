"""Opens files, archives and standard input as streams of text: unpacked and decoded, never in memory as a whole.

Members of an archive are read as they come, and never written to disk; their names are used in messages only.

Longer than other modules: the formats share their unpacking and its limit.
"""

import codecs
import io
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Protocol

from claims_pipeline.load.sources.inputs import Input, SkippedFiles, is_read

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK_BYTES = 1 << 20
TAR_BYTES = 1 << 14
"""Bytes of a tar member that are read at once, and lost if the archive is cut there."""
LARGEST_EXPANSION = 200
"""The largest ratio of unpacked to packed size above `ALWAYS_EXPANDED`: FHIR JSON reaches 10 to 60."""
ALWAYS_EXPANDED = 1 << 30

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WBITS = 31
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
_TAR_MAGIC_AT = slice(257, 262)
_TAR_MAGIC = b"ustar"
_LEADS_OUTSIDE = "whose names lead outside of their archive"
_NO_FILES = "that are links or devices in an archive"


class Readable(Protocol):
    """A file, or the member of an archive."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""


class BrokenStream(Exception):
    """A stream ended early or is damaged; what came before is valid."""


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
        yield Document(source.name, _broken(f"cannot be read: {error.strerror}"), source.is_scanned)


def _of_stream(source: Input, stream: BinaryIO, skipped: SkippedFiles) -> Iterator[Document]:
    chunks = _unpacked(stream)
    try:
        head, chunks = _with_head(chunks)
    except BrokenStream as error:
        yield Document(source.name, _broken(str(error)), source.is_scanned)
        return
    if head[_TAR_MAGIC_AT] == _TAR_MAGIC and not source.is_scanned:
        yield from _of_tar(source.name, chunks, skipped)
    else:
        yield Document(source.name, _decoded(chunks), source.is_scanned)


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
        limit = _Limit(packed=stream.seek(0, io.SEEK_END))
        for member in sorted(archive.infolist(), key=lambda one: one.filename):
            if not member.is_dir() and _is_member_read(name, member.filename, skipped):
                yield Document(_path_in(name, member.filename), _decoded(_of_member(archive, member, limit)), True)
    except (zipfile.BadZipFile, ValueError) as error:
        del error  # its words may quote a member
        yield Document(name, _broken("the zip archive is damaged, or cut short"), False)


def _of_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: "_Limit") -> Iterator[bytes]:
    try:
        with archive.open(member) as content:
            yield from _unpacked(limit.watched(content))
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise BrokenStream("this member of the zip archive is damaged") from error
    except (RuntimeError, NotImplementedError) as error:  # zipfile's words for a password, and for a rare method
        raise BrokenStream("this member of the zip archive is encrypted, or packed in a way not known") from error


def _of_tar(name: str, chunks: Iterator[bytes], skipped: SkippedFiles) -> Iterator[Document]:
    try:
        with tarfile.open(fileobj=io.BufferedReader(_Chunks(chunks)), mode="r|") as archive:
            for member in archive:
                if member.isdir():
                    continue
                if not member.isreg():
                    skipped.add(_path_in(name, member.name), _NO_FILES)
                elif _is_member_read(name, member.name, skipped):
                    content = archive.extractfile(member)
                    assert content is not None  # a regular file has content  # noqa: S101
                    yield Document(_path_in(name, member.name), _decoded(_of_tar_member(content)), True)
    except tarfile.TarError:
        yield Document(name, _broken("the tar archive is damaged, or cut short"), False)
    except BrokenStream as error:
        yield Document(name, _broken(str(error)), False)


def _of_tar_member(content: Readable) -> Iterator[bytes]:
    try:
        yield from _unpacked(content, TAR_BYTES)
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


class _Chunks(io.RawIOBase):
    """A file object that reads chunks of bytes, forwards only."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        while not self._rest:
            piece = next(self._chunks, None)
            if piece is None:
                return 0
            self._rest = piece
        size = min(len(view), len(self._rest))
        view[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


@dataclass
class _Limit:
    """Counts packed and unpacked bytes, and raises BrokenStream above the limit."""

    packed: int = 0
    plain: int = 0

    def add(self, plain: int) -> None:
        self.plain += plain
        if self.plain > max(ALWAYS_EXPANDED, LARGEST_EXPANSION * self.packed):
            raise BrokenStream(
                f"expands to more than {LARGEST_EXPANSION} times its size: unpack it yourself if you trust it"
            )

    def watched(self, stream: Readable) -> BinaryIO:
        return io.BufferedReader(_Chunks(self._counted(stream)), CHUNK_BYTES)

    def _counted(self, stream: Readable) -> Iterator[bytes]:
        for chunk in _chunks(stream, CHUNK_BYTES):
            self.add(len(chunk))
            yield chunk


def _broken(reason: str) -> Iterator[str]:
    yield ""
    raise BrokenStream(reason)


def _chunks(stream: Readable, size: int) -> Iterator[bytes]:
    while chunk := stream.read(size):
        yield chunk


def _unpacked(stream: Readable, size: int = 0) -> Iterator[bytes]:
    """Yield a stream's bytes, those inside if it is gzip, whatever its name; `size` of them at once."""
    chunks = _chunks(stream, size or CHUNK_BYTES)
    first = next(chunks, b"")
    everything = chain((first,), chunks)
    return _gunzipped(everything) if first.startswith(_GZIP_MAGIC) else everything


def _gunzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content of gzip members, at most `CHUNK_BYTES` at once."""
    member = zlib.decompressobj(_GZIP_WBITS)
    limit = _Limit()
    is_between_members = True
    for packed in chunks:
        limit.packed += len(packed)
        rest = packed
        while rest:
            if is_between_members:
                rest = rest.lstrip(b"\0")  # padding, which may be long
                if not rest:
                    break
            is_between_members = False
            plain = _decompressed(member, rest)
            limit.add(len(plain))
            yield plain
            rest = member.unconsumed_tail
            if member.eof:
                rest = member.unused_data
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
    try:
        for chunk in chunks:
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)
    except OSError as error:
        raise BrokenStream(f"cannot be read: {error.strerror}") from error
