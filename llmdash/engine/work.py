"""WorkQueue: which job is next.

Pending jobs in their order, retries that are due, jobs that were put back.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict
from collections.abc import Sequence

__all__ = ["WorkQueue"]


class WorkQueue:
    """Hands out each open job to one taker at a time, until every job has ended.

    A job is open from the start until `end`; in between it is pending, ready, in backoff, or with a taker.
    """

    def __init__(self, pending: Sequence[int]) -> None:
        self._pending = pending
        self._next = 0
        self._ready: OrderedDict[int, None] = OrderedDict()
        self._backoff: list[tuple[float, int]] = []
        self._due: dict[int, float] = {}
        """When each job in backoff is due; an entry of `_backoff` that says otherwise is void."""
        self._dropped: set[int] = set()
        self._open = len(pending)
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def open(self) -> int:
        """Jobs that have not ended."""
        return self._open

    @property
    def waiting(self) -> int:
        """Jobs nobody has taken and that could be taken now."""
        return len(self._pending) - self._next - len(self._dropped) + len(self._ready)

    async def take(self) -> tuple[int, bool]:
        """The next job, and whether it is fresh (never handed out before). Waits while there is none."""
        while True:
            if self._ready:
                return self._ready.popitem(last=False)[0], False
            if (job := self._next_pending()) is not None:
                return job, True
            self._changed.clear()
            await self._changed.wait()

    def _next_pending(self) -> int | None:
        while self._next < len(self._pending):
            job = self._pending[self._next]
            self._next += 1
            if job not in self._dropped:
                return job
            self._dropped.discard(job)
        return None

    def put_back(self, job: int) -> None:
        """The taker could not do it now: it is the next one."""
        self._ready[job] = None
        self._ready.move_to_end(job, last=False)
        self._changed.set()

    def put_off(self, job: int, delay_s: float) -> None:
        """The job is ready again after `delay_s` seconds."""
        due = asyncio.get_running_loop().time() + delay_s
        self._due[job] = due
        heapq.heappush(self._backoff, (due, job))
        self._arm()

    def end(self, job: int) -> None:
        """The job has ended."""
        self._open -= 1
        self._ended.set()

    def reopen(self, job: int) -> None:
        """An ended job is wanted again."""
        self._open += 1
        self._ready[job] = None
        self._changed.set()

    def drop(self, job: int) -> None:
        """Never hand out this job, which no taker has; it still has to be ended."""
        if job in self._ready:
            del self._ready[job]
        elif self._due.pop(job, None) is None:
            self._dropped.add(job)

    async def all_ended(self) -> None:
        """Wait until no job is open."""
        while self._open:
            self._ended.clear()
            await self._ended.wait()

    async def some_open(self) -> None:
        """Wait until a job is open."""
        while not self._open:
            self._changed.clear()
            await self._changed.wait()

    def close(self) -> None:
        """Forget the clock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self.close()
        if self._backoff:
            self._timer = asyncio.get_running_loop().call_at(self._backoff[0][0], self._wake_due)

    def _wake_due(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._backoff and self._backoff[0][0] <= now + 0.001:
            due, job = heapq.heappop(self._backoff)
            if self._due.get(job) == due:
                del self._due[job]
                self._ready[job] = None
                self._changed.set()
        self._arm()
