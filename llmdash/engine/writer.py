"""JournalWriter: the event loop's way into the journal; rows gather for a moment and are committed as a
group.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from llmdash.engine.journal import AttemptRecord, JournalError, JournalFile, ResultRow

__all__ = ["JournalWriter"]

_GATHER_S = 0.002
_GROUP_ROWS = 256


@dataclass(slots=True)
class _Group:
    attempts: list[AttemptRecord] = field(default_factory=list)
    results: list[ResultRow] = field(default_factory=list)
    reopened: list[int] = field(default_factory=list)
    then: list[Callable[[], None]] = field(default_factory=list)


class JournalWriter:
    """One thread that writes, with group commit: after 2 ms or 256 rows, whichever is first.

    All methods belong to the event loop; `then` is called there once the rows are on disk. If the disk
    refuses, `on_failure` is called once with the reason, and nothing more is written.
    """

    def __init__(self, journal: JournalFile, on_failure: Callable[[JournalError], None]) -> None:
        self._journal = journal
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._group = _Group()
        self._rows = 0
        self._timer: asyncio.TimerHandle | None = None
        self._queue: queue.SimpleQueue[_Group | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_groups, name="llmdash-journal", daemon=True)
        self._thread.start()

    async def sent(self, record: AttemptRecord) -> None:
        """Write that an attempt is about to leave, and wait until that is on disk."""
        written: asyncio.Future[None] = self._loop.create_future()
        self._group.attempts.append(record)
        self._add(lambda: _set(written))
        await written

    def ended(self, record: AttemptRecord, result: ResultRow | None, then: Callable[[], None]) -> None:
        """Write what an attempt came to and, if that settles it, what its job ended with: one transaction."""
        self._group.attempts.append(record)
        if result is not None:
            self._group.results.append(result)
        self._add(then)

    def settled(self, result: ResultRow, then: Callable[[], None]) -> None:
        """Write that a job ended without another attempt."""
        self._group.results.append(result)
        self._add(then)

    def reopened(self, job: int, then: Callable[[], None]) -> None:
        """Write that an ended job is pending again; its attempts stay."""
        if any(result.job == job for result in self._group.results):
            self._flush()  # deletions come before insertions within a group
        self._group.reopened.append(job)
        self._add(then)

    async def close(self) -> None:
        """Write what is left and end the thread."""
        self._flush()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._journal.close()

    def _add(self, then: Callable[[], None]) -> None:
        self._group.then.append(then)
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
            self._queue.put(self._group)
            self._group, self._rows = _Group(), 0

    def _write_groups(self) -> None:
        while (group := self._queue.get()) is not None:
            try:
                self._journal.write(group.attempts, group.results, group.reopened)
            except Exception as error:  # noqa: BLE001 - the thread's one boundary: a row that cannot be written must not hang the run
                self._tell(self._on_failure, JournalError(f"the journal cannot be written: {error}"))
                return
            self._tell(_call_all, group.then)

    def _tell(self, callback: Callable[..., None], argument: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, argument)
        except RuntimeError:
            return  # the loop is gone: nobody is left to hear it


def _set(written: asyncio.Future[None]) -> None:
    if not written.done():  # whoever waited may have been cancelled
        written.set_result(None)


def _call_all(callbacks: list[Callable[[], None]]) -> None:
    for callback in callbacks:
        callback()
