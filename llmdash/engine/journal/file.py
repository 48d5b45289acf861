"""The journal: one SQLite file a run, the only truth on disk.

`run` holds what the run is; `attempts` a row for each request, written before it leaves (`state` is then
`sent`) and completed with its outcome; `results` a row for each job that ended; `health` the last state of
each key. A job without a row in `results` is pending. `samples` are the time series, a row a second at most;
`moments` what was set or happened and when; `prompts` those of a run that keeps them; `batches` what is with
a provider's batch service, where an attempt that is in one has its number and, until it has an outcome, the
state `batched`. Everything else, exports included, is a projection.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import Any

from llmdash.engine.journal.drafts import drafted
from llmdash.engine.journal.schema import SCHEMA, upgrades
from llmdash.engine.journal.thinning import MOST_SAMPLES, thinned
from llmdash.engine.model.records import (
    AttemptRecord,
    BatchRecord,
    HealthRecord,
    MomentRow,
    ResultRow,
    SampleRow,
)
from llmdash.lean_dataclass import dataclass

__all__ = ["Group", "JournalError", "JournalFile", "StorageError"]

VERSION = 7
NAME = "journal.sqlite"
_UNPLANNED = """
UPDATE attempts SET state = 'unsent' WHERE state = 'batched' AND batch NOT IN (SELECT batch FROM batches)
"""
_OF_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR)


class JournalError(Exception):
    """The journal cannot be used: the text says which file, why, and the fix."""


class StorageError(JournalError):
    """The journal cannot be written to the disk."""


@dataclass(slots=True)
class Group:
    """Rows that are written together, in one transaction."""

    attempts: list[AttemptRecord] = field(default_factory=list)
    results: list[ResultRow] = field(default_factory=list)
    reopened: list[int] = field(default_factory=list)
    health: list[HealthRecord] = field(default_factory=list)
    prompts: list[tuple[int, str]] = field(default_factory=list)
    """Jobs, and their messages as JSON."""
    facts: dict[str, Any] = field(default_factory=dict)
    samples: list[SampleRow] = field(default_factory=list)
    moments: list[MomentRow] = field(default_factory=list)
    batches: list[BatchRecord] = field(default_factory=list)


class JournalFile:
    """The one connection that writes. Every method is one transaction; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self._path = path
        self._file = path.stat()
        self._samples: int | None = None
        """The rows of the time series; None while they are not counted."""

    @property
    def is_in_place(self) -> bool:
        """False once the file was deleted or replaced: what is written then would be lost."""
        try:
            return os.path.samestat(self._path.stat(), self._file)
        except FileNotFoundError:
            return False
        except OSError:
            return True  # unknown now; the next row will show it

    @property
    def is_wal(self) -> bool:
        """False where the file system does not support SQLite's write-ahead log, as over a network."""
        mode: str = self._db.execute("PRAGMA journal_mode").fetchone()[0]
        return mode == "wal"

    @classmethod
    def create(cls, folder: Path, facts: Mapping[str, Any], *, vfs: str = "") -> JournalFile:
        """A new journal in `folder`, holding the facts of the run.

        `vfs` names one of SQLite's VFS layers; its default is usually right.
        """
        cls.check_free(folder)
        path = folder / NAME
        try:
            _make(path, {"version": VERSION, **facts})
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"{path}: the journal cannot be written ({error}); make room, or name another "
                "folder with --run-dir"
            ) from None
        return cls(_connect(path, vfs), path)

    @staticmethod
    def check_free(folder: Path) -> None:
        """Raise JournalError if a run is in `folder`."""
        path = folder / NAME
        if path.exists():
            raise JournalError(
                f"{path}: this folder holds a run; add --resume to go on with it, or name another folder"
            )

    @classmethod
    def open(cls, folder: Path) -> JournalFile:
        """The journal of an earlier start; attempts without an outcome become `unknown`, those of a batch
        that was not planned to its end `unsent`.
        """
        path = folder / NAME
        if not path.exists():
            raise JournalError(f"{path}: no journal here; leave out --resume to begin a new run")
        journal = cls(_connect(path), path)
        try:
            journal._check(path)
            journal._upgrade()
            journal._db.execute("UPDATE attempts SET state = 'unknown' WHERE state = 'sent'")
            journal._db.execute(_UNPLANNED)
        except (sqlite3.Error, OSError) as error:
            journal.close()
            raise _unusable(path, error) from None
        except JournalError:
            journal.close()
            raise
        return journal

    def _check(self, path: Path) -> None:
        sound = self._db.execute("PRAGMA quick_check").fetchone()[0]
        if sound != "ok":
            raise _unsound(path, sound)
        version = self._db.execute("SELECT value FROM run WHERE name = 'version'").fetchone()
        known = version[0] if version is not None and isinstance(version[0], int) else 0
        if known > VERSION:
            raise JournalError(
                f"{path}: written by a newer llmdash (version {known} of the journal, {VERSION} here)"
            )
        if known < 1:
            raise _unsound(path, "its version is lost")

    def _upgrade(self) -> None:
        """Add what a journal of an earlier version lacks, after a copy of it is on disk."""
        changes = upgrades(self._db)
        if changes:
            _copy(self._db, self._path.with_name(f"{NAME}.version-{self._version()}"))
        self._db.executescript(f"BEGIN;{changes}")
        self.set_facts({"version": VERSION})
        self._db.execute("COMMIT")

    def _version(self) -> int:
        return int(self._db.execute("SELECT value FROM run WHERE name = 'version'").fetchone()[0])

    def set_facts(self, facts: Mapping[str, Any]) -> None:
        """Set facts of the run; others stay."""
        self._db.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", facts.items())

    def write(self, group: Group) -> None:
        """Write a group: the latest record of each attempt, the results without those of jobs that are
        pending again, the health of keys, batches, prompts, facts of the run, samples and moments.
        """
        latest = {(record.job, record.attempt): record for record in group.attempts}
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for rows in _attempts(latest.values()):
                self._insert("INSERT OR REPLACE INTO attempts", AttemptRecord._fields, rows)
            self._db.executemany("DELETE FROM results WHERE job = ?", [(job,) for job in group.reopened])
            self._insert("INSERT INTO results", ResultRow._fields, group.results)
            self._db.executemany("INSERT OR REPLACE INTO health VALUES (?, ?, ?, ?, ?, ?)", group.health)
            self._insert("INSERT OR REPLACE INTO batches", BatchRecord._fields, group.batches)
            self._db.executemany("INSERT OR REPLACE INTO prompts VALUES (?, ?)", group.prompts)
            self.set_facts(group.facts)
            self._db.executemany(
                "INSERT INTO moments (at, kind, subject, value) VALUES (?, ?, ?, ?)", group.moments
            )
            if group.samples:
                self._add_samples(group.samples)
            self._db.execute("COMMIT")
        except BaseException:  # an interrupt, too, undoes all of it; it is raised again
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _add_samples(self, samples: Sequence[SampleRow]) -> None:
        """Add rows of the time series; where there are too many, neighbours become one."""
        self._insert("INSERT OR REPLACE INTO samples", SampleRow._fields, samples)
        if self._samples is None:
            self._samples = self._db.execute("SELECT COUNT(*) FROM samples").fetchone()[0]
        else:
            self._samples += len(samples)
        if self._samples > MOST_SAMPLES:
            columns = ", ".join(SampleRow._fields)
            rows = self._db.execute(f"SELECT {columns} FROM samples ORDER BY at")  # noqa: S608 - our own column names
            fewer = thinned([SampleRow._make(row) for row in rows])
            self._db.execute("DELETE FROM samples")
            self._insert("INSERT INTO samples", SampleRow._fields, fewer)
            self._samples = len(fewer)

    def _insert(self, into: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        # Many rows in one statement: the interpreter lock is released once, not once a row. Without the
        # columns that are empty in all of them: to bind None costs more than to bind a number or a text.
        for some in _slices(rows):
            by_column = dict(zip(columns, zip(*some, strict=True), strict=True))
            used = {name: values for name, values in by_column.items() if not _is_empty(values)}
            row = f"({','.join('?' * len(used))})"
            statement = f"{into} ({','.join(used)}) VALUES {','.join([row] * len(some))}"
            self._db.execute(statement, list(chain.from_iterable(zip(*used.values(), strict=True))))

    def close(self) -> None:
        self._db.close()


def _make(path: Path, facts: Mapping[str, Any]) -> None:
    """Make an empty journal."""
    with drafted(path) as db:
        db.executescript(f"BEGIN;{SCHEMA}")
        db.executemany("INSERT INTO run VALUES (?, ?)", facts.items())
        db.execute("COMMIT")


def _copy(db: sqlite3.Connection, to: Path) -> None:
    """Copy a journal; a file that is there from an upgrade cut off is replaced."""
    with drafted(to) as copy:
        db.backup(copy)


def _connect(path: Path, vfs: str = "") -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}{f'?vfs={vfs}' if vfs else ''}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=10.0,
            cached_statements=512,
        )
    except sqlite3.Error as error:
        raise _unusable(path, error) from None
    try:
        _choose_mode(connection)
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error as error:
        connection.close()
        raise _unusable(path, error) from None
    return connection


