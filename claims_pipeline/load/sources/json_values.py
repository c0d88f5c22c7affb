"""Reads JSON values one after another from a stream of text: NDJSON, one document, or several.

The values need not fit into memory together. After a value that is not JSON, reading
continues at the next line that begins with a brace.
"""

import json
import re
from collections.abc import Iterator

from claims_pipeline.fhir.canonical import Json, decode
from claims_pipeline.load.sources.unpacking import BrokenStream

LARGEST_VALUE = 16 * 1024 * 1024
"""Characters of one resource. More than any resource has without an embedded file, and little for server and loader."""

_SPACE = re.compile(r"[ \t\r\n\ufeff]*")  # with the byte order mark, which concatenated files also have inside
_OTHER_FORMATS = (
    ("<", "XML or HTML, only FHIR JSON is read"),
    ("\udcff\udcfe", "UTF-16, FHIR JSON is UTF-8"),
    ("\udcfe\udcff", "UTF-16, FHIR JSON is UTF-8"),
    ("PK\x03\x04", "a zip archive, name the file itself or unpack it first"),
    ("PAR1", "Parquet, only FHIR JSON is read"),
    ("BZh", "bzip2, unpack it first"),
    ("\udcfd7zXZ", "xz, unpack it first"),
    ("7z\udcbc\udcaf", "a 7z archive, unpack it first"),
)
"""First characters of other formats; bytes that are not UTF-8 are lone surrogates here."""

_REFILL = 1 << 22
_TOKEN_CHARACTERS = 16
"""Longer than any token except strings and numbers: an error this close to the end may come from the end."""


class Unreadable(Exception):
    """The text at the position is not valid; the reader has not moved."""


class JsonReader:
    """A position in a stream of text.

    Attributes:
        line: number of the line at the position, from 1.
        ending: why the stream ended early, or "".
    """

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self._text = ""
        self._at = 0
        self._is_ended = False
        self.line = 1
        self.ending = ""

    def skip_space(self) -> bool:
        """Move to the next character that is not white space; return whether there is one."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self.move_to(match.end() if match else self._at)
            if self._at < len(self._text):
                return True
            if not self._refill():
                return False

    def ahead(self, length: int) -> str:
        """Return the next characters, at most `length`; the position stays."""
        while len(self._text) - self._at < length and self._refill():
            pass
        return self._text[self._at : self._at + length]

    def take(self, character: str) -> bool:
        """Skip white space and one `character`, if it is the next one."""
        if self.skip_space() and self._text[self._at] == character:
            self.move_to(self._at + 1)
            return True
        return False

    def value(self) -> tuple[Json, int]:
        """Return the value that begins here and where it ends; the position stays.

        Raises:
            Unreadable: not JSON, not complete, or larger than `LARGEST_VALUE`.
        """
        while True:
            try:
                value, end = decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._is_ended or not self._may_be_cut(error):
                    raise Unreadable(self._reason(error)) from error
            except RecursionError as error:
                raise Unreadable("nested too deeply") from error
            except ValueError as error:
                raise Unreadable(f"not JSON: {error}") from error
            else:
                self._require_size(end - self._at)
                return value, end
            self._require_size(len(self._text) - self._at)
            self._refill()

    def move_to(self, end: int) -> None:
        """Move to the position `end`, which `value` returned."""
        self.line += self._text.count("\n", self._at, end)
        self._at = end

    def skip_to_next_value(self) -> bool:
        """Move to the next line that begins with a brace; return whether there is one."""
        self.move_to(min(self._at + 1, len(self._text)))
        while (found := self._text.find("\n{", self._at)) < 0:
            self.move_to(max(self._at, len(self._text) - 1))  # a line may end here
            if not self._refill():
                self.move_to(len(self._text))
                return False
        self.move_to(found + 1)
        return True

    def _refill(self) -> bool:
        """Read more text into the buffer and drop the text before the position; return whether there was more."""
        pieces, size = [self._text[self._at :]], 0
        while size < _REFILL and not self._is_ended:
            try:
                piece = next(self._texts)
            except StopIteration:
                self._is_ended = True
            except BrokenStream as error:
                self._is_ended, self.ending = True, str(error)
            else:
                pieces.append(piece)
                size += len(piece)
        self._text, self._at = "".join(pieces), 0
        return size > 0

    def _require_size(self, size: int) -> None:
        if size > LARGEST_VALUE:
            raise Unreadable(f"larger than {LARGEST_VALUE // 2**20} MB, the most that is loaded")

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - _TOKEN_CHARACTERS

    def _reason(self, error: json.JSONDecodeError) -> str:
        if self.ending and self._may_be_cut(error):
            reason, self.ending = self.ending, ""
            return reason
        for start, format_ in _OTHER_FORMATS:
            if self._text.startswith(start, self._at):
                return format_
        if (next_line := self._text.find("\n{", self._at, error.pos)) >= 0:
            return f"not JSON: it does not end before line {self._line_of(next_line + 1)}"
        column = error.pos - self._text.rfind("\n", 0, error.pos)
        return f"not JSON: {error.msg[0].lower()}{error.msg[1:]} (line {self._line_of(error.pos)}, column {column})"

    def _line_of(self, position: int) -> int:
        return self.line + self._text.count("\n", self._at, position)
