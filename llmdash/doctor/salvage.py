"""Salvage: copies what can still be read of a damaged journal into a new one.

First through SQLite, from both ends of each table up to a bad page; then, for what lies between or cannot be
reached, row by row from every page of the file. So a bad page costs no more than its own rows.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from llmdash.doctor.files import SALVAGE
from llmdash.doctor.pages import RawRow, raw_rows
from llmdash.engine.journal.file import NAME, JournalFile
from llmdash.engine.model.records import AttemptRecord, HealthRecord, ResultRow

__all__ = ["salvage"]

_KEYS = {"run": "name", "attempts": "job, attempt", "results": "job", "health": "key"}
_BATCH = 500
_MOST_A_PAGE = 500  # rows
_UNREADABLE = (sqlite3.Error, UnicodeDecodeError)  # the names of columns may not be text

Row = tuple[Any, ...]


def salvage(folder: Path) -> dict[str, int]:
    """Replace the damaged journal by a new one with every readable row. Returns the number of rows by table.

    Needs room for two copies; the old one has been backed up. Raises OSError, sqlite3.Error or JournalError
    if the new one cannot be written; the old one is untouched then.
    """
    with tempfile.TemporaryDirectory(prefix=SALVAGE, dir=folder) as name:
        rescue = Path(name)
        old, new = rescue / "old", rescue / "new"
        new.mkdir()
        _copy(folder, old)
        JournalFile.create(new, {}).close()
        kept = _refill(folder, old / NAME, new / NAME)
        _sync(new / NAME)
        for end in ("-wal", "-shm", "-journal"):  # a log must never be applied to another file
            (folder / f"{NAME}{end}").unlink(missing_ok=True)
        (new / NAME).replace(folder / NAME)
        _sync(folder)
    return kept


def _copy(folder: Path, to: Path) -> None:
    to.mkdir()
    for end in ("", "-wal", "-journal"):
        if (folder / f"{NAME}{end}").exists():
            shutil.copyfile(folder / f"{NAME}{end}", to / f"{NAME}{end}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refill(folder: Path, copy: Path, new: Path) -> dict[str, int]:
    """Fill the new journal; rows in it already stay, so the most reliable source goes first."""
    with closing(sqlite3.connect(new, isolation_level=None)) as db:
        db.execute("BEGIN")
        with closing(_open(copy)) as source:
            for table, key in _KEYS.items():
                _put(db, ((table, row) for row in _from_both_ends(source, table, key)))
        _put(db, filter(None, map(_recognised, raw_rows(folder / NAME, folder / f"{NAME}-wal"))))
        db.execute("COMMIT")
        return {table: _count(db, table) for table in _KEYS}


def _count(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own names


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.text_factory = _text
    with suppress(sqlite3.Error):
        db.execute("PRAGMA writable_schema = ON")  # a file shorter than it says can be read then
    return db


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _from_both_ends(db: sqlite3.Connection, table: str, key: str) -> Iterator[Row]:
    """The rows of a table up to the first bad page, and those after the last one."""
    question = f"SELECT * FROM {table} ORDER BY {key}"  # noqa: S608 - our own names
    most = 0
    try:
        most = db.execute("PRAGMA page_count").fetchone()[0] * _MOST_A_PAGE
        yield from islice(db.execute(question), most)  # a damaged tree may have cycles
    except _UNREADABLE:
        with suppress(*_UNREADABLE):
            yield from islice(db.execute(f"{question.replace(',', ' DESC,')} DESC"), most)


def _recognised(raw: RawRow) -> tuple[str, Row] | None:
    """The table that a row from a page belongs to, and the row; None if there is none."""
    number, values = raw
    match values:
        case (None, str() | bytes(), str(), *_) if number is not None and len(values) == len(
            ResultRow._fields
        ):
            return "results", (number, *values[1:])
        case (int(), int(), *_) if number is None and len(values) == len(AttemptRecord._fields):
            return "attempts", values
        case (str(), str(), *_) if number is None and len(values) == len(HealthRecord._fields):
            return "health", values
        case (str(), _) if number is None:
            return "run", values
    return None


def _put(db: sqlite3.Connection, rows: Iterable[tuple[str, Row]]) -> None:
    """Insert the rows that are not there yet."""
    widths = {table: len(db.execute(f"PRAGMA table_info({table})").fetchall()) for table in _KEYS}
    for table, batch in _batches(rows):
        marks = ",".join("?" * widths[table])
        filled = [(row + (None,) * widths[table])[: widths[table]] for row in batch]
        db.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", filled)  # noqa: S608 - our own names


def _batches(rows: Iterable[tuple[str, Row]]) -> Iterator[tuple[str, list[Row]]]:
    """Rows of the same table, a few hundred at a time."""
    table, batch = "", list[Row]()
    for name, row in rows:
        if batch and (name != table or len(batch) == _BATCH):
            yield table, batch
            batch = []
        table = name
        batch.append(row)
    if batch:
        yield table, batch
