"""Values from a stream of text that comes in pieces, and where reading continues after what is not JSON."""

from collections.abc import Iterator

import pytest

from claims_pipeline.load.sources import json_values
from claims_pipeline.load.sources.json_values import JsonReader, Unreadable
from claims_pipeline.load.sources.unpacking import BrokenStream

BAD = '{"a" is not JSON, and long enough not to be taken for the end of a piece}'


@pytest.fixture(autouse=True)
def _a_piece_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_values, "_REFILL", 1)


def after_a_bad_value(*pieces: str) -> JsonReader:
    reader = JsonReader(iter(pieces))
    assert reader.skip_space()
    with pytest.raises(Unreadable, match=r"^not JSON: .* \(line 1, column 6\)$"):
        reader.value()
    return reader


@pytest.mark.parametrize("pieces", [(BAD + "\n", "{}"), (BAD, "\n{}"), (BAD + "\n{}",), (BAD, "\n", "", "{}")])
def test_the_next_value_is_found_wherever_its_line_is_cut(pieces: tuple[str, ...]) -> None:
    reader = after_a_bad_value(*pieces)

    assert reader.skip_to_next_value()
    assert reader.line == 2
    assert reader.value() == ({}, reader._at + 2)


def test_lines_that_begin_with_something_else_are_passed_and_counted() -> None:
    reader = after_a_bad_value(BAD + "\n[1]\n", " {}\n", "{}")

    assert reader.skip_to_next_value()
    assert reader.line == 4


def test_after_the_last_value_there_is_none() -> None:
    reader = after_a_bad_value(BAD + "\n[]\n", "\n")

    assert not reader.skip_to_next_value()
    assert not reader.skip_space()
    assert reader.line == 4


def test_looking_ahead_reads_no_more_pieces_than_it_needs() -> None:
    read: list[str] = []

    def pieces() -> Iterator[str]:
        for piece in ("abc", "def", "ghi"):
            read.append(piece)
            yield piece

    reader = JsonReader(pieces())

    assert reader.ahead(3) == "abc"
    assert read == ["abc"]
    assert reader.ahead(4) == "abcd"
    assert read == ["abc", "def"]
    assert reader.ahead(100) == "abcdefghi"
    assert reader.take("a")
    assert not reader.take("a")


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_value_that_is_cut_anywhere_is_read_whole(cut: int) -> None:
    text = '{"a": [true, "x\\u00e9y", -12.5e3, null]}'

    value, end = JsonReader(iter((text[:cut], text[cut:]))).value()

    assert (list(value), end) == (["a"], len(text))


@pytest.mark.parametrize(("size", "is_read"), [(100, True), (101, False)])
@pytest.mark.parametrize("has_end", [True, False])
def test_a_value_has_a_largest_size(monkeypatch: pytest.MonkeyPatch, size: int, is_read: bool, has_end: bool) -> None:
    monkeypatch.setattr(json_values, "LARGEST_VALUE", 100)
    text = '"' + "x" * (size - 2) + '"'
    reader = JsonReader(iter((text,) if has_end else (text[:-1], text[-1])))

    if is_read:
        assert reader.value()[1] == size
    else:
        with pytest.raises(Unreadable, match="larger than"):
            reader.value()


def test_a_stream_that_breaks_off_inside_a_value_is_the_reason_once() -> None:
    def pieces() -> Iterator[str]:
        yield '{"a": "b'
        raise BrokenStream("the disk is gone")

    reader = JsonReader(pieces())

    with pytest.raises(Unreadable, match=r"^the disk is gone$"):
        reader.value()
    assert reader.ending == ""


def test_what_is_wrong_before_the_break_of_a_stream_has_its_own_reason() -> None:
    def pieces() -> Iterator[str]:
        yield BAD + "\n"
        raise BrokenStream("the disk is gone")

    reader = JsonReader(pieces())
    reader.ahead(1_000)

    with pytest.raises(Unreadable, match=r"^not JSON"):
        reader.value()
    assert reader.ending == "the disk is gone"


def test_a_value_without_an_end_names_the_line_where_the_next_begins() -> None:
    reader = JsonReader(iter(('\n{"a": [1,\n  2,\n{"b": 1}\n and more text after it\n',)))
    reader.skip_space()

    with pytest.raises(Unreadable, match=r"^not JSON: it does not end before line 4$"):
        reader.value()


def test_line_and_column_of_an_error_are_those_of_the_file() -> None:
    reader = JsonReader(iter(('{}\n\n{"a": 1,\n "b" 2, and more text after it}\n',)))
    _, end = reader.value()
    reader.move_to(end)
    reader.skip_space()

    with pytest.raises(Unreadable, match=r"^not JSON: expecting ':' delimiter \(line 4, column 6\)$"):
        reader.value()
