"""LeaseFile: the shares of limits of all runs of a user on one machine, in a small SQLite file."""

from __future__ import annotations

import asyncio
import fcntl
import math
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llmdash import locations
from llmdash.engine.dispatch.leases import Claim, Held, LeaseError, Limit, Share, Sharer, Wish
from llmdash.engine.metrics.wakeful_clock import wakeful_clock
from llmdash.shared_limits.table import KEPT_S, LeaseRow, granted, is_live, released

__all__ = ["LeaseFile"]

_VERSION = 1
_BUSY_S = 0.3
_PRIVATE = 0o600
_TABLES = (
    "CREATE TABLE lease (name, run, label, host, pid, rate, tpm, wish_rate, wish_tokens, held_rate,"
    " held_slots, held_tokens, sent, until, PRIMARY KEY (name, run))",
    "CREATE TABLE quiet (until)",
)
_READ = (
    "SELECT name, run, label, host, pid, rate, tpm, wish_rate, wish_tokens, held_rate, held_slots,"
    " held_tokens, sent, until FROM lease"
)
_WRITE = (
    "INSERT OR REPLACE INTO lease (name, run, label, host, pid, rate, tpm, wish_rate, wish_tokens, held_rate,"
    " held_slots, held_tokens, sent, until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class LeaseFile:
    """Shares out limits among the runs that use the same file.

    Each claim is one transaction on a connection of its own: a file that was deleted, or put aside because it
    was damaged, is made anew, and a process may be killed at any moment. Nothing is forced to the disk: after
    a crash of the machine no run is left that holds anything. `clock` is the same for all processes.

    In a file that is made where one was before, nobody gets more than is held already until every run that
    still lives was heard of.
    """

    def __init__(self, path: Path | None = None, clock: Callable[[], float] = wakeful_clock) -> None:
        self._path = path if path is not None else locations.lease_file()
        self._clock = clock
        self._one_at_a_time = threading.Lock()

    async def share(self, claim: Claim) -> Share:
        """Renew the lease of a run. Raises LeaseError."""
        return await asyncio.to_thread(self._share, claim, self._clock())

    async def release(self, claim: Claim) -> None:
        """Give back everything but what was `sent` in the present second. Raises LeaseError."""
        await asyncio.to_thread(self._release, claim)

    def rows(self) -> tuple[LeaseRow, ...]:
        """Return the rows of the runs that share limits now; no file, no rows. Raises LeaseError."""
        if not self._path.exists():
            return ()
        with self._transaction("read") as connection:
            now = self._clock()
            return tuple(row for row in _rows(connection) if is_live(row, now))

    def _share(self, claim: Claim, began: float) -> Share:
        with self._transaction() as connection:
            now = self._clock()
            if now - began > KEPT_S:  # the process was suspended: what it held is over
                claim = Claim(claim.limit, claim.sharer, claim.wish, Held(sent=claim.held.sent))
            rows = [row for row in _rows(connection) if row.limit.name == claim.limit.name]
            _clear(connection, now)
            row, share = granted(rows, claim, now, _quiet_until(connection, now))
            _write(connection, row)
            return share

    def _release(self, claim: Claim) -> None:
        with self._transaction() as connection:
            _write(connection, released(claim, self._clock()))

    @contextmanager
    def _transaction(self, what: str = "written") -> Iterator[sqlite3.Connection]:
        """Yield a connection that nobody else writes to meanwhile. Raises LeaseError."""
        with self._one_at_a_time:
            try:
                with self._opened() as connection:
                    yield connection
            except (sqlite3.Error, OSError, _Foreign) as error:
                raise LeaseError(f"the lease file cannot be {what} ({_why(error)}): {self._path}") from error

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        is_first = not self._path.parent.exists()
        locations.private_dir(self._path.parent)
        try:
            connection = self._begun(is_first=is_first)
        except _DAMAGE as error:
            if not _is_damage(error):
                raise
            self._put_aside(error)
            connection = self._begun(is_first=False)
        try:
            yield connection
            connection.commit()
        finally:
            connection.close()

    def _begun(self, *, is_first: bool) -> sqlite3.Connection:
        """Return a connection in a transaction, with the tables, all of whose rows can be read."""
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE))
        connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN IMMEDIATE")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if not version:
                quiet_until = -math.inf if is_first else self._clock() + KEPT_S
                for statement in _TABLES:
                    connection.execute(statement)
                connection.execute("INSERT INTO quiet VALUES (?)", (quiet_until,))
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            elif version != _VERSION:
                raise _Foreign(f"version {version}")
            _rows(connection), _quiet_until(connection, 0.0)
        except BaseException:  # an interrupt, too, must not leave it open; it is raised again
            connection.close()
            raise
        return connection

    def _put_aside(self, error: Exception) -> None:
        """Rename a damaged file, unless another process has just done that."""
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            try:
                self._begun(is_first=False).close()
            except _DAMAGE as again:
                if not _is_damage(again):
                    raise
                self._path.replace(self._path.with_suffix(".damaged"))
                Path(f"{self._path}-journal").unlink(missing_ok=True)
        finally:
            os.close(folder)


class _Foreign(Exception):
    """The file is none that this program has written."""


_DAMAGE = (sqlite3.DatabaseError, _Foreign)
_PASSING = (
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR),
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM),
)


def _is_damage(error: Exception) -> bool:
    """False for what may pass, or what another file would not help against."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF not in _PASSING


def _why(error: Exception) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)


def _rows(connection: sqlite3.Connection) -> list[LeaseRow]:
    """All rows. Raises _Foreign for one that makes no sense."""
    return [_row(values) for values in connection.execute(_READ)]


def _row(values: Sequence[Any]) -> LeaseRow:
    name, run, label, host, pid, *numbers = values
    if not all(isinstance(text, str) for text in (name, run, label, host)) or not isinstance(pid, int):
        raise _Foreign("a row without a name")
    if len(numbers) != 9 or not all(isinstance(number, int | float) and number >= 0 for number in numbers):
        raise _Foreign("a row without a number")
    rate, tpm, wish_rate, wish_tokens, held_rate, held_slots, held_tokens, sent, until = numbers
    return LeaseRow(
        Limit(name, rate, tpm),
        Sharer(run, label, host, pid),
        Wish(wish_rate, wish_tokens),
        Held(held_rate, held_slots, held_tokens, sent),
        until,
    )


def _write(connection: sqlite3.Connection, row: LeaseRow) -> None:
    limit, sharer, wish, held = row.limit, row.sharer, row.wish, row.held
    connection.execute(
        _WRITE,
        (
            *(limit.name, sharer.run, sharer.label, sharer.host, sharer.pid, limit.rate, limit.tpm),
            *(wish.rate, wish.tokens, held.rate, held.slots, held.tokens, held.sent, row.until),
        ),
    )


def _clear(connection: sqlite3.Connection, now: float) -> None:
    connection.execute("DELETE FROM lease WHERE until <= ? OR until > ?", (now, now + KEPT_S))


def _quiet_until(connection: sqlite3.Connection, now: float) -> float:
    """Until when nobody gets more than is held; a time before the machine was started anew is over."""
    row = connection.execute("SELECT max(until) FROM quiet").fetchone()
    until = row[0] if isinstance(row[0], int | float) else 0.0
    return until if until <= now + KEPT_S else 0.0
