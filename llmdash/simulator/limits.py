"""Who is let in: a limit of requests a minute for each key, and what a test or demo orders for a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Admission", "KeyGate", "TokenBucket", "duration"]


def duration(seconds: float) -> str:
    """A time as OpenAI writes it in `x-ratelimit-reset-*`: `12ms`, `1.5s`, `6m0s`, `1h2m3s`."""
    milliseconds = max(0, round(seconds * 1000))
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    whole, rest = divmod(milliseconds, 1000)
    minutes, whole = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    shown = f"{whole + rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{shown}"
    return f"{minutes}m{shown}" if minutes else shown


class TokenBucket:
    """A limit of `rpm` requests a minute.

    The bucket holds `rpm` requests (at least one) and is full at first; it refills evenly, `rpm / 60` a
    second. So a rested key may make a burst of `rpm` requests, and a busy one makes `rpm` a minute.
    """

    def __init__(self, rpm: float, now: float) -> None:
        self._capacity = max(1.0, rpm)
        self._per_second = rpm / 60
        self._level = self._capacity
        self._at = now

    def _refill(self, now: float) -> None:
        self._level = min(self._capacity, self._level + (now - self._at) * self._per_second)
        self._at = now

    def take(self, now: float) -> bool:
        """Take one request out; False if there is none."""
        self._refill(now)
        if self._level < 1 - 1e-9:
            return False
        self._level -= 1
        return True

    def wait(self, now: float) -> float:
        """Seconds until `take` succeeds again, if nobody else takes meanwhile."""
        self._refill(now)
        return max(0.0, (1 - self._level) / self._per_second)

    def headers(self, now: float) -> list[tuple[bytes, bytes]]:
        """The limit, what remains of it, and the time until it is whole again."""
        self._refill(now)
        reset = duration((self._capacity - self._level) / self._per_second)
        return [
            (b"x-ratelimit-limit-requests", b"%d" % self._capacity),
            (b"x-ratelimit-remaining-requests", b"%d" % max(0.0, self._level + 1e-9)),
            (b"x-ratelimit-reset-requests", reset.encode()),
        ]


@dataclass(frozen=True, slots=True)
class Admission:
    """What the gate says. `retry_after` is in seconds and set for a throttled request only."""

    known: bool
    retry_after: float | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def admitted(self) -> bool:
        return self.known and self.retry_after is None


class KeyGate:
    """One key's way in: its limit, and the orders given for it."""

    def __init__(self, rpm: float, error_rate: float, now: float) -> None:
        self._bucket = TokenBucket(rpm, now) if rpm > 0 else None
        self.refused = False
        self._throttled_until = now
        self.error_rate = error_rate

    def order(self, orders: Mapping[str, Any], now: float) -> None:
        """Obey `refuse` (bool), `throttle_s` (seconds, 0 ends it), `error_rate` (0 to 1); else ValueError."""
        unknown = set(orders) - {"refuse", "throttle_s", "error_rate"}
        if unknown:
            raise ValueError(f"unknown order {min(unknown)!r}; known are refuse, throttle_s, error_rate")
        for name, most in (("throttle_s", 86_400), ("error_rate", 1)):
            value = orders.get(name, 0)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
                raise ValueError(f"{name} must be a number from 0 to {most}")
        if not isinstance(orders.get("refuse", False), bool):
            raise ValueError("refuse must be true or false")
        self.refused = orders.get("refuse", self.refused)
        self.error_rate = orders.get("error_rate", self.error_rate)
        if "throttle_s" in orders:
            self._throttled_until = now + orders["throttle_s"]

    def admit(self, now: float) -> Admission:
        """Let a request in, or say why not. A request sent `retry_after` seconds later is let in."""
        if self.refused:
            return Admission(known=False)
        wait = max(0.0, self._throttled_until - now)
        bucket = self._bucket
        if bucket is None:
            return Admission(True, wait or None)
        if wait or not bucket.take(now):
            wait = max(wait, bucket.wait(now))
            return Admission(True, wait, tuple(bucket.headers(now)))
        return Admission(True, None, tuple(bucket.headers(now)))
