"""What a stream of bytes yields, piece by piece: unpacked, decoded, and with an end."""

import gzip
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from claims_pipeline.load.sources import unpacking
from claims_pipeline.load.sources.inputs import Input, SkippedFiles
from claims_pipeline.load.sources.streams import Document, opened
from claims_pipeline.load.sources.unpacking import BrokenStream

PIECE = 1_000


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "CHUNK_BYTES", PIECE)


def documents(path: Path, content: bytes, *, is_scanned: bool = False) -> Iterator[Document]:
    path.write_bytes(content)
    return opened(Input(str(path), path, is_scanned), SkippedFiles())


def pieces(path: Path, content: bytes) -> list[str]:
    (found,) = [list(document.texts) for document in documents(path, content)]
    return found


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE])
def test_what_is_unpacked_is_whole_and_comes_in_pieces_of_a_largest_size(tmp_path: Path, size: int) -> None:
    text = "é".encode() * (size // 2) + b"x" * (size % 2)

    found = pieces(tmp_path / "a.gz", gzip.compress(text) + gzip.compress(b"end"))

    assert "".join(found) == text.decode() + "end"
    assert max(map(len, found)) <= PIECE
    assert "".join(pieces(tmp_path / "a", text)).encode(errors="surrogateescape") == text


@pytest.mark.parametrize(("size", "is_whole"), [(10 * PIECE, True), (10 * PIECE + 1, False)])
def test_the_limit_of_an_expansion_counts_everything_that_was_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, is_whole: bool
) -> None:
    monkeypatch.setattr(unpacking, "ALWAYS_EXPANDED", 10 * PIECE)
    monkeypatch.setattr(unpacking, "LARGEST_EXPANSION", 1)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.ndjson", " " * (size // 2))
        packed.writestr("b.ndjson", " " * (size - size // 2))

    for content in (gzip.compress(b" " * size), archive.getvalue()):
        texts = [text for document in documents(tmp_path / "a", content) for text in _read(document)]
        assert ("broken" not in texts) == is_whole


@pytest.mark.parametrize(("ratio", "is_whole"), [(2, True), (1, False)])
def test_a_large_file_may_expand_to_some_times_its_packed_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ratio: int, is_whole: bool
) -> None:
    content = bytes((n * n * 7919 % 251) % 61 + 33 for n in range(20 * PIECE))
    monkeypatch.setattr(unpacking, "ALWAYS_EXPANDED", PIECE)
    monkeypatch.setattr(unpacking, "LARGEST_EXPANSION", ratio)
    packed = gzip.compress(content, 0) if ratio == 2 else gzip.compress(content)
    assert len(packed) * ratio > len(content) if is_whole else len(packed) < len(content)

    texts = [text for document in documents(tmp_path / "a", packed) for text in _read(document)]

    assert ("broken" not in texts) == is_whole


def _read(document: Document) -> Iterator[str]:
    try:
        yield from document.texts
    except BrokenStream:
        yield "broken"


@pytest.mark.parametrize("is_scanned", [True, False])
def test_an_archive_is_opened_only_if_it_is_named_itself(tmp_path: Path, is_scanned: bool) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("b.ndjson", "2")
        packed.writestr("folder/a.ndjson", "1")
        packed.writestr("a.ndjson", "0")

    found = list(documents(tmp_path / "x", archive.getvalue(), is_scanned=is_scanned))

    names = [f"{tmp_path}/x"] if is_scanned else [f"{tmp_path}/x/{n}" for n in ("a", "b", "folder/a")]
    assert [document.name.removesuffix(".ndjson") for document in found] == names
    assert {document.is_scanned for document in found} == {True}


def test_a_character_that_is_cut_by_the_end_of_a_file_is_not_lost(tmp_path: Path) -> None:
    assert "".join(pieces(tmp_path / "a", b"x\xc3")) == "x\udcc3"