def _unsound(path: Path, why: object) -> JournalError:
    return JournalError(
        f"{path}: not a sound journal ({why}); see: llmdash doctor {quote(str(path.parent))} --repair"
    )


def _unusable(path: Path, error: sqlite3.Error | OSError) -> JournalError:
    """Why a journal is of no use: the disk, or damage."""
    if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF not in _OF_DISK:
        return _unsound(path, error)
    return StorageError(f"{path}: the journal cannot be written ({error}); make room, or make it writable")


def _choose_mode(connection: sqlite3.Connection) -> None:
    """Use the write-ahead log, or where the file system does not support it, a rollback journal."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")  # where unsupported, SQLite keeps the other mode
    except sqlite3.OperationalError:
        connection.execute("PRAGMA journal_mode = DELETE")


def _is_empty(values: tuple[Any, ...]) -> bool:
    return values[0] is None and values.count(None) == len(values)


def _attempts(records: Collection[AttemptRecord]) -> Iterator[list[AttemptRecord]]:
    """Attempts that are about to be sent, of which most columns are empty, and those with an outcome."""
    begun = ("sent", "batched")
    yield [each for each in records if each.state in begun]
    yield [each for each in records if each.state not in begun]


def _slices(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """`rows` in slices whose sizes are powers of two, so that few different statements have to be
    compiled.
    """
    start = 0
    while start < len(rows):
        size = min(256, 1 << ((len(rows) - start).bit_length() - 1))
        yield rows[start : start + size]
        start += size
