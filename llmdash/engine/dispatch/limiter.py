"""RateLimiter: aiolimiter whose rate can be set while others wait.

Two guards, one behind the other. The *bucket* (an `AsyncLimiter`, its public API only) spaces permits:
capacity 50 ms worth of the rate, so that no time is lost to late timers. The *window* counts what is really
sent: in no second more than rate + max(1, 5 %), whatever happened between a permit and its request (a slow
disk), or between a request and its bytes on the wire (a suspended machine).
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass

from aiolimiter import AsyncLimiter

__all__ = ["LimiterStatistics", "RateLimiter"]

_BURST_S = 0.05
_BATCH_S = 0.01
_WINDOW_S = 1.03
"""A second and what the network may shift: arrivals are counted by the server's clock, not by ours."""
_AIR = 0.998
"""The window is never so long that it, and not the bucket, sets the steady rate."""
_PRECISION = 1e-6
_LOOK_S = 0.04
_SETTLE_S = 0.005
_PROMPT_S = 0.015
"""What a request may take from its departure to the second tick; the window has room for it."""
_GRAIN_S = 0.0005


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
        self._absent = 0
        self._bucket = _bucket(rate) if rate is not None else None
        self._window = _SendWindow(rate)
        self._settling: asyncio.TimerHandle | None = None

    @property
    def rate(self) -> float | None:
        """Requests a second, or None."""
        return self._rate

    def statistics(self) -> LimiterStatistics:
        return LimiterStatistics(self._rate, max(0, len(self._waiters) - self._absent), self._granted)

    def set_rate(self, rate: float | None) -> None:
        """Set the rate for everyone, those in line included. Call it on the event loop."""
        if rate is not None and not 0 < rate < float("inf"):
            raise ValueError(f"the rate must be above 0, not {rate!r}")
        if rate == self._rate:
            return
        share = _free(self._bucket) / self._bucket.max_rate if self._bucket is not None else 1.0
        self._rate = rate
        self._window.set_rate(rate, asyncio.get_running_loop().time())
        # The new bucket is as full as the old one was: a change of rate is no occasion for a burst.
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

    async def depart(self) -> None:
        """Wait until sending now keeps every second within bounds, and count the request.

        Mostly returns at once.
        """
        clock = asyncio.get_running_loop().time
        delay = self._window.delay(clock())
        while delay > 0:
            await asyncio.sleep(min(delay, _LOOK_S))  # the window moves with time, and with the rate
            delay = self._window.delay(clock())
        if self._settling is None and self._rate is not None:
            self._settling = asyncio.get_running_loop().call_later(_SETTLE_S, self._settle)

    def _settle(self) -> None:
        loop = asyncio.get_running_loop()
        more = self._window.settle(loop.time())
        self._settling = loop.call_later(_SETTLE_S, self._settle) if more else None

    def _give_back(self) -> None:
        """A permit came to one who had left: put it into the bucket again, for the next in line."""
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
        """Serve the line as far as the bucket allows, and set the clock for the next."""
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
        assert self._bucket is not None and self._rate is not None  # noqa: S101 - nobody waits without a limit
        missing = (1.0 - _free(self._bucket) + _PRECISION) / self._rate
        batch = _BATCH_S if self._rate * _BATCH_S > 1 else 0.0
        self._timer = asyncio.get_running_loop().call_later(max(missing, batch, _GRAIN_S), self._grant)


class _SendWindow:
    """The requests of the last second, by the time at which they were on the wire.

    From `depart` to its bytes on the wire a request needs a lease or two of the event loop: next to nothing,
    unless the machine is suspended just then, or the loop is busy. So a request counts as sent now until it
    is settled, at the second tick after it left: with the time at which it left, or that of the tick if that
    is much later.

    A second in which the rate was changed may hold as many as the highest rate of that second allows; and so
    may each part of it that ends now.
    """

    def __init__(self, rate: float | None) -> None:
        self._sent: deque[float] = deque()
        self._leaving: list[float] = []
        self._left: list[float] = []  # before the last tick
        self._total = 0
        self._rate = rate
        self._earlier: deque[tuple[float, float | None, int]] = deque()
        """(until when, rate, sent by then in all), oldest first: what was set within the last second."""

    def set_rate(self, rate: float | None, now: float) -> None:
        """`rate` holds from `now` on."""
        self._earlier.append((now, self._rate, self._total))
        self._rate = rate

    def settle(self, now: float) -> bool:
        """A tick: what left before the last one is on the wire by now. False if nothing is on its way."""
        late = [at for at in self._left if at < now - _PROMPT_S]
        if late:
            # What left under an earlier rate, and got to the wire in another second, counts in that one.
            before = self._total - len(self._left) - len(self._leaving)
            self._earlier = deque((at, rate, min(total, before)) for at, rate, total in self._earlier)
            self._sent.extend([now] * len(late))
        newest = self._sent[-1] if self._sent else 0.0
        self._sent.extend(max(newest, at) for at in self._left[len(late) :])
        self._left, self._leaving = self._leaving, []
        return bool(self._left)

    def delay(self, now: float) -> float:
        """0 and counted, or the seconds to wait before asking again."""
        while self._earlier and self._earlier[0][0] <= now - _WINDOW_S:
            self._earlier.popleft()
        if self._rate is None:
            return 0.0
        limit, span = _bounds(self._rate)
        for until, rate, total in reversed(self._earlier):
            if self._total - total >= limit:
                return max(0.0, until + span - now) + _GRAIN_S
            limit = max(limit, _bounds(rate)[0] if rate is not None else math.inf)
        sent, on_the_way = self._sent, len(self._left) + len(self._leaving)
        while sent and sent[0] <= now - span:
            sent.popleft()
        if len(sent) + on_the_way >= limit:
            return max(0.0, sent[0] + span - now) + _GRAIN_S if sent else _SETTLE_S
        self._leaving.append(now)
        self._total += 1
        return 0.0


def _bounds(rate: float) -> tuple[float, float]:
    """How many may leave in how many seconds: in none of them more than rate + max(1, 5 %).

    Where that is hardly above the rate itself (1.99 a second: 2), the span gives way, down to one second.
    """
    limit = float(int(rate + max(1.0, rate * 0.05)))
    return limit, max(1.0, min(_WINDOW_S, limit / rate * _AIR))


def _bucket(rate: float, share: float = 1.0) -> AsyncLimiter:
    """A bucket with `share` (0 to 1) of its capacity free.

    The capacity is 50 ms worth of the rate, and never less than 1.5: with 1, each late timer would cost a
    piece of the rate.
    """
    capacity = max(1.5, rate * _BURST_S)
    bucket = AsyncLimiter(capacity, capacity / rate)
    if share < 1.0:
        _take(bucket, capacity * (1.0 - share))
    return bucket


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
