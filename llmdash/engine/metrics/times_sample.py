"""TimesSample: at most 200 of many times, evenly chosen, for their percentiles."""

from __future__ import annotations

from array import array
from typing import NamedTuple

__all__ = ["Shares", "TimesSample"]

_MOST = 200
_STAND_INS = 11
"""How many values stand in for those of a step on record, one of them for the p95: an odd number, so that
thinning takes from both.
"""


class Shares(NamedTuple):
    """Three percentiles of the times in a sample; None without any."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


class TimesSample:
    """Keeps every time, then every second one, every fourth, ... so that all parts of a step count alike."""

    __slots__ = ("_shares", "_skipped", "_stands_in", "_stride", "_times")

    def __init__(self) -> None:
        self._times = array("f")
        self._stride = 1
        self._skipped = 0
        self._stands_in = False
        self._shares: Shares | None = None

    def add(self, value: float) -> None:
        """Count one time; what stood in for times on record goes."""
        if self._stands_in:
            self._times, self._stands_in, self._stride = array("f"), False, 1
        self._skipped += 1
        if self._skipped >= self._stride:
            self._skipped = 0
            self._times.append(value)
            if len(self._times) > _MOST:
                self._thin()
            self._shares = None

    def stand_in(self, p50: float, p95: float) -> None:
        """Record times that have these percentiles."""
        self._times.extend([*[p50] * (_STAND_INS - 1), p95])
        self._stands_in = True
        self._thin()
        self._shares = None

    @property
    def shares(self) -> Shares:
        """The percentiles."""
        if self._shares is None:
            times = sorted(self._times)
            self._shares = Shares(_share(times, 0.50), _share(times, 0.95), _share(times, 0.99))
        return self._shares

    def merged(self, other: TimesSample) -> TimesSample:
        """Return a sample of the times of both."""
        both = TimesSample()
        both._stride = max(self._stride, other._stride)
        for each in (self, other):
            both._times.extend(each._times[:: both._stride // each._stride])
        both._stands_in = self._stands_in and other._stands_in
        both._thin()
        return both

    def _thin(self) -> None:
        while len(self._times) > _MOST:
            self._times = self._times[::2]
            self._stride *= 2


def _share(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
