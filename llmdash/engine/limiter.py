"""RateLimiter: aiolimiter whose rate can be set while others wait.

Two guards, one behind the other. The *bucket* (an `AsyncLimiter`, its public API only) spaces permits:
capacity 50 ms worth of the rate, so that no time is lost to late timers. The *window* counts what is really
sent: in no second more than rate + max(1, 5 %), whatever happened between a permit and its request (a slow
disk, a suspended machine).
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from aiolimiter import AsyncLimiter

__all__ = ["LimiterStatistics", "RateLimiter"]

_BURST_S = 0.05
_BATCH_S = 0.01
_WINDOW_S = 1.03
"""A second and what the network may shift: arrivals are counted by the server's clock, not by ours."""


@dataclass(frozen=True, slots=True)
class LimiterStatistics:
    """`waiting` counts those in line; `granted` all permits so far."""

    rate: float | None
    waiting: int
    granted: int


class RateLimiter:
    """Permits at `rate` a second, first come, first served; None means without limit.

    `acquire` gives a permit; `depart` is called right before the request leaves. `set_rate` acts on those who
    already wait: the first of them goes within 1/rate + 10 ms.
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._granted = 0
        self._bucket = _bucket(rate) if rate is not None else None
        self._window = _SendWindow(rate)

    @property
    def rate(self) -> float | None:
        """Requests a second, or None."""
        return self._rate

    def statistics(self) -> LimiterStatistics:
        return LimiterStatistics(self._rate, len(self._waiters), self._granted)

    def set_rate(self, rate: float | None) -> None:
        """Set the rate for everyone, those in line included. Call it on the event loop."""
        if rate is not None and not 0 < rate < float("inf"):
            raise ValueError(f"the rate must be above 0, not {rate!r}")
        if rate == self._rate:
            return
        free = _free(self._bucket) / self._bucket.max_rate if self._bucket is not None else 1.0
        self._rate = rate
        self._window.set_rate(rate)
        self._bucket = _bucket(rate) if rate is not None else None
        if self._bucket is not None:
            # The new bucket is as full as the old one was: a change of rate is no occasion for a burst.
            _take(
                self._bucket,
                self._bucket.max_rate * (0.0 if free > 0.99 and not self._waiters else 1.0 - free),
            )
        self._grant()

    async def acquire(self) -> None:
        """Wait for a permit."""
        if not self._waiters and self._try_take():
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        if self._timer is None:
            self._arm()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._granted -= 1  # given to one who had left; the bucket forgets it within 1/rate
            raise

    async def depart(self) -> None:
        """Wait until sending now keeps every second within bounds, and count the request.

        Mostly returns at once.
        """
        clock = asyncio.get_running_loop().time
        delay = self._window.delay(clock())
        while delay > 0:
            await asyncio.sleep(delay)  # the window moves with time, not with an event
            delay = self._window.delay(clock())

    def _try_take(self) -> bool:
        if self._bucket is not None:
            if not self._bucket.has_capacity():
                return False
            _take(self._bucket, 1)
        self._granted += 1
        return True

    def _grant(self) -> None:
        """Serve the line as far as the bucket allows, and set the clock for the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiters:
            if self._waiters[0].done():
                self._waiters.popleft()
            elif self._try_take():
                self._waiters.popleft().set_result(None)
            else:
                self._arm()
                return

    def _arm(self) -> None:
        assert self._bucket is not None and self._rate is not None  # noqa: S101 - nobody waits without a limit
        missing = (1.0 - _free(self._bucket)) / self._rate
        batch = _BATCH_S if self._rate * _BATCH_S > 1 else 0.0
        self._timer = asyncio.get_running_loop().call_later(max(missing, batch, 0.0005), self._grant)


class _SendWindow:
    """The requests of the last second, by the time they left."""

    def __init__(self, rate: float | None) -> None:
        self._sent: deque[float] = deque()
        self._limit = 0
        self.set_rate(rate)

    def set_rate(self, rate: float | None) -> None:
        """Count afresh: what was sent under another rate says nothing about this one."""
        self._sent.clear()
        self._limit = 0 if rate is None else int(rate + max(1.0, rate * 0.05))

    def delay(self, now: float) -> float:
        """0 and counted, or the seconds to wait before asking again."""
        if not self._limit:
            return 0.0
        sent = self._sent
        while sent and sent[0] <= now - _WINDOW_S:
            sent.popleft()
        if len(sent) < self._limit:
            sent.append(now)
            return 0.0
        return sent[0] + _WINDOW_S - now + 0.0005


def _bucket(rate: float) -> AsyncLimiter:
    """A capacity of 50 ms, and never less than 1.5: with 1, each late timer would cost a piece of the
    rate.
    """
    capacity = max(1.5, rate * _BURST_S)
    return AsyncLimiter(capacity, capacity / rate)


def _take(bucket: AsyncLimiter, amount: float) -> None:
    """Book `amount`, for which there is capacity: the coroutine then ends without ever waiting."""
    taking = bucket.acquire(min(amount, bucket.max_rate))
    try:
        taking.send(None)
    except StopIteration:
        return
    taking.close()
    raise RuntimeError("the bucket had less capacity than it said")


def _free(bucket: AsyncLimiter) -> float:
    """The free capacity, to within 2^-12 of the whole; asked for by halving, since the level itself is
    private.
    """
    if bucket.has_capacity(bucket.max_rate):
        return bucket.max_rate
    low, step = 0.0, bucket.max_rate / 2
    for _ in range(12):
        if bucket.has_capacity(low + step):
            low += step
        step /= 2
    return low
