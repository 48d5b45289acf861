"""Workers that send through a limiter, and what may be said of the times at which they did."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from llmdash.engine.dispatch.limiter import RateLimiter
from tests.engine.virtual_time import now


def most_in_a_second(times: list[float]) -> int:
    """The most of `times` (ascending) within any half-open second."""
    return max((bisect_left(times, at + 1.0 - 1e-9) - n for n, at in enumerate(times)), default=0)


def bound(rate: float) -> float:
    return rate + max(1.0, rate * 0.05)


async def nothing() -> None:
    pass


class Senders:
    """Workers that always have something to send, and note when each request left."""

    def __init__(self, limiter: RateLimiter, disk: Callable[[], Awaitable[Any]] = nothing) -> None:
        self.times: list[float] = []
        self._limiter = limiter
        self._disk = disk

    @asynccontextmanager
    async def working(self, workers: int = 64) -> AsyncIterator[Senders]:
        tasks = [asyncio.create_task(self._work()) for _ in range(workers)]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            await self._limiter.acquire()
            await self._disk()
            (await self._limiter.depart()).left()
            self.times.append(now())

    def since(self, start: float) -> int:
        return len(self.times) - bisect_left(self.times, start)
