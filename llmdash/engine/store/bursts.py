"""ErrorBursts: many failures of one kind in a short time, counted as they happen."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

__all__ = ["Burst", "ErrorBursts", "short_error"]

_LEAST = 5
_WITHIN_S = 5.0
"""This many failures of a kind in this many seconds are a burst; it ends when that long none follows."""
_LONGEST_S = 60.0
_MOST_KINDS = 50
_LONGEST_NAME = 24


class Burst(NamedTuple):
    """Failures of one kind, from `begin_s` to `end_s`."""

    name: str
    number: int
    begin_s: float
    end_s: float


class ErrorBursts:
    """Finds bursts in the failures of a run. Times are seconds at work, and ascend."""

    def __init__(self) -> None:
        self._recent: dict[str, deque[float]] = {}
        self._open: dict[str, Burst] = {}
        self._ended: list[Burst] = []

    def failed(self, at: float, error: str) -> None:
        """Count a failed attempt."""
        name = short_error(error)
        burst = self._open.get(name)
        if burst is not None and at - burst.end_s <= _WITHIN_S and at - burst.begin_s <= _LONGEST_S:
            self._open[name] = burst._replace(number=burst.number + 1, end_s=at)
            return
        if burst is not None:
            self._ended.append(self._open.pop(name))
        recent = self._recent.get(name)
        if recent is None:
            if len(self._recent) >= _MOST_KINDS:
                del self._recent[next(iter(self._recent))]
            recent = self._recent[name] = deque(maxlen=_LEAST)
        recent.append(at)
        if len(recent) == _LEAST and at - recent[0] <= _WITHIN_S:
            self._open[name] = Burst(name, _LEAST, recent[0], at)
            recent.clear()

    def ended(self, now: float) -> list[Burst]:
        """Return the bursts that are over, each once."""
        for name in [name for name, burst in self._open.items() if now - burst.end_s > _WITHIN_S]:
            self._ended.append(self._open.pop(name))
        return self._taken()

    def rest(self) -> list[Burst]:
        """Return all that were not returned yet."""
        self._ended += self._open.values()
        self._open.clear()
        return self._taken()

    def _taken(self) -> list[Burst]:
        taken, self._ended = self._ended, []
        return taken


def short_error(error: str) -> str:
    """Return what kind of error this is, in a word or two: its status where it begins with one."""
    head = error.strip()
    if head[:3].isdecimal() and not head[3:4].isalnum():
        return head[:3]
    return head.partition(":")[0][:_LONGEST_NAME].strip() or "error"
