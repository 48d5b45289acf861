"""RateLimiter: an aiolimiter whose rate can be set while others wait.

Two limits, one after the other. The *bucket* (an `AsyncLimiter`, its public API only) spaces permits:
capacity 50 ms worth of the rate, so that no time is lost to late timers. The *window* counts requests
actually sent: in no second more than rate + max(1, 5 %), whatever the delay between a permit and its request
(a slow disk), or between a request and its bytes on the network (a suspended machine).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from aiolimiter import AsyncLimiter

from llmdash.engine.dispatch.send_window import Departure, SendWindow
from llmdash.lean_dataclass import dataclass

__all__ = ["LimiterStatistics", "RateLimiter"]

_BURST_S = 0.05
_BATCH_S = 0.01
_PRECISION = 1e-6
_LOOK_S = 0.04
_GRAIN_S = 0.0005


@dataclass(frozen=True, slots=True)
class LimiterStatistics:
    """The state of a limiter: `rate` in requests a second, the numbers of waiters and permits granted, and
    when the first of the waiters gets one, on the clock of the event loop; None while there is none.
    """

    rate: float | None
    waiting: int
    granted: int
    next_at: float | None = None


class RateLimiter:
    """Grants permits at `rate` a second, first come, first served; None means no limit.

    `acquire` waits for a permit. `depart`, called right before the request is passed to its sender, waits for
    a Departure: a ticket to settle once it is known whether the request was sent. `set_rate` affects current
    waiters: the first of them is granted within 1/rate + 10 ms.
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._next_at: float | None = None
        self._granted = 0
        self._absent = 0
        self._bucket = _bucket(rate) if rate is not None else None
        self._window = SendWindow(rate)

    @property
    def rate(self) -> float | None:
        """Requests a second, or None."""
        return self._rate

    def statistics(self) -> LimiterStatistics:
        waiting = max(0, len(self._waiters) - self._absent)
        return LimiterStatistics(self._rate, waiting, self._granted, self._next_at if waiting else None)

    @property
    def memory_s(self) -> float:
        """The seconds for which a request counts."""
        capacity_s = _capacity(self._rate) / self._rate if self._rate is not None else 0.0
        return max(1.0, capacity_s) + 1.0

    def seed(self, ago_s: Sequence[float]) -> None:
        """Count requests that were sent this many seconds ago, oldest first, before any permit is granted.

        On the event loop only.
        """
        if self._rate is None:
            return
        capacity, level, before = _capacity(self._rate), 0.0, 0.0
        for ago in ago_s:
            level = min(capacity, max(0.0, level - max(0.0, before - ago) * self._rate) + 1.0)
            before = ago
        level = max(0.0, level - before * self._rate)
        self._bucket = _bucket(self._rate, 1.0 - level / capacity)
        now = asyncio.get_running_loop().time()
        self._window.seed([now - ago for ago in ago_s])

    def set_rate(self, rate: float | None) -> None:
        """Set the rate, for current waiters too; on the event loop only. Raises ValueError if not above 0."""
        if rate is not None and not 0 < rate < float("inf"):
            raise ValueError(f"the rate must be above 0, not {rate!r}")
        if rate == self._rate:
            return
        share = _free(self._bucket) / self._bucket.max_rate if self._bucket is not None else 1.0
        self._rate = rate
        self._window.set_rate(rate, asyncio.get_running_loop().time())
        # The new bucket is as full as the old one was, so that a change of rate causes no burst.
        self._bucket = _bucket(rate, share) if rate is not None else None
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
            if waiter.cancelled():
                self._absent += 1
            else:
                self._give_back()
            raise

    async def depart(self) -> Departure:
        """Wait until sending now keeps every second within bounds, and count the request as in flight.

        Usually returns at once.
        """
        clock = asyncio.get_running_loop().time
        delay = self._window.delay(clock())
        while delay > 0:
            await asyncio.sleep(min(delay, _LOOK_S))  # the window moves with time, and with the rate
            delay = self._window.delay(clock())
        return self._window.departure()

    def _give_back(self) -> None:
        """Return the permit of a cancelled waiter to the bucket, for the next waiter."""
        self._granted -= 1
        if self._bucket is not None and self._rate is not None:
            share = min(1.0, (_free(self._bucket) + 1.0) / self._bucket.max_rate)
            self._bucket = _bucket(self._rate, share)
            self._grant()

    def _try_take(self) -> bool:
        if self._bucket is not None:
            if not self._bucket.has_capacity():
                return False
            _take(self._bucket, 1)
        self._granted += 1
        return True

    def _grant(self) -> None:
        """Grant permits to waiters as far as the bucket allows, and set the timer for the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiters:
            if self._waiters[0].done():
                self._waiters.popleft()
                self._absent -= 1
            elif self._try_take():
                self._waiters.popleft().set_result(None)
            else:
                self._arm()
                return

    def _arm(self) -> None:
        assert self._bucket is not None and self._rate is not None  # noqa: S101 - there are no waiters without a limit
        missing = (1.0 - _free(self._bucket) + _PRECISION) / self._rate
        batch = _BATCH_S if self._rate * _BATCH_S > 1 else 0.0
        loop = asyncio.get_running_loop()
        self._next_at = loop.time() + missing
        self._timer = loop.call_later(max(missing, batch, _GRAIN_S), self._grant)


def _bucket(rate: float, share: float = 1.0) -> AsyncLimiter:
    """Return a bucket with `share` (0 to 1) of its capacity free.

    The capacity is 50 ms worth of the rate, at least 1.5: with 1, each late timer would reduce the rate.
    """
    capacity = _capacity(rate)
    bucket = AsyncLimiter(capacity, capacity / rate)
    if share < 1.0:
        _take(bucket, capacity * (1.0 - share))
    return bucket


def _capacity(rate: float) -> float:
    return max(1.5, rate * _BURST_S)


def _take(bucket: AsyncLimiter, amount: float) -> None:
    """Take `amount` from the bucket, which has that capacity: the coroutine then ends without waiting."""
    taking = bucket.acquire(min(amount, bucket.max_rate))
    try:
        taking.send(None)
    except StopIteration:
        return
    taking.close()
    raise RuntimeError("the bucket had less capacity than it reported")


def _free(bucket: AsyncLimiter) -> float:
    """Return the free capacity, within 2^-12 of the whole; found by bisection, since the level is private."""
    if bucket.has_capacity(bucket.max_rate):
        return bucket.max_rate
    low, step = 0.0, bucket.max_rate / 2
    for _ in range(12):
        if bucket.has_capacity(low + step):
            low += step
        step /= 2
    return low
