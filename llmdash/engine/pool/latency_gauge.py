"""LatencyGauge: whether answers take longer because of what is sent at once."""

from __future__ import annotations

import math
from statistics import median

__all__ = ["LatencyGauge"]

_LEAST_ANSWERS = 10
_LEAST_S = 5.0
_GREW = 1.7
_FLAT = 1.6
_SAME_CROWD = 1.2
"""As for growth the best time is forgotten only at about as many requests in flight: a queue that grows
slowly is no slower server.
"""
_HEADROOM_S = 0.05
_FORGETS = 1.01
"""The best time is forgotten by this factor with each look: a server may get slower for good."""
_CROWD = 1.5
_TOKENS_BEFORE = 32
"""What the way to the first token counts for, in tokens."""


class LatencyGauge:
    """Compares the median time of an answer with the best it was (the gradient of a queue: where a server is
    full, more at once is no more done, it only waits). Times are divided by the tokens of the answers, so
    that longer answers are no slower ones.
    """

    def __init__(self) -> None:
        self._times: list[float] = []
        self._crowds: list[int] = []
        self._since = -math.inf
        self._best = math.inf
        self._best_crowd = 0.0
        self._least = math.inf
        self._least_crowd = 0.0
        self.is_flat = True
        """True if the last answers took about as long as at their best."""
        self.room = math.inf
        """The requests in flight that would have been answered as fast as at best (Little's law)."""

    def clear(self, now: float) -> None:
        """Begin anew: what was sent before the pace was cut says nothing of the new one."""
        self._times.clear()
        self._crowds.clear()
        self._since = now

    def grew(self, latency_s: float, output_tokens: int, in_flight: int, now: float) -> bool:
        """Note an answer. Return True if answers have come to take much longer as at their best, while
        more requests were in flight than then.
        """
        if not self._times:
            self._since = now
        self._times.append((latency_s + _HEADROOM_S) / (output_tokens + _TOKENS_BEFORE))
        self._crowds.append(in_flight)
        if len(self._times) < _LEAST_ANSWERS or now - self._since < _LEAST_S:
            return False
        time, crowd = median(self._times), median(self._crowds)
        self.clear(now)
        self._best *= _FORGETS
        if time < self._best:
            self._best, self._best_crowd = time, crowd
        self._look_if_flat(time, crowd)
        self.room = crowd * self._best / time
        return time > _GREW * self._best and crowd > _CROWD * max(1.0, self._best_crowd)

    def _look_if_flat(self, time: float, crowd: float) -> None:
        if crowd <= _SAME_CROWD * self._least_crowd:
            self._least *= _FORGETS
        if time < self._least:
            self._least, self._least_crowd = time, crowd
        self.is_flat = time <= _FLAT * self._least
