"""Lines of a file with their number and place, however large the file or hostile the line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

__all__ = ["MAX_LINE", "Line", "LineReader"]

MAX_LINE = 1_000_000
"""Bytes a line, or a record of several lines, may have."""

_BOM = b"\xef\xbb\xbf"
_BLOCK = 1 << 20


class Line(NamedTuple):
    """A line with its line end. `data` is None if it is longer than MAX_LINE; `start` is a byte offset."""

    number: int
    start: int
    data: bytes | None


class LineReader:
    """Reads a file once, line by line, and takes its SHA-256 on the way. A byte order mark is passed over."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._offset = 0
        self._number = 0

    def __iter__(self) -> Iterator[Line]:
        return self

    def __next__(self) -> Line:
        raw = self._file.readline(MAX_LINE + 2)
        if not raw:
            raise StopIteration
        self._hash.update(raw)
        start = self._offset
        self._offset += len(raw)
        self._number += 1
        if self._number == 1 and raw.startswith(_BOM):
            start, raw = start + len(_BOM), raw[len(_BOM) :]
        if raw[-1:] != b"\n" and len(raw) > MAX_LINE:
            self._skip_line()
            return Line(self._number, start, None)
        return Line(self._number, start, raw)

    def _skip_line(self) -> None:
        while True:
            raw = self._file.readline(_BLOCK)
            self._hash.update(raw)
            self._offset += len(raw)
            if not raw or raw.endswith(b"\n"):
                return

    def rest(self, most: int) -> bytes | None:
        """Everything that was not read yet; None if that is more than `most` bytes."""
        data = self._file.read(most + 1)
        self._hash.update(data)
        self._offset += len(data)
        return data if len(data) <= most else None

    def digest(self) -> bytes:
        """The SHA-256 of the whole file; what was not read yet is passed over."""
        while block := self._file.read(_BLOCK):
            self._hash.update(block)
        return self._hash.digest()
