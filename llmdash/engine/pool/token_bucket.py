"""TokenBucket: a limit a minute that refills evenly; estimates are charged first and corrected later."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

__all__ = ["TokenBucket"]


class TokenBucket:
    """A budget of `per_minute` units that holds `burst_s` seconds of it, and at least `least` units.

    An amount larger than the bucket can be taken once it is full: the level then goes below zero, and the
    next one waits longer. So a long prompt is neither refused nor starved. Times are monotonic seconds.
    """

    def __init__(
        self, per_minute: float, clock: Callable[[], float], burst_s: float = 1.0, *, least: float = 1.0
    ) -> None:
        if not per_minute > 0:
            raise ValueError(f"a token bucket refills above 0 a minute, not {per_minute!r}")
        self.per_minute = per_minute
        self._rate = per_minute / 60.0
        self._burst_s, self._least = burst_s, least
        self._room = max(least, self._rate * burst_s)
        self._level = self._room
        self._at = clock()
        self._clock = clock

    def set_rate(self, per_minute: float) -> None:
        """Refill `per_minute` units from now on, 0 for none. What is in the bucket stays, if it has room."""
        self._refill()
        self.per_minute = per_minute
        self._rate = per_minute / 60.0
        self._room = max(self._least, self._rate * self._burst_s)
        self._level = min(self._room, self._level)

    @property
    def most_in_a_second(self) -> int:
        """The most units that can be taken in any second: those of a full bucket, and what it refills."""
        return math.ceil(self._room + self._rate - 1e-9)

    def wait_s(self, amount: float) -> float:
        """Return the seconds until `amount` may be taken; 0 if it may be now, infinite if nothing refills."""
        self._refill()
        missing = min(amount, self._room) - self._level
        if missing <= 1e-9:
            return 0.0
        return missing / self._rate if self._rate else math.inf

    def take(self, amount: float) -> None:
        """Take `amount`; the level may go below zero."""
        self._refill()
        self._level -= amount

    def seed(self, taken: Sequence[tuple[float, float]]) -> None:
        """Charge amounts that were taken before: (seconds ago, amount), oldest first."""
        level, before = self._room, None
        for ago, amount in taken:
            passed = 0.0 if before is None else max(0.0, before - ago)
            level = min(self._room, level + passed * self._rate) - amount
            before = ago
        self._level = min(self._room, level + (before or 0.0) * self._rate)
        self._at = self._clock()

    def settle(self, taken: float, used: float) -> None:
        """Correct an estimate: `taken` was charged, `used` is the true amount."""
        self._refill()
        self._level = min(self._room, self._level + taken - used)

    def _refill(self) -> None:
        now = self._clock()
        self._level = min(self._room, self._level + max(0.0, now - self._at) * self._rate)
        self._at = now
