"""Tables with a header: CSV and TSV, quoted line breaks included."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from llmdash.prompts.formats import TOO_LONG, RecordSpan, decode_text
from llmdash.prompts.lines import MAX_LINE, Line, LineReader
from llmdash.prompts.records import RecordError
from llmdash.prompts.source import InputError

__all__ = ["DelimitedText", "read_table"]

_DELIMITERS = (",", ";", "\t")
_QUOTE = b'"'


def _row(text: str, delimiter: str) -> list[str]:
    """The cells of one record. Raises RecordError."""
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
    """Rows below a header, the first record, which names the fields; empty rows are skipped."""

    by_line = True

    def __init__(self, columns: tuple[str, ...], delimiter: str) -> None:
        self.columns = columns
        self.delimiter = delimiter
        self.label = f"table {delimiter!r}"

    def spans(self, reader: LineReader) -> Iterator[RecordSpan]:
        records = _records(reader, self.delimiter)
        next(records, None)
        return records

    def fields(self, data: bytes) -> Mapping[str, Any]:
        row = _row(decode_text(data), self.delimiter)
        if len(row) != len(self.columns):
            raise RecordError(f"{len(row)} cells in a table of {len(self.columns)} columns")
        return dict(zip(self.columns, row, strict=True))


def _records(reader: LineReader, delimiter: str) -> Iterator[RecordSpan]:
    """The records of a table, header first. Only a line with a quote can continue in the next one."""
    for line in reader:
        if line.data is None:
            yield RecordSpan(line.number, line.start, None, TOO_LONG)
        elif _QUOTE in line.data:
            yield _quoted(line, line.data, reader, delimiter)
        elif line.data.strip():
            yield RecordSpan(line.number, line.start, line.data.rstrip(b"\r\n"))


def _quoted(first: Line, data: bytes, reader: LineReader, delimiter: str) -> RecordSpan:
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

    Without `delimiter`, the most frequent one of comma, semicolon and tab in the first line is used.
    """
    found = delimiter or _sniff(file)
    header = next(_records(LineReader(file), found), None)
    if header is None:
        raise InputError("empty; a table needs a header and at least one row")
    if header.data is None:
        raise InputError(f"line {header.line}: the header is {header.fault}")
    try:
        columns = tuple(cell.strip() for cell in _row(decode_text(header.data), found))
    except RecordError as error:
        raise InputError(f"line {header.line}: {error}") from None
    for column in columns:
        if not column:
            raise InputError(f"line {header.line}: a column of the header has no name; name every column")
        if columns.count(column) > 1:
            raise InputError(f"line {header.line}: two columns are named {column[:80]!r}; rename one")
    return DelimitedText(columns, found)


def _sniff(file: BinaryIO) -> str:
    first = file.readline(MAX_LINE)
    file.seek(0)
    return max(_DELIMITERS, key=lambda delimiter: first.count(delimiter.encode()))
