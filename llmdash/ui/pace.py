"""How often a picture is drawn: as often as wanted, until that takes too much from the work on show."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["Clocks", "Pace"]

BUSY: Final = 0.5
"""The share of a core from which on the other threads count as busy: then every picture costs them time."""
SHARE: Final = 0.25
BUSY_SHARE: Final = 0.05
"""What drawing may take of a core, at leisure and beside busy threads."""
SLOWEST_S: Final = 0.2
SMOOTHING: Final = 0.3


@dataclass(frozen=True, slots=True)
class Clocks:
    """Seconds that went by, that this thread worked, and that all threads of the process worked."""

    wall: Callable[[], float] = time.monotonic
    thread: Callable[[], float] = time.thread_time
    process: Callable[[], float] = time.process_time


class Pace:
    """Says at each tick of a timer, `interval_s` apart, whether a picture is due. One thread's, always.

    Threads of one interpreter work in turns: what drawing takes, a busy engine lacks. So the time between
    pictures is stretched (to 0.2 s at most) until drawing, key presses included, keeps to its share.
    """

    def __init__(self, interval_s: float, clocks: Clocks | None = None) -> None:
        self._interval_s = interval_s
        self._clocks = clocks or Clocks()
        self._last = self._read()
        self._cost_s = 0.0
        self._others = 0.0

    def is_due(self) -> bool:
        """True if it is time for the next picture; it counts as drawn then."""
        now = self._read()
        wall, own, every = (new - old for new, old in zip(now, self._last, strict=True))
        if wall <= 0 or wall < self.wanted_s - self._interval_s / 2:
            return False
        self._last = now
        self._cost_s += SMOOTHING * (own - self._cost_s)
        self._others += SMOOTHING * ((every - own) / wall - self._others)
        return True

    @property
    def wanted_s(self) -> float:
        """The seconds between two pictures, as costs are now."""
        share = BUSY_SHARE if self._others > BUSY else SHARE
        return max(self._interval_s, min(SLOWEST_S, self._cost_s / share))

    def _read(self) -> tuple[float, float, float]:
        clocks = self._clocks
        return clocks.wall(), clocks.thread(), clocks.process()
