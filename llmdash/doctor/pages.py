"""The rows of a damaged file, page by page: SQLite is shown each in turn as all there is of a table.

https://www.sqlite.org/fileformat.html: 1.3 (the header), 1.5 (the freelist), 1.6 (b-tree pages), 4 (the
write-ahead log). No way has to lead to a page, and what makes no sense in it costs nothing else.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any

from llmdash.engine.journal.schema import SCHEMA

__all__ = ["PAGE_SIZE", "UNREADABLE", "Row", "fold", "open_damaged", "rows_by_page"]

UNREADABLE = (sqlite3.Error, UnicodeDecodeError)  # the names of columns may be no text

PAGE_SIZE = 4096  # bytes
_TABLE_LEAF, _INDEX_LEAF, _INDEX_INNER = 0x0D, 0x0A, 0x02
_TABLES = {_TABLE_LEAF: "results", _INDEX_LEAF: "attempts", _INDEX_INNER: "attempts"}
_CHANGES = 24  # place in the header: with another number there, SQLite reads every page anew
_FREE = 32  # place in the header: the first page of the freelist
_LOG_HEADER, _FRAME_HEADER = 32, 24

Row = tuple[Any, ...]


def open_damaged(path: Path) -> sqlite3.Connection:
    """A connection that gives bytes where there should be text, and is none."""
    db = sqlite3.connect(path, isolation_level=None)
    db.text_factory = _text
    return db


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def fold(log: Path, into: Path) -> None:
    """Put what a write-ahead log holds up to its last commit into its file, where there is a log.

    SQLite does so too, but leaves out all that was written after a page that is damaged.
    """
    if not log.exists():
        return
    most = (log.stat().st_size + into.stat().st_size) // PAGE_SIZE
    waiting: dict[int, bytes] = {}
    with log.open("rb") as frames, into.open("r+b") as file:
        salts = frames.read(_LOG_HEADER)[16:24]
        while len(frame := frames.read(_FRAME_HEADER + PAGE_SIZE)) == _FRAME_HEADER + PAGE_SIZE:
            number, committed = struct.unpack_from(">II", frame)
            if frame[8:16] != salts or not 1 <= number <= most:
                continue  # damaged, or left from before the log was begun anew
            waiting[number] = frame[_FRAME_HEADER:]
            if committed:
                for number, page in waiting.items():
                    os.pwrite(file.fileno(), page, (number - 1) * PAGE_SIZE)
                waiting.clear()


def rows_by_page(path: Path) -> Iterator[tuple[str, Row]]:
    """Every row in the file at `path`, in the order of pages; the file is spoilt by that.

    All from tables with rowids come as rows of `results`, all others as rows of `attempts`, the widest table.
    """
    roots, blank = _blank(path.with_name("blank"))
    with path.open("r+b") as opened, closing(open_damaged(path)) as db:
        file = opened.fileno()
        pages = max(path.stat().st_size, len(blank)) // PAGE_SIZE
        unused = set(_unused(file))
        first = os.pread(file, len(blank), 0)
        os.pwrite(file, blank, 0)
        changes = count(1)
        for number in range(2, pages + 1):
            place = (number - 1) * PAGE_SIZE
            page = first[place : place + PAGE_SIZE] or os.pread(file, PAGE_SIZE, place)
            table = _TABLES.get(page[0])
            if table is None or number in unused:
                continue
            for alone, leaf in enumerate(_leaves(page)):
                os.pwrite(file, leaf, (roots[table] - 1) * PAGE_SIZE)
                os.pwrite(file, struct.pack(">II", next(changes), pages), _CHANGES)
                with suppress(*UNREADABLE):
                    for row in db.execute(f"SELECT * FROM {table}"):  # noqa: S608 - our own names
                        yield table, row
                    if not alone:
                        break  # all of the page could be read


def _blank(path: Path) -> tuple[dict[str, int], bytes]:
    """A journal without rows: the page of each table, and all bytes."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(SCHEMA)
        roots = dict(db.execute("SELECT name, rootpage FROM sqlite_master"))
    return roots, path.read_bytes()


def _unused(file: int) -> Iterator[int]:
    """The pages that hold what was deleted, as far as their list can be read."""
    seen: set[int] = set()
    with suppress(struct.error):
        (trunk,) = struct.unpack(">I", os.pread(file, 4, _FREE))
        while trunk and trunk not in seen:
            seen.add(trunk)
            yield trunk
            page = os.pread(file, PAGE_SIZE, (trunk - 1) * PAGE_SIZE)
            trunk, number = struct.unpack_from(">II", page)
            yield from struct.unpack_from(f">{number}I", page, 8)


def _leaves(page: bytes) -> Iterator[bytes]:
    """The page, as one that no other hangs from; then with each of its rows alone."""
    start, skipped = (12, 4) if page[0] == _INDEX_INNER else (8, 0)
    kind = _TABLE_LEAF if page[0] == _TABLE_LEAF else _INDEX_LEAF
    number = min(struct.unpack_from(">H", page, 3)[0], (PAGE_SIZE - start) // 2)
    cells = [(cell + skipped) % 2**16 for cell in struct.unpack_from(f">{number}H", page, start)]
    for some in (cells, *([cell] for cell in cells)):
        head = struct.pack(f">BHHHB{len(some)}H", kind, 0, len(some), 0, 0, *some)
        yield head + page[len(head) :]
