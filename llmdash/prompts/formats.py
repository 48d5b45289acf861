"""File formats: how records are found in a file and read again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from llmdash.prompts.lines import BOM, MAX_LINE, Line, LineReader
from llmdash.prompts.records import RecordError
from llmdash.prompts.source import InputError

__all__ = [
    "Format",
    "JsonArray",
    "JsonLines",
    "PlainText",
    "RecordSpan",
    "TextSections",
    "decode_text",
    "line_spans",
    "too_deep",
]


class RecordSpan(NamedTuple):
    """One record as found: its first line, its byte offset, its bytes; or None and the `fault`."""

    line: int
    start: int
    data: bytes | None
    fault: str = ""


SEPARATOR = b"---"
"""The line that separates two prompts of several lines."""

_MOST_LEVELS = 500
"""Lists and objects within each other. How many Python can follow depends on its version; a file must not."""

_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
"""A whole string, or a bracket that stands outside of one."""

TOO_LONG = f"longer than {MAX_LINE // 1_000_000} MB; make it shorter"


class Format(Protocol):
    """A file format. `label` is part of the fingerprint; ids count records by line (`by_line`) or by
    position. With `from_text` every field is text. `of_json_lines` is True if a record is a line of JSON.
    """

    label: str
    by_line: bool
    from_text: bool
    of_json_lines: bool

    def spans(self, reader: LineReader) -> Iterator[RecordSpan]:
        """Yield the records of a file, in order. Raises InputError if it cannot be read at all."""

    def fields(self, data: bytes) -> Mapping[str, Any]:
        """Return the fields of one record. Raises RecordError."""


def decode_text(data: bytes) -> str:
    """Decode bytes as UTF-8. Raises RecordError that names the first bad byte; NUL is one, too."""
    if (place := data.find(b"\0")) >= 0:
        raise RecordError(f"not text: a NUL byte at position {place + 1}; remove it")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        bad = data[error.start]
        raise RecordError(
            f"not UTF-8: byte 0x{bad:02x} at position {error.start + 1}; save it as UTF-8"
        ) from None


def too_deep(data: bytes) -> bool:
    """Return True if JSON has more lists and objects within each other than can be followed."""
    if len(data) <= _MOST_LEVELS or data.count(b"[") + data.count(b"{") <= _MOST_LEVELS:
        return False
    level = 0
    for found in _BRACKETS.finditer(data):
        match found[0]:
            case b"[" | b"{":
                level += 1
                if level > _MOST_LEVELS:
                    return True
            case b"]" | b"}":
                level -= 1
    return False


def _malformed(error: msgspec.DecodeError) -> str:
    return f"malformed JSON: {str(error).removeprefix('JSON is malformed: ')}"


def _object(data: bytes) -> dict[str, Any]:
    if too_deep(data):
        raise RecordError("JSON nested too deeply")
    try:
        value = msgspec.json.decode(data)
    except UnicodeDecodeError:
        decode_text(data)
        raise RecordError("not UTF-8; save it as UTF-8") from None
    except RecursionError:
        raise RecordError("JSON nested too deeply") from None
    except msgspec.DecodeError as error:
        decode_text(data)
        raise RecordError(_malformed(error)) from None
    if isinstance(value, str):
        return {"prompt": value}
    if not isinstance(value, dict):
        raise RecordError('not a JSON object; write {"prompt": "..."}')
    return value


def line_spans(lines: Iterable[Line]) -> Iterator[RecordSpan]:
    """Yield a record a line, without its line end; empty lines are skipped."""
    for number, start, data in lines:
        if data is None:
            yield RecordSpan(number, start, None, TOO_LONG)
        elif data and not data.isspace():
            yield RecordSpan(number, start, data.rstrip(b"\r\n"))


class JsonLines:
    """One JSON object a line, or one text, which is a prompt; empty lines are skipped."""

    by_line = True
    from_text = False
    of_json_lines = True

    def __init__(self, label: str = "jsonl") -> None:
        self.label = label

    def spans(self, reader: LineReader) -> Iterator[RecordSpan]:
        return line_spans(reader)

    def fields(self, data: bytes) -> Mapping[str, Any]:
        return _object(data)


class JsonArray:
    """One JSON array of objects, or of texts, which are prompts.

    The file is held in memory while it is opened, not afterwards.
    """

    label = "json"
    by_line = False
    from_text = False
    of_json_lines = False

    _LARGEST = 512 * 1024 * 1024
    _PLACE = re.compile(r"\(byte (\d+)\)")
    _OPENING = re.compile(rb"(?:\xef\xbb\xbf)*\s*\[\s*")
    _BETWEEN = re.compile(rb"[\s,]*")

    def spans(self, reader: LineReader) -> Iterator[RecordSpan]:
        data = reader.rest(self._LARGEST)
        if data is None:
            raise InputError("a JSON array of more than 512 MB; write one object a line instead (.jsonl)")
        opening = self._OPENING.match(data)
        at = opening.end() if opening else 0
        line, counted = 1, 0
        for element in self._elements(data):
            between = self._BETWEEN.match(data, at)
            at = between.end() if between else at
            line += data.count(b"\n", counted, at)
            counted = at
            size = len(element)
            whole = data[at : at + size] if size <= MAX_LINE else None
            yield RecordSpan(line, at, whole, "" if whole is not None else TOO_LONG)
            at += size

    def _elements(self, data: bytes) -> list[msgspec.Raw]:
        skipped = 0
        while data.startswith(BOM, skipped):
            skipped += len(BOM)
        try:
            return msgspec.json.decode(memoryview(data)[skipped:], type=list[msgspec.Raw])
        except RecursionError:
            raise InputError("JSON nested too deeply") from None
        except UnicodeDecodeError as error:
            raise InputError(f"not UTF-8 ({error.reason}); save it as UTF-8") from None
        except msgspec.DecodeError as error:
            place = self._PLACE.search(str(error))
            line = data.count(b"\n", 0, int(place[1]) + skipped) + 1 if place else 1
            raise InputError(f"line {line}: {_malformed(error)}") from None

    def fields(self, data: bytes) -> Mapping[str, Any]:
        return _object(data)


class PlainText:
    """One prompt a line; empty lines are skipped."""

    label = "text"
    by_line = True
    from_text = False
    of_json_lines = False

    def spans(self, reader: LineReader) -> Iterator[RecordSpan]:
        return line_spans(reader)

    def fields(self, data: bytes) -> Mapping[str, Any]:
        return {"prompt": decode_text(data).strip()}


class TextSections:
    """Prompts of several lines, with lines `---` between them; empty ones are skipped."""

    label = "sections"
    by_line = True
    from_text = False
    of_json_lines = False

    def spans(self, reader: LineReader) -> Iterator[RecordSpan]:
        section = _Section()
        for line in reader:
            if line.data is not None and line.data.strip() == SEPARATOR:
                yield from section.close()
                section = _Section()
            else:
                section.add(line)
        yield from section.close()

    def fields(self, data: bytes) -> Mapping[str, Any]:
        return {"prompt": decode_text(data).replace("\r\n", "\n").replace("\r", "\n").strip()}


class _Section:
    """The lines between two separators; drops them when they grow too long."""

    def __init__(self) -> None:
        self._first: Line | None = None
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, line: Line) -> None:
        if self._first is None:
            if line.data is not None and not line.data.strip():
                return
            self._first = line
        self._size += MAX_LINE + 1 if line.data is None else len(line.data)
        if self._size > MAX_LINE:
            self._parts.clear()
        elif line.data is not None:
            self._parts.append(line.data)

    def close(self) -> Iterator[RecordSpan]:
        if self._first is None:
            return
        number, start, _ = self._first
        if self._size > MAX_LINE:
            yield RecordSpan(number, start, None, TOO_LONG)
        else:
            yield RecordSpan(number, start, b"".join(self._parts))
