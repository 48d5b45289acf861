"""RetryBudget: limits the share of retries, so that they do not overload a failing server."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

__all__ = ["RetryBudget"]

_WINDOW_S = 60.0
_GRAIN_S = 0.1
_LOOK_S = 0.25


class RetryBudget:
    """Allows in no minute more retries than `share` (0 to 1) of its requests plus `floor`.

    The floor is at least the concurrency (`cover`): one fault that hits all requests in flight must not block
    a small batch for minutes. Times are monotonic seconds, counted in tenths.
    """

    def __init__(self, clock: Callable[[], float], share: float = 0.2, floor: int = 10) -> None:
        self._clock = clock
        self.share = share
        self.floor = self._least = floor
        self._entries: deque[list[float]] = deque()
        """[when, requests, retries] for each tenth of a second with any, oldest first."""
        self._requests = self._retries = 0.0
        self._held_at = -_WINDOW_S
        self._granted = 0

    @property
    def is_short(self) -> bool:
        """True if the budget delayed a retry recently."""
        return self._clock() - self._held_at < 2 * _LOOK_S

    def cover(self, in_flight: int) -> None:
        """Raise the floor to `in_flight` requests, which may all fail at once."""
        self.floor = max(self._least, in_flight)

    def take(self) -> bool:
        """Return True if a retry is granted, to be `sent` or given back; else ask again after `look_s`."""
        self._entry()
        if self._retries + self._granted + 1 > self.share * self._requests + self.floor:
            self._held_at = self._clock()
            return False
        self._granted += 1
        return True

    def give_back(self) -> None:
        """Return a granted retry that is not sent."""
        self._granted -= 1

    def sent(self, *, is_retry: bool = False) -> None:
        """Count a sent request; `is_retry` if it used a granted retry."""
        entry = self._entry()
        entry[1] += 1
        self._requests += 1
        if is_retry:
            entry[2] += 1
            self._retries += 1
            self._granted -= 1

    @property
    def look_s(self) -> float:
        """Seconds until the budget may have recovered."""
        return _LOOK_S

    def _entry(self) -> list[float]:
        now = self._clock()
        while self._entries and self._entries[0][0] <= now - _WINDOW_S - _GRAIN_S:
            _, requests, retries = self._entries.popleft()
            self._requests -= requests
            self._retries -= retries
        if not self._entries or now - self._entries[-1][0] >= _GRAIN_S:
            self._entries.append([now, 0, 0])
        return self._entries[-1]
