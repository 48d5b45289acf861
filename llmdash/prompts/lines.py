"""Lines of a file with their number and offset, for files of any size and lines of any length."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

__all__ = ["MAX_LINE", "Line", "LineReader"]

MAX_LINE = 1_000_000
"""The maximum size of a line, or of a record of several lines, in bytes."""

_BOM = b"\xef\xbb\xbf"
_BLOCK = 1 << 20


class Line(NamedTuple):
    """A line with its line end. `data` is None if it is longer than MAX_LINE; `start` is a byte offset."""

    number: int
    start: int
    data: bytes | None


class LineReader:
    """Reads a file once, line by line, and computes its SHA-256. A byte order mark is skipped."""

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
        """Return everything that was not read yet; None if that is more than `most` bytes."""
        data = self._file.read(most + 1)
        self._hash.update(data)
        self._offset += len(data)
        return data if len(data) <= most else None

    def digest(self) -> bytes:
        """Return the SHA-256 of the whole file; reads the rest of it."""
        while block := self._file.read(_BLOCK):
            self._hash.update(block)
        return self._hash.digest()
