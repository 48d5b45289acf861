"""A journal in memory, on the time of the running loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from llmdash.engine.model.records import AttemptRecord, HealthRecord, ResultRow


class MemoryJournal:
    """Has the methods of JournalWriter; rows are on its disk 3 ms later, or when the disk has room again."""

    def __init__(self) -> None:
        self.is_full = False
        self.attempts: dict[tuple[int, int], AttemptRecord] = {}
        self.results: dict[int, ResultRow] = {}
        self.settled_twice: list[int] = []
        self.health_records: list[HealthRecord] = []
        self._waiting: list[tuple[Callable[[], None], Callable[[], None]]] = []
        self._timer: asyncio.TimerHandle | None = None

    async def sent(self, record: AttemptRecord) -> None:
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def acknowledge() -> None:
            if not written.done():
                written.set_result(None)

        self._add(lambda: self._attempt(record), acknowledge)
        await written

    def ended(self, record: AttemptRecord, result: ResultRow | None, then: Callable[[], None]) -> None:
        def write() -> None:
            self._attempt(record)
            if result is not None:
                self._result(result)

        self._add(write, then)

    def settled(self, result: ResultRow, then: Callable[[], None]) -> None:
        self._add(lambda: self._result(result), then)

    def reopened(self, job: int) -> None:
        self._add(lambda: self.results.pop(job, None), _nothing)

    def health(self, record: HealthRecord) -> None:
        self._add(lambda: self.health_records.append(record), _nothing)

    def make_room(self) -> None:
        self.is_full = False
        self._arm()

    def _attempt(self, record: AttemptRecord) -> None:
        self.attempts[record.job, record.attempt] = record

    def _result(self, result: ResultRow) -> None:
        if result.job in self.results:
            self.settled_twice.append(result.job)
        self.results[result.job] = result

    def _add(self, write: Callable[[], object], then: Callable[[], object]) -> None:
        self._waiting.append((cast("Callable[[], None]", write), cast("Callable[[], None]", then)))
        self._arm()

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(0.003, self._commit)

    def _commit(self) -> None:
        self._timer = None
        if self.is_full:
            return
        group, self._waiting = self._waiting, []
        for write, _ in group:
            write()
        for _, then in group:
            then()


def _nothing() -> None:
    pass
