"""Tables with a header: CSV with quoted line breaks, and TSV, where a quote is a character like any other."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, BinaryIO

from llmdash.prompts.formats import TOO_LONG, RecordSpan, decode_text
from llmdash.prompts.lines import MAX_LINE, Line, LineReader
from llmdash.prompts.records import RecordError
from llmdash.prompts.source import InputError

__all__ = ["DelimitedText", "looks_like_table", "read_table"]

_DELIMITERS = (",", ";", "\t")
_TAB = "\t"
_QUOTE = b'"'
_SEPARATOR = re.compile(rb"sep=(.)\s*")
_NAME = re.compile(r"[^\W\d][\w./()%#-]*(?: [\w./()%#-]+){0,3}")
_WHOLE = 64 * 1024  # bytes; a shorter head is all there is
_LOOKED_AT = 20  # rows that are compared to find out whether a text is a table


def _row(text: str, delimiter: str) -> list[str]:
    """The cells of one record. Raises RecordError."""
    if delimiter == _TAB:
        return text.split(_TAB)
    # The limit of a field is one for the whole process, and 128 kB unless raised.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE))
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise RecordError("a quote that opens here is never closed") from None
        raise RecordError(f"not readable as a table row: {error}") from None
    return rows[0] if rows else []


class DelimitedText:
    """Rows below a header, the first record, which names the fields; empty rows are skipped.

    So are a first line `sep=;`, by which Excel names the delimiter, and the header where it comes again, as
    it does where two tables were joined.
    """

    by_line = True
    from_text = True
    of_json_lines = False

    def __init__(self, columns: tuple[str, ...], delimiter: str, header: bytes) -> None:
        self.columns = columns
        self.delimiter = delimiter
        self.label = f"table {delimiter!r}"
        self._header = header

    def spans(self, reader: LineReader) -> Iterator[RecordSpan]:
        for span in _records(reader, self.delimiter):
            if span.data != self._header and not (span.line == 1 and _named_separator(span.data)):
                yield span

    def fields(self, data: bytes) -> Mapping[str, Any]:
        row = _row(decode_text(data), self.delimiter)
        if len(row) != len(self.columns):
            raise RecordError(f"cells in this row: {len(row)}, in the head of the table: {len(self.columns)}")
        return dict(zip(self.columns, row, strict=True))


def _records(reader: Iterable[Line], delimiter: str) -> Iterator[RecordSpan]:
    """The records of a table, header first. Only a line with a quote can continue in the next one."""
    lines = iter(reader)
    quotes = delimiter != _TAB
    for line in lines:
        if line.data is None:
            yield RecordSpan(line.number, line.start, None, TOO_LONG)
        elif quotes and _QUOTE in line.data:
            yield _quoted(line, line.data, lines, delimiter)
        elif line.data.strip():
            yield RecordSpan(line.number, line.start, line.data.rstrip(b"\r\n"))


def _quoted(first: Line, data: bytes, reader: Iterator[Line], delimiter: str) -> RecordSpan:
    """The record that begins with `data` in `first`, with the following lines inside its quotes."""
    parts = [data]
    last, size = first.number, len(data)

    def lines() -> Iterator[str]:
        nonlocal last, size
        yield data.decode(errors="replace")
        for line in reader:
            last = line.number
            size += MAX_LINE + 1 if line.data is None else len(line.data)
            if line.data is None or size > MAX_LINE:
                return
            parts.append(line.data)
            yield line.data.decode(errors="replace")

    # Errors in the row are reported when its cells are read; this only finds its end.
    with contextlib.suppress(csv.Error):
        next(csv.reader(lines(), delimiter=delimiter, strict=True))
    if size > MAX_LINE:
        return RecordSpan(first.number, first.start, None, f"from here to line {last}: {TOO_LONG}")
    return RecordSpan(first.number, first.start, b"".join(parts).rstrip(b"\r\n"))


def read_table(file: BinaryIO, delimiter: str | None = None) -> DelimitedText:
    """Return the table whose header is at the start of `file`. Raises InputError if there is none.

    Without `delimiter`, it is the one that a first line `sep=;` names, else the most frequent one of comma,
    semicolon and tab in the first line.
    """
    reader = LineReader(file)
    first = next(reader, None)
    if first is None:
        raise InputError("empty; a table needs a header and at least one row")
    named = _named_separator(first.data)
    found = named or delimiter or _most_frequent(first.data or b"")
    header = next(_records(reader if named else _chained(first, reader), found), None)
    if header is None:
        raise InputError("empty; a table needs a header and at least one row")
    if header.data is None:
        raise InputError(f"line {header.line}: the header is {header.fault}")
    try:
        columns = tuple(cell.strip() for cell in _row(decode_text(header.data), found))
    except RecordError as error:
        raise InputError(f"line {header.line}: {error}") from None
    _check_names(columns, header.line)
    return DelimitedText(columns, found, header.data)


def _chained(first: Line, rest: Iterator[Line]) -> Iterator[Line]:
    yield first
    yield from rest


def _check_names(columns: Sequence[str], line: int) -> None:
    seen: set[str] = set()
    for column in columns:
        if not column:
            raise InputError(f"line {line}: a column of the header has no name; name every column")
        if column in seen:
            raise InputError(f"line {line}: two columns are named {column[:80]!r}; rename one")
        seen.add(column)


def _named_separator(data: bytes | None) -> str | None:
    """The delimiter that a line `sep=;` names."""
    match = _SEPARATOR.fullmatch(data) if data is not None and len(data) < 16 else None
    return match[1].decode("ascii", "replace") if match else None


def _most_frequent(line: bytes) -> str:
    """The delimiter of a header: what stands in quotes is none."""
    bare = re.sub(rb'"[^"]*"', b"", line)
    return max(_DELIMITERS, key=lambda delimiter: bare.count(delimiter.encode()))


def looks_like_table(head: bytes, known: Collection[str]) -> bool:
    """True if a text begins with a header and rows of as many cells, or names its separator.

    A header is a line of different names, as programs write them. `known` are names that make a table of a
    single column, too: a prompt that is nothing but one of them is none.
    """
    lines = [
        Line(number, 0, data)
        for number, data in enumerate(head.splitlines(keepends=True), start=1)
        if number == 1 or data[-1:] in b"\r\n" or len(head) < _WHOLE  # the last one may have been cut
    ]
    if lines and _named_separator(lines[0].data):
        return True
    delimiter = _most_frequent(lines[0].data or b"") if lines else ""
    spans = islice(_records(lines, delimiter), _LOOKED_AT)
    try:
        rows = [_row((span.data or b"").decode("utf-8", "replace"), delimiter) for span in spans]
    except RecordError:
        return False
    if len(rows) < 2 or not _are_names(rows[0]):
        return False
    names = [name.strip() for name in rows[0]]
    if any(name.lower() in known for name in names):
        return True
    return 1 < len(names) == len(set(names)) and all(len(row) == len(names) for row in rows)


def _are_names(cells: Sequence[str]) -> bool:
    """True if each cell may be the name of a column; those of a sentence are not."""
    if any(cell.startswith(" ") for cell in cells) and any(" " in cell.strip() for cell in cells):
        return False
    return all(len(cell) <= 64 and _NAME.fullmatch(cell.strip()) for cell in cells)
