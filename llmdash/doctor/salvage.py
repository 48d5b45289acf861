"""Salvage: what can still be read of a damaged journal, into a new one.

First from both ends of each table up to a bad page; then, for what lies between, or where no way leads, from
every page of the file. So a bad page costs no more than its own rows.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path

from llmdash.doctor.files import SALVAGE
from llmdash.doctor.pages import PAGE_SIZE, UNREADABLE, Row, fold, open_damaged, rows_by_page
from llmdash.engine.journal.file import NAME, JournalFile
from llmdash.engine.model.records import BatchRecord, HealthRecord

__all__ = ["salvage"]

_KEYS = {
    "run": "name",
    "attempts": "job, attempt",
    "results": "job",
    "batches": "batch",
    "health": "key",
    "samples": "at",
    "moments": "serial",
    "prompts": "job",
}
_MOST_A_PAGE = 500  # rows
_SAMPLE, _MOMENT = 12, 5  # columns


def salvage(folder: Path) -> dict[str, int]:
    """Put a new journal with every readable row in the place of the damaged one; gives the rows by table.

    Needs room for two copies; the old one has been backed up. Raises OSError, sqlite3.Error or JournalError
    if the new one cannot be written; the old one is untouched then.
    """
    with tempfile.TemporaryDirectory(prefix=SALVAGE, dir=folder) as name:
        rescue = Path(name)
        new = rescue / "new"
        new.mkdir()
        JournalFile.create(new, {}).close()
        kept = _refill(folder, _copy(folder, rescue / "old"), new / NAME)
        _sync(new / NAME)
        for end in ("-wal", "-shm", "-journal"):  # a log must never meet another file than its own
            (folder / f"{NAME}{end}").unlink(missing_ok=True)
        (new / NAME).replace(folder / NAME)
        _sync(folder)
    return kept


def _copy(folder: Path, to: Path) -> Path:
    to.mkdir()
    for end in ("", "-wal", "-journal"):
        if (folder / f"{NAME}{end}").exists():
            shutil.copyfile(folder / f"{NAME}{end}", to / f"{NAME}{end}")
    with (to / NAME).open("ab") as file:  # where SQLite finds no bytes it makes up zeros; these are no text
        file.write(b"\xff" * (-file.tell() % PAGE_SIZE))
    return to / NAME


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refill(folder: Path, copy: Path, new: Path) -> dict[str, int]:
    """Fill the new journal; what is in it already stays, so that the surest way goes first."""
    with closing(sqlite3.connect(new, isolation_level=None)) as db:
        db.execute("BEGIN")
        _put(db, _from_both_ends(copy))
        pages = copy.rename(copy.with_name("pages"))  # away from what SQLite may have left beside it
        fold(folder / f"{NAME}-wal", pages)
        _put(db, filter(None, map(_recognised, rows_by_page(pages))))
        db.execute("COMMIT")
        return {table: _count(db, table) for table in _KEYS}


def _count(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own names


def _from_both_ends(copy: Path) -> Iterator[tuple[str, Row]]:
    """The rows of each table up to its first bad page, and those behind the last one."""
    with closing(open_damaged(copy)) as db:
        for table, key in _KEYS.items():
            question = f"SELECT * FROM {table} ORDER BY {key}"  # noqa: S608 - our own names
            for way in (question, f"{question.replace(',', ' DESC,')} DESC"):
                with suppress(*UNREADABLE):
                    most = db.execute("PRAGMA page_count").fetchone()[0] * _MOST_A_PAGE
                    for row in islice(db.execute(way), most):  # a damaged tree may lead in circles
                        yield table, row
                    break


def _recognised(read: tuple[str, Row]) -> tuple[str, Row] | None:
    """The table that a row from a page is of, and the row; None for what is neither."""
    match read:
        case "results", (int(), str(), str(), str(), str(), str() as name, *_) as row if name.startswith("r"):
            return "batches", row[: len(BatchRecord._fields)]
        case "results", (int(), str() | bytes(), str(), *_):
            return read
        case "results", (int(), int() | float(), str(), str() | None, str() | None, None, *_) as row:
            return "moments", row[:_MOMENT]
        case "attempts", (str(), str(), float() | int(), *_) as row:
            return "health", row[: len(HealthRecord._fields)]
        case "attempts", (str(), _, None, *_) as row:
            return "run", row[:2]
        case "attempts", (int(), str(), None, *_) as row:
            return "prompts", row[:2]
        # A whole number that should be none is stored as one: what else is in the row tells them apart.
        case "attempts", (int() | float(), int() | float(), int(), int(), *_) as row:
            return "samples", row[:_SAMPLE]
        case "attempts", (int(), int(), *_):
            return read
    return None


def _put(db: sqlite3.Connection, rows: Iterable[tuple[str, Row]]) -> None:
    """Insert what is not there yet."""
    widths = {table: len(db.execute(f"PRAGMA table_info({table})").fetchall()) for table in _KEYS}
    for table, some in groupby(rows, itemgetter(0)):
        width = widths[table]
        filled = ((row + (None,) * width)[:width] for _, row in some)
        marks = ",".join("?" * width)
        db.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", filled)  # noqa: S608 - our own names
