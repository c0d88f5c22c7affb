"""Unpacks gzip and decodes UTF-8, piece by piece, with a limit to what a small file may expand to."""

import codecs
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK_BYTES = 1 << 20
LARGEST_EXPANSION = 200
"""The largest ratio of unpacked to packed size above `ALWAYS_EXPANDED`: FHIR JSON reaches 10 to 60."""
ALWAYS_EXPANDED = 1 << 30

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WBITS = 31


class Readable(Protocol):
    """A file, or the member of an archive."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""


class BrokenStream(Exception):
    """A stream ended early or is damaged; what came before is valid."""


class ByteStream(io.RawIOBase):
    """A file object that reads chunks of bytes, forwards only."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        """Return True: it can be read."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read as much as there is at once, and fits; 0 at the end."""
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
class Limit:
    """How much may be unpacked of how much was read."""

    packed: int = 0
    plain: int = 0

    def add(self, plain: int) -> None:
        """Count unpacked bytes.

        Raises:
            BrokenStream: they are too many.
        """
        self.plain += plain
        if self.plain > max(ALWAYS_EXPANDED, LARGEST_EXPANSION * self.packed):
            raise BrokenStream(
                f"expands to more than {LARGEST_EXPANSION} times its size: unpack it yourself if you trust it"
            )

    def watched(self, stream: Readable) -> BinaryIO:
        """Return a stream whose bytes are counted as unpacked."""
        return io.BufferedReader(ByteStream(self._counted(stream)), CHUNK_BYTES)

    def _counted(self, stream: Readable) -> Iterator[bytes]:
        for chunk in _chunks(stream, CHUNK_BYTES):
            self.add(len(chunk))
            yield chunk


def broken(reason: str) -> Iterator[str]:
    """Yield no text and raise BrokenStream: the content of a document that cannot be read."""
    yield ""
    raise BrokenStream(reason)


def _chunks(stream: Readable, size: int) -> Iterator[bytes]:
    while chunk := stream.read(size):
        yield chunk


def unpacked(stream: Readable, size: int = 0) -> Iterator[bytes]:
    """Yield a stream's bytes, those inside if it is gzip, whatever its name; `size` of them at once."""
    chunks = _chunks(stream, size or CHUNK_BYTES)
    first = next(chunks, b"")
    everything = chain((first,), chunks)
    return _gunzipped(everything) if first.startswith(_GZIP_MAGIC) else everything


def _gunzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content of gzip members, at most `CHUNK_BYTES` at once."""
    member = zlib.decompressobj(_GZIP_WBITS)
    limit = Limit()
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


def decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield bytes as text; those that are not UTF-8 come as lone surrogates."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    try:
        for chunk in chunks:
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)
    except OSError as error:
        raise BrokenStream(f"cannot be read: {error.strerror}") from error
