"""The journal: one SQLite file a run, the only truth on disk.

`run` holds what the run is; `attempts` a row for each request, written before it leaves (`state` is then
`sent`) and completed with its outcome; `results` a row for each job that ended; `health` the last state of
each key. A job without a row in `results` is pending. Everything else, exports included, is a projection.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import Any

from llmdash.engine.journal.schema import SCHEMA, upgrades
from llmdash.engine.model.records import AttemptRecord, HealthRecord, ResultRow

__all__ = ["Group", "JournalError", "JournalFile", "StorageError"]

VERSION = 4
NAME = "journal.sqlite"
_ANNOUNCED = ("job", "attempt", "key", "state", "sent_at")
"""What is known of an attempt before it is sent, but for its worker."""


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
    facts: dict[str, Any] = field(default_factory=dict)


class JournalFile:
    """The one connection that writes. Every method is one transaction; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self._path = path
        self._file = path.stat()

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
        path = folder / NAME
        if path.exists():
            raise JournalError(
                f"{path}: this folder holds a run; add --resume to go on with it, or name another folder"
            )
        try:
            _make(path, {"version": VERSION, **facts})
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"{path}: the journal cannot be written ({error}); make room, or name another "
                "folder with --run-dir"
            ) from None
        return cls(_connect(path, vfs), path)

    @classmethod
    def open(cls, folder: Path) -> JournalFile:
        """The journal of an earlier start; attempts without an outcome become `unknown`."""
        path = folder / NAME
        if not path.exists():
            raise JournalError(f"{path}: no journal here; leave out --resume to begin a new run")
        journal = cls(_connect(path), path)
        try:
            journal._check(path)
            journal._upgrade()
            journal._db.execute("UPDATE attempts SET state = 'unknown' WHERE state = 'sent'")
        except sqlite3.Error as error:
            journal.close()
            raise _unsound(path, error) from None
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
        pending again, the health of keys, facts of the run.
        """
        latest = {(record.job, record.attempt): record for record in group.attempts}
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for columns, rows in _attempts(latest.values()):
                self._insert("INSERT OR REPLACE INTO attempts", columns, rows)
            self._db.executemany("DELETE FROM results WHERE job = ?", [(job,) for job in group.reopened])
            self._insert("INSERT INTO results", ResultRow._fields, group.results)
            self._db.executemany("INSERT OR REPLACE INTO health VALUES (?, ?, ?, ?, ?, ?)", group.health)
            self.set_facts(group.facts)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _insert(self, into: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        # Many rows in one statement: the interpreter lock is released once, not once a row.
        row = f"({','.join('?' * len(columns))})"
        for some in _slices(rows):
            values = ",".join([row] * len(some))
            statement = f"{into} ({','.join(columns)}) VALUES {values}"
            self._db.execute(statement, list(chain.from_iterable(some)))

    def close(self) -> None:
        self._db.close()


def _make(path: Path, facts: Mapping[str, Any]) -> None:
    """Make an empty journal, under another name until it is complete: a kill must not leave half of one."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as db:
        db.executescript(f"BEGIN;{SCHEMA}")
        db.executemany("INSERT INTO run VALUES (?, ?)", facts.items())
        db.execute("COMMIT")
    draft.replace(path)


def _copy(db: sqlite3.Connection, to: Path) -> None:
    """Copy a journal to a private file; one that is there from an upgrade cut off is replaced."""
    to.unlink(missing_ok=True)
    os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with contextlib.closing(sqlite3.connect(to)) as copy:
        db.backup(copy)


def _connect(path: Path, vfs: str = "") -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}{f'?vfs={vfs}' if vfs else ''}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=10.0,
        cached_statements=512,
    )
    try:
        _choose_mode(connection)
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error as error:
        connection.close()
        raise _unsound(path, error) from None
    return connection


def _unsound(path: Path, why: object) -> JournalError:
    return JournalError(
        f"{path}: not a sound journal ({why}); see: llmdash doctor {quote(str(path.parent))} --repair"
    )


def _choose_mode(connection: sqlite3.Connection) -> None:
    """Use the write-ahead log, or where the file system does not support it, a rollback journal."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")  # where unsupported, SQLite keeps the other mode
    except sqlite3.OperationalError:
        connection.execute("PRAGMA journal_mode = DELETE")


def _attempts(records: Collection[AttemptRecord]) -> Iterator[tuple[Sequence[str], list[tuple[Any, ...]]]]:
    """Columns and rows of attempts: most of one about to be sent are empty, and cost as much as full ones."""
    fields, known = AttemptRecord._fields, len(_ANNOUNCED)
    announced = [each for each in records if each.state == "sent"]
    yield _ANNOUNCED, [each[:known] for each in announced if each.worker is None]
    yield (*_ANNOUNCED, "worker"), [(*each[:known], each.worker) for each in announced if each.worker]
    yield fields, [each for each in records if each.state != "sent"]


def _slices(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """`rows` in slices whose sizes are powers of two, so that few different statements have to be
    compiled.
    """
    start = 0
    while start < len(rows):
        size = min(256, 1 << ((len(rows) - start).bit_length() - 1))
        yield rows[start : start + size]
        start += size
