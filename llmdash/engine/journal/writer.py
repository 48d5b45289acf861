"""JournalWriter: writes the journal for the event loop; rows are committed in groups."""

from __future__ import annotations

import asyncio
import math
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from types import MappingProxyType
from typing import Any, Protocol

from llmdash.engine.journal.file import Group, JournalError, StorageError
from llmdash.engine.model.records import (
    AttemptRecord,
    BatchRecord,
    HealthRecord,
    MomentRow,
    ResultRow,
    SampleRow,
)
from llmdash.lean_dataclass import dataclass

__all__ = ["Journal", "JournalWriter"]

_NO_FACTS: Mapping[str, Any] = MappingProxyType({})
_GATHER_S = 0.002
_GROUP_ROWS = 256
_MOST_ROWS = 4096  # of groups that are written together, because the disk was slow
_AGAIN_S = 0.25
_LAST_S = 2.0
_RETRY_FOR_S = {
    sqlite3.SQLITE_FULL: math.inf,  # until the user makes room
    sqlite3.SQLITE_IOERR: 60.0,
    sqlite3.SQLITE_BUSY: 60.0,
    sqlite3.SQLITE_CANTOPEN: 60.0,
}
"""Seconds to retry an error, by the low byte of SQLite's extended codes; others are not retried."""


class Journal(Protocol):
    """What the writer writes to: a JournalFile."""

    def write(self, group: Group) -> None:
        """Commit the rows of `group`, all or none. Raises sqlite3.Error."""

    def close(self) -> None:
        """Close the file."""


@dataclass(slots=True)
class _Batch:
    group: Group = field(default_factory=Group)
    then: list[Callable[[], None]] = field(default_factory=list)

    def takes(self, other: _Batch) -> bool:
        """True if `other`, the next one, may be written with it: deletions come first within a group."""
        return not other.group.reopened and len(self.then) + len(other.then) <= _MOST_ROWS

    def add(self, other: _Batch) -> None:
        """Add what follows."""
        mine, its = self.group, other.group
        mine.attempts += its.attempts
        mine.results += its.results
        mine.health += its.health
        mine.facts.update(its.facts)
        mine.samples += its.samples
        mine.moments += its.moments
        mine.batches += its.batches
        self.then += other.then


