"""Lines of a file with their number and offset, for files of any size and lines of any length."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

__all__ = ["BOM", "MAX_LINE", "Line", "LineReader", "LineRun"]

MAX_LINE = 64_000_000
"""The maximum size of a line, or of a record of several lines, in bytes."""

BOM = b"\xef\xbb\xbf"
_BLOCK = 1 << 20


class Line(NamedTuple):
    """A line with its line end. `data` is None if it is longer than MAX_LINE; `start` is a byte offset."""

    number: int
    start: int
    data: bytes | None


class LineRun(NamedTuple):
    """Lines that follow each other, as `Line` has them: the number and the offset of the first one, and the
    data of each.
    """

    number: int
    start: int
    data: Sequence[bytes]

    def lines(self) -> Iterator[Line]:
        """Yield the lines one by one."""
        start = self.start
        for number, data in enumerate(self.data, start=self.number):
            yield Line(number, start, data)
            start += len(data)


class LineReader:
    """Reads a file once, line by line, and computes its SHA-256.

    Lines end in LF, CR LF or CR. A byte order mark in front of a line is skipped: it is no text, and stands
    inside a file where two were joined.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._offset = 0
        self._number = 0
        self._lines = (
            line for run in self.runs() for line in (run.lines() if isinstance(run, LineRun) else (run,))
        )

    def __iter__(self) -> Iterator[Line]:
        return self._lines

    def __next__(self) -> Line:
        return next(self._lines)

    def runs(self) -> Iterator[LineRun | Line]:
        """Yield the lines in runs, as they arrive; one that is looked at more closely is by itself."""
        held = _Held()
        while block := self._file.read(_BLOCK):
            self._hash.update(block)
            pieces = block.splitlines(keepends=True)
            if held.size:
                if held.ends_in_cr and block[:1] != b"\n":
                    yield self._line(*held.taken())
                else:
                    held.add(pieces[0])
                    if len(pieces) == 1 and block[-1:] != b"\n":
                        continue
                    yield self._line(*held.taken())
                    del pieces[0]
            if pieces and block[-1:] != b"\n":
                held.add(pieces.pop())  # the next block may go on with it
            if BOM in block:
                yield from (self._line(raw, len(raw)) for raw in pieces)
            elif pieces:
                yield self._run(pieces)
        if held.size:
            yield self._line(*held.taken())

    def _run(self, pieces: list[bytes]) -> LineRun:
        run = LineRun(self._number + 1, self._offset, pieces)
        self._number += len(pieces)
        self._offset += sum(map(len, pieces))
        return run

    def _line(self, raw: bytes | None, size: int) -> Line:
        start = self._offset
        self._offset += size
        self._number += 1
        while raw is not None and raw.startswith(BOM):
            start, raw = start + len(BOM), raw[len(BOM) :]
        return Line(self._number, start, raw)

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


class _Held:
    """A line that arrives in blocks; what is too long is counted, not held."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0
        self.ends_in_cr = False

    def add(self, piece: bytes) -> None:
        """Add what a block has of the line."""
        self.size += len(piece)
        self.ends_in_cr = piece[-1:] == b"\r"
        if self.size > MAX_LINE + 2:
            self._parts.clear()
        else:
            self._parts.append(piece)

    def taken(self) -> tuple[bytes | None, int]:
        """Return the line, None if it is too long, and its size; then begin with another one."""
        found = (b"".join(self._parts) if self._parts else None), self.size
        self._parts, self.size, self.ends_in_cr = [], 0, False
        return found
