"""Pacing: the minimum time between requests of one key."""

from __future__ import annotations

from collections import deque

from llmdash.llms.messages import Hints

__all__ = ["Pacing"]

_LONGEST_CLIMB_S = 30.0
_CLIMB_TO_REST = 10.0
"""A climb from half the rate to the full rate takes this many times as long as the rest before it."""
_FREE_AT = 2.0
_SLOW_GROWTH = 1.5
_SLOW_S = 900.0
"""After "slow down" the rate grows by half in 15 minutes: what OpenAI's `slow_down` error asks for."""
_RATE_S = 10.0
_RATE_OF = 5


class Pacing:
    """Spaces a key's requests for three reasons: its rate limit headers say that little is left; it was rate
    limited, and comes back from its rest at half its rate, which then grows linearly (additive increase);
    or the server asked to slow down. Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self.until = 0.0
        """When the next request may be sent."""
        self._refill_s = 0.0
        self._full: float | None = None
        self._climbs_from = self._climb_takes_s = 0.0
        self._slow: float | None = None
        self._slow_from = 0.0
        self._sent: deque[float] = deque(maxlen=4 * _RATE_OF)

    def wait_s(self, now: float) -> float:
        """Return the seconds until the next request may be sent."""
        return max(0.0, self.until - now)

    def sent(self, now: float) -> None:
        """Note that a request is sent."""
        self._sent.append(now)
        spacing = max(self._refill_s, self._climb_s(now))
        if self._slow is not None:
            spacing = max(spacing, self._slow_s(now))
        if spacing:
            self.until = max(self.until, now + spacing)

    def obey(self, hints: Hints, in_flight: int, now: float) -> None:
        """Follow the rate limit headers: where no more is left than the requests in flight will use, send no
        faster than the limit refills.

        The reset time is that of *all* requests, which is far longer than a key has to rest.
        """
        left = hints.remaining_requests
        if left is None or left > 2 * in_flight + 2:
            self._refill_s = 0.0
        elif left <= in_flight:
            self._refill_s = _refill_s(left, hints.limit_requests, hints.reset_requests_s)
        self.until = max(self.until, now + self._refill_s * (in_flight + 1 - (left or 0)))
        if hints.remaining_tokens == 0:
            self.until = max(self.until, now + _refill_s(0, hints.limit_tokens, hints.reset_tokens_s))

    def rate(self, now: float) -> float | None:
        """Return the recent requests a second, since the last rest; None where they are too few to tell."""
        last = [at for at in self._sent if at > now - _RATE_S]
        if len(last) >= _RATE_OF:
            return (len(last) - 1) / max(now - last[0], 0.001)
        return None if self._full is None else self._full * self._share(now)

    def climb(self, rate: float | None, rested_s: float, now: float) -> None:
        """Start at half of `rate` (requests a second) after a rest of `rested_s` seconds, and climb linearly.
        Where the rate is None, requests were too few to matter.
        """
        self._sent.clear()
        self._full = rate
        self._climbs_from = now
        self._climb_takes_s = min(_LONGEST_CLIMB_S, max(0.001, rested_s * _CLIMB_TO_REST))

    def end_climb(self) -> None:
        """Allow the full rate again, as at the end of a climb."""
        self._full = None

    def slow_down(self, now: float) -> None:
        """Halve the rate, and let it grow by half in 15 minutes until it is as high as before."""
        before = self._slow_rate(now) if self._slow is not None else self.rate(now)
        last = [at for at in self._sent if at > now - _RATE_S]
        self._slow = (before or max(1, len(last)) / _RATE_S) / 2
        self._slow_from = now
        self.until = max(self.until, now + 1.0 / self._slow)

    def detail(self, now: float) -> str:
        """Return in words that the server asked to slow down; empty if it did not."""
        if self._slow is None:
            return ""
        return f"asked to slow down: {self._slow_rate(now):.2g} req/s, growing by half in 15 min"

    def forget(self) -> None:
        """Drop all limits on the pace."""
        self.until = self._refill_s = 0.0
        self._full = self._slow = None

    def _slow_rate(self, now: float) -> float:
        exponent = min(100.0, (now - self._slow_from) / _SLOW_S)
        return (self._slow or 0.0) * float(_SLOW_GROWTH**exponent)

    def _slow_s(self, now: float) -> float:
        rate = self._slow_rate(now)
        if self._slow is None or rate >= _FREE_AT * self._slow:
            self._slow = None
            return 0.0
        return 1.0 / rate

    def _climb_s(self, now: float) -> float:
        if self._full is None:
            return 0.0
        share = self._share(now)
        if share >= _FREE_AT:
            self._full = None
            return 0.0
        return 1.0 / (self._full * share)

    def _share(self, now: float) -> float:
        """The share of the full rate that the climb has reached."""
        return 0.5 + 0.5 * max(0.0, now - self._climbs_from) / self._climb_takes_s


def _refill_s(remaining: int, limit: int | None, reset_s: float | None) -> float:
    """Seconds in which one unit refills, given the seconds until all of `limit` do; 0 if that is not known.

    The bucket fills evenly.
    """
    if not limit or not reset_s:
        return 0.0
    return min(reset_s, 3600.0) / max(1, limit - remaining)