class JournalWriter:
    """One thread that writes, with group commit: after 2 ms or 256 rows, whichever is first. What gathers
    while the disk is slow is written together.

    Call all methods on the event loop; `then` is called there once the rows are on disk. While the disk is
    full, or does not answer, rows wait and are retried; `on_hold` is called with the reason, and with None
    once they are written. Where a retry is no use, `on_failure` is called once with the reason, and nothing
    more is written. `saved` is called on the thread with the results of each group that is on disk.
    """

    def __init__(
        self,
        journal: Journal,
        on_failure: Callable[[JournalError], None],
        on_hold: Callable[[str | None], None] = lambda _: None,
        saved: Callable[[Sequence[ResultRow]], None] | None = None,
    ) -> None:
        self._journal = journal
        self._on_failure = on_failure
        self._on_hold = on_hold
        self._saved = saved
        self._loop = asyncio.get_running_loop()
        self._batch = _Batch()
        self._rows = 0
        self._timer: asyncio.TimerHandle | None = None
        self._queue: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._ahead: list[_Batch | None] = []
        """The one that was taken from the queue too early; of the thread alone."""
        self._closing = threading.Event()
        self.failure: JournalError | None = None
        """Why rows were dropped, if they were."""
        self._thread = threading.Thread(target=self._write_batches, name="llmdash-journal", daemon=True)
        self._thread.start()

    async def sent(self, record: AttemptRecord) -> None:
        """Write that an attempt is about to be sent, and wait until that is on disk."""
        written: asyncio.Future[None] = self._loop.create_future()
        self._batch.group.attempts.append(record)
        self._add(lambda: _set(written))
        await written

    def ended(self, record: AttemptRecord, result: ResultRow | None, then: Callable[[], None]) -> None:
        """Write the outcome of an attempt and, if its job ends with it, the job's result: one transaction."""
        self._batch.group.attempts.append(record)
        if result is not None:
            self._batch.group.results.append(result)
        self._add(then)

    def settled(self, result: ResultRow, then: Callable[[], None]) -> None:
        """Write that a job ended without another attempt."""
        self._batch.group.results.append(result)
        self._add(then)

    def reopened(self, job: int) -> None:
        """Write that an ended job is pending again; its attempts stay."""
        if any(result.job == job for result in self._batch.group.results):
            self._flush()  # deletions come before insertions within a group
        self._batch.group.reopened.append(job)
        self._add(_nothing)

    def health(self, record: HealthRecord) -> None:
        """Write the state of a key."""
        self._batch.group.health.append(record)
        self._add(_nothing)

    def facts(self, facts: Mapping[str, Any]) -> None:
        """Write facts of the run that have changed."""
        self._batch.group.facts.update(facts)
        self._add(_nothing)

    def sample(self, row: SampleRow) -> None:
        """Write the next row of the time series."""
        self._batch.group.samples.append(row)
        self._add(_nothing)

    def moments(self, rows: Sequence[MomentRow]) -> None:
        """Write what was set or happened."""
        if rows:
            self._batch.group.moments.extend(rows)
            self._add(_nothing)

    async def batch(self, record: BatchRecord, attempts: Iterable[AttemptRecord] = ()) -> None:
        """Write where a batch is, with what becomes of its attempts by that: one transaction. Wait until that
        is on disk.
        """
        self._batch.group.batches.append(record)
        self._batch.group.attempts.extend(attempts)
        await self.flushed()

    async def members(self, attempts: Iterable[AttemptRecord]) -> None:
        """Write attempts that will be in a batch, before the batch itself: what comes meanwhile need not wait
        for all of them. Wait until they are on disk.
        """
        self._batch.group.attempts.extend(attempts)
        await self.flushed()

    async def flushed(self) -> None:
        """Wait until all that was written so far is on disk, and each `then` of it was called."""
        written: asyncio.Future[None] = self._loop.create_future()
        self._add(lambda: _set(written))
        await written

    async def finish(self) -> None:
        """Write what is left, and end the thread; a full disk gets two more seconds.

        Each `then` of rows that are on disk was called.
        """
        self._flush()
        self._closing.set()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.sleep(0)  # what the thread has reported last may come after the word of its end

    async def close(self, last: Mapping[str, Any] = _NO_FACTS) -> None:
        """Finish, write the `last` facts if the disk takes them, and close the file."""
        await self.finish()
        if last and self.failure is None:
            with suppress(sqlite3.Error):  # the rows are complete, which is what counts
                self._journal.write(Group(facts=dict(last)))
        self._journal.close()

    def _add(self, then: Callable[[], None]) -> None:
        self._batch.then.append(then)
        self._rows += 1
        if self._rows >= _GROUP_ROWS:
            self._flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(_GATHER_S, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._rows:
            self._queue.put(self._batch)
            self._batch, self._rows = _Batch(), 0

    def _write_batches(self) -> None:
        while (batch := self._next()) is not None:
            try:
                self._write(batch.group)
                if self._saved is not None and batch.group.results:
                    self._saved(batch.group.results)
            except Exception as error:  # noqa: BLE001 - the thread's one boundary: a row that cannot be written must not hang the run
                self.failure = StorageError(f"the journal cannot be written: {error}")
                self._tell(self._on_failure, self.failure)
                return
            self._tell(_call_all, batch.then)

    def _next(self) -> _Batch | None:
        """Wait for the next batch, and add those that wait already; None at the end."""
        batch = self._ahead.pop() if self._ahead else self._queue.get()
        while batch is not None and not self._queue.empty():
            following = self._queue.get()
            if following is None or not batch.takes(following):
                self._ahead.append(following)
                break
            batch.add(following)
        return batch

    def _write(self, group: Group) -> None:
        """Write a group, however long the disk takes to have room for it."""
        waited_s = leaving_s = 0.0
        while True:
            try:
                self._journal.write(group)
                break
            except sqlite3.OperationalError as error:
                retry_for_s = _RETRY_FOR_S.get(error.sqlite_errorcode & 0xFF, 0.0)
                if waited_s >= retry_for_s or leaving_s >= _LAST_S:
                    raise
                if not waited_s:
                    self._tell(self._on_hold, str(error))
            time.sleep(_AGAIN_S)
            waited_s += _AGAIN_S
            leaving_s += _AGAIN_S if self._closing.is_set() else 0.0
        if waited_s:
            self._tell(self._on_hold, None)

    def _tell(self, callback: Callable[..., None], argument: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, argument)
        except RuntimeError:
            return  # the loop is closed: there is nobody to tell


def _set(written: asyncio.Future[None]) -> None:
    if not written.done():  # the waiting task may have been cancelled
        written.set_result(None)


def _call_all(callbacks: list[Callable[[], None]]) -> None:
    for callback in callbacks:
        callback()


def _nothing() -> None:
    """For rows that need no action once they are on disk."""
