"""Counters and rates over a trailing window of time, at a constant cost."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

__all__ = ["RollingCounter", "SecondsWindow", "latest_rate"]


class RollingCounter:
    """Counts amounts in each of the last `seconds` seconds. Times are monotonic seconds.

    Reading changes nothing, so that any thread may read.
    """

    def __init__(self, seconds: int = 60) -> None:
        self._buckets = [0] * seconds
        self._second = 0

    def add(self, now: float, amount: int = 1) -> None:
        """Count `amount` at the time `now`."""
        second = int(now)
        if second > self._second:
            self._move_to(second)
        self._buckets[self._second % len(self._buckets)] += amount

    def total(self, now: float) -> int:
        """Return the sum over the whole window."""
        if int(now) <= self._second:
            return sum(self._buckets)
        return sum(self.series(now, len(self._buckets)))

    def series(self, now: float, seconds: int) -> tuple[int, ...]:
        """Return the amounts of the last `seconds` seconds, the current one included, oldest first."""
        size, last = len(self._buckets), self._second
        end = max(int(now), last)
        first = end - seconds + 1
        known = max(first, last - size + 1)
        if known > last:
            return (0,) * seconds
        begin, past = known % size, last % size + 1
        found = self._buckets[begin:past] if begin < past else self._buckets[begin:] + self._buckets[:past]
        return (0,) * (known - first) + tuple(found) + (0,) * (end - last)

    def _move_to(self, second: int) -> None:
        size = len(self._buckets)
        for passed in range(max(self._second + 1, second - size + 1), second + 1):
            self._buckets[passed % size] = 0
        self._second = second


def latest_rate(seconds: Sequence[int], now: float) -> float:
    """Return the amount a second that was reached up to `now`, by the amounts in whole seconds of the clock,
    oldest first, the last of which has not ended: the most over any time that ends now, of a second and more.

    So one that has begun or risen lately is no less for what was before. Where nothing is even it is too high
    rather than too low.
    """
    begun_s, total, most = now - int(now), 0, 0.0
    for whole, amount in enumerate(reversed(seconds)):
        total += amount
        most = max(most, total / max(1.0, whole + begun_s))
    return most


class SecondsWindow:
    """A rate over a trailing window: the amount of the last `seconds`, over the time elapsed in them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._entries: deque[tuple[float, int]] = deque()
        self._sum = 0
        self._start: float | None = None

    def add(self, now: float, amount: int = 1) -> None:
        """Count `amount` at the time `now`; entries within 10 ms are merged."""
        self._start = now if self._start is None else self._start
        if self._entries and now - self._entries[-1][0] < 0.01:
            at, before = self._entries[-1]
            self._entries[-1] = (at, before + amount)
        else:
            self._entries.append((now, amount))
        self._sum += amount

    def rate(self, now: float) -> float:
        """Return the amount a second; 0 without entries."""
        while self._entries and self._entries[0][0] <= now - self._seconds:
            self._sum -= self._entries.popleft()[1]
        if self._start is None or not self._entries:
            return 0.0
        return self._sum / max(min(self._seconds, now - self._start), min(self._seconds, 1.0))
