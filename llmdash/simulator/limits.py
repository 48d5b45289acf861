"""Limits a minute, of requests and of tokens: buckets that refill evenly."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Bucket", "LimitState", "LimitsLeft"]


class LimitState(NamedTuple):
    """What a bucket holds: `limit` when full, `remaining` now; `reset_s` seconds until it is full."""

    limit: int
    remaining: int
    reset_s: float


class LimitsLeft(NamedTuple):
    """What a key may still do; None where there is no limit."""

    requests: LimitState | None = None
    tokens: LimitState | None = None


class Bucket:
    """A limit of so many units a minute.

    The bucket holds `per_minute` units (at least one) and is full at first; it refills evenly. So a rested
    key may spend a minute's worth at once, and a busy one gets `per_minute` a minute.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._capacity = max(1.0, per_minute)
        self._per_second = per_minute / 60
        self._slack = 1e-9 * self._capacity  # rounding may not keep out who waited as long as told
        self._level = self._capacity
        self._at = now

    def _refill(self, now: float) -> None:
        self._level = min(self._capacity, self._level + (now - self._at) * self._per_second)
        self._at = now

    def wait(self, now: float, amount: float = 1.0) -> float:
        """Seconds until `amount` can be taken, if nobody else takes meanwhile; 0 if it can be now.

        More than the bucket holds can be taken once it is full.
        """
        self._refill(now)
        if amount <= self._level:
            return 0.0
        lacking = min(amount, self._capacity) - self._level
        return lacking / self._per_second if lacking > self._slack else 0.0

    def charge(self, amount: float = 1.0) -> None:
        """Take `amount` out, whatever is there; the level may fall below zero."""
        self._level -= amount

    def state(self, now: float) -> LimitState:
        """What the bucket holds at `now`."""
        self._refill(now)
        reset = (self._capacity - self._level) / self._per_second
        return LimitState(int(self._capacity), int(max(0.0, self._level + self._slack)), reset)
