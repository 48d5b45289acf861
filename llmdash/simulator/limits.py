"""Rate limits a minute, of requests and of tokens: buckets that refill evenly."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Bucket", "LimitState", "LimitsLeft"]


class LimitState(NamedTuple):
    """The state of a bucket: `limit` when full, `remaining` now; `reset_s` seconds until it is full."""

    limit: int
    remaining: int
    reset_s: float


class LimitsLeft(NamedTuple):
    """What remains of a key's limits; None where there is no limit."""

    requests: LimitState | None = None
    tokens: LimitState | None = None


class Bucket:
    """A limit of `per_minute` units a minute.

    The bucket holds `per_minute` units (at least one), is full at first and refills evenly. So an idle key
    may spend a minute's worth at once, and a busy one gets `per_minute` a minute.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._capacity = max(1.0, per_minute)
        self._per_second = per_minute / 60
        self._slack = 1e-9 * self._capacity  # rounding must not refuse a request that waited long enough
        self._level = self._capacity
        self._at = now

    def _refill(self, now: float) -> None:
        self._level = min(self._capacity, self._level + (now - self._at) * self._per_second)
        self._at = now

    def wait(self, now: float, amount: float = 1.0) -> float:
        """Return the seconds until `amount` can be taken, if nothing else is taken meanwhile; 0 if it can be
        now.

        An amount larger than the bucket can be taken once it is full.
        """
        self._refill(now)
        if amount <= self._level:
            return 0.0
        lacking = min(amount, self._capacity) - self._level
        return lacking / self._per_second if lacking > self._slack else 0.0

    def charge(self, amount: float = 1.0) -> None:
        """Take `amount`; the level may fall below zero."""
        self._level -= amount

    def state(self, now: float) -> LimitState:
        """Return the state of the bucket at `now`."""
        self._refill(now)
        reset = (self._capacity - self._level) / self._per_second
        return LimitState(int(self._capacity), int(max(0.0, self._level + self._slack)), reset)
