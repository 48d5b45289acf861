"""RetryBudget: how many of the requests may be retries, so that a server in trouble is not buried in them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

__all__ = ["RetryBudget"]

_WINDOW_S = 60.0
_GRAIN_S = 0.1
_LOOK_S = 0.25


class RetryBudget:
    """In no minute more retries than `share` (0 to 1) of its requests, and `floor` besides.

    The floor is no less than what is in flight at once (`cover`): one fault that hits all of that must not
    hold up a small batch for minutes. Times are monotonic seconds, counted in tenths.
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
        """True if a retry had to wait just now."""
        return self._clock() - self._held_at < 2 * _LOOK_S

    def cover(self, in_flight: int) -> None:
        """So many requests may be in flight, and fail, at once."""
        self.floor = max(self._least, in_flight)

    def take(self) -> bool:
        """True if a retry is granted, which has to be `sent` or given back; else ask again in a while."""
        self._entry()
        if self._retries + self._granted + 1 > self.share * self._requests + self.floor:
            self._held_at = self._clock()
            return False
        self._granted += 1
        return True

    def give_back(self) -> None:
        """A retry that was granted is not sent now."""
        self._granted -= 1

    def sent(self, *, is_retry: bool = False) -> None:
        """A request left; `is_retry` if one was granted for it."""
        entry = self._entry()
        entry[1] += 1
        self._requests += 1
        if is_retry:
            entry[2] += 1
            self._retries += 1
            self._granted -= 1

    @property
    def look_s(self) -> float:
        """Seconds after which it is worth asking again."""
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
