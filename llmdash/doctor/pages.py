"""A reader of SQLite's file format that takes rows from the pages of a damaged file one by one.

https://www.sqlite.org/fileformat.html: 1.6 (b-tree pages), 2.1 (records), 4 (the write-ahead log). No
byte is trusted: a page or a row that makes no sense is left out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["RawRow", "raw_rows"]

_SIZE = 4096  # bytes of a page
_TABLE_LEAF, _INDEX_LEAF, _INDEX_INNER = 0x0D, 0x0A, 0x02
_LOCAL_TABLE, _LOCAL_INDEX, _LOCAL_LEAST = _SIZE - 35, (_SIZE - 12) * 64 // 255 - 23, 489
_LOG_HEADER, _FRAME_HEADER = 32, 24
_MOST_COLUMNS = 64
_LONGEST = 64 * 1024 * 1024  # bytes of a row
_WIDTHS = (0, 1, 2, 3, 4, 6, 8)  # of the integers with types 0 to 6

Value = str | bytes | int | float | None


class RawRow(NamedTuple):
    """A row as stored in a page. `number` is its rowid, None in a table without."""

    number: int | None
    values: tuple[Value, ...]


class _NotARow(Exception):
    """Bytes that are not a row."""


def raw_rows(path: Path, log: Path) -> Iterator[RawRow]:
    """Yield every row in the file at `path`, with the write-ahead log at `log` applied, in the order of
    pages.
    """
    with _Pages(path, log) as pages:
        unused = set(_unused(pages))
        for number in range(1, pages.count + 1):
            if number not in unused:
                yield from _rows_of(pages, number)


class _Pages:
    """The pages of a file by their number, from 1."""

    def __init__(self, path: Path, log: Path) -> None:
        self._file = path.open("rb")
        self._log = log.open("rb") if log.exists() else None
        self._newer = dict(self._logged())
        on_file = path.stat().st_size // _SIZE
        self.count = max([on_file, *self._newer])

    def __enter__(self) -> _Pages:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._log is not None:
            self._log.close()

    def __getitem__(self, number: int) -> bytes:
        if not 1 <= number <= self.count:
            raise _NotARow
        place = self._newer.get(number)
        if place is not None and self._log is not None:
            self._log.seek(place)
            return self._log.read(_SIZE)
        self._file.seek((number - 1) * _SIZE)
        page = self._file.read(_SIZE)
        if len(page) < _SIZE:
            raise _NotARow
        return page

    def _logged(self) -> Iterator[tuple[int, int]]:
        """(page, offset of its newest content in the log), up to the last commit."""
        if self._log is None:
            return
        header = self._log.read(_LOG_HEADER)
        if len(header) < _LOG_HEADER or header[:3] != b"\x37\x7f\x06":
            return
        waiting: list[tuple[int, int]] = []
        place = _LOG_HEADER
        while len(frame := self._log.read(_FRAME_HEADER)) == _FRAME_HEADER:
            number, committed = struct.unpack(">II", frame[:8])
            if frame[8:16] != header[16:24]:
                return  # left over from before the log was restarted
            waiting.append((number, place + _FRAME_HEADER))
            if committed:
                yield from waiting
                waiting = []
            place = self._log.seek(place + _FRAME_HEADER + _SIZE)


def _unused(pages: _Pages) -> Iterator[int]:
    """The free pages, as far as their list can be read."""
    seen: set[int] = set()
    try:
        (trunk,) = struct.unpack(">I", pages[1][32:36])
        while trunk and trunk not in seen:
            seen.add(trunk)
            yield trunk
            page = pages[trunk]
            trunk, number = struct.unpack(">II", page[:8])
            yield from struct.unpack(f">{number}I", page[8 : 8 + 4 * number])
    except (_NotARow, struct.error):
        return


def _rows_of(pages: _Pages, number: int) -> Iterator[RawRow]:
    try:
        page = pages[number]
    except _NotARow:
        return
    start = 100 if number == 1 else 0
    kind = page[start]
    if kind not in (_TABLE_LEAF, _INDEX_LEAF, _INDEX_INNER):
        return
    (cells,) = struct.unpack_from(">H", page, start + 3)
    places = start + (12 if kind == _INDEX_INNER else 8)
    for cell in range(min(cells, (_SIZE - places) // 2)):
        (place,) = struct.unpack_from(">H", page, places + 2 * cell)
        try:
            yield _cell(pages, page, place, kind)
        except (_NotARow, struct.error, IndexError, OverflowError):
            continue


def _cell(pages: _Pages, page: bytes, place: int, kind: int) -> RawRow:
    place += 4 if kind == _INDEX_INNER else 0
    size, place = _varint(page, place)
    number = None
    if kind == _TABLE_LEAF:
        number, place = _varint(page, place)
        number = number - 2**64 if number >= 2**63 else number
    return RawRow(number, _record(_payload(pages, page, place, size, kind)))


def _payload(pages: _Pages, page: bytes, place: int, size: int, kind: int) -> bytes:
    """The bytes of a row, those on overflow pages included."""
    most = _LOCAL_TABLE if kind == _TABLE_LEAF else _LOCAL_INDEX
    if size > _LONGEST:
        raise _NotARow
    if size <= most:
        return _exactly(page[place : place + size], size)
    local = _LOCAL_LEAST + (size - _LOCAL_LEAST) % (_SIZE - 4)
    local = local if local <= most else _LOCAL_LEAST
    payload = bytearray(_exactly(page[place : place + local], local))
    (following,) = struct.unpack_from(">I", page, place + local)
    while len(payload) < size:
        further = pages[following]
        (following,) = struct.unpack_from(">I", further)
        payload += further[4 : 4 + size - len(payload)]
    if following:
        raise _NotARow  # the chain is longer than the row: it belongs to another one
    return bytes(payload)


def _exactly(piece: bytes, size: int) -> bytes:
    if len(piece) != size:
        raise _NotARow
    return piece


def _record(payload: bytes) -> tuple[Value, ...]:
    end, place = _varint(payload, 0)
    types = []
    while place < end:
        kind, place = _varint(payload, place)
        types.append(kind)
        if len(types) > _MOST_COLUMNS:
            raise _NotARow
    values: list[Value] = []
    for kind in types:
        value, place = _value(payload, place, kind)
        values.append(value)
    if place != len(payload):
        raise _NotARow
    return tuple(values)


def _value(payload: bytes, place: int, kind: int) -> tuple[Value, int]:
    if kind < len(_WIDTHS):
        end = place + _WIDTHS[kind]
        piece = _exactly(payload[place:end], end - place)
        return (int.from_bytes(piece, "big", signed=True) if kind else None), end
    if kind == 7:
        return struct.unpack_from(">d", payload, place)[0], place + 8
    if kind in (8, 9):
        return kind - 8, place
    if kind < 12:
        raise _NotARow
    end = place + (kind - 12) // 2
    piece = _exactly(payload[place:end], end - place)
    return (_text(piece) if kind % 2 else piece), end


def _text(piece: bytes) -> str | bytes:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return piece


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value: Any = 0
    for count in range(8):
        byte = data[place + count]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + count + 1
    return value << 8 | data[place + 8], place + 9
