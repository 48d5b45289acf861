"""The frame rate: as configured, but lower where drawing would take too much time from the engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from llmdash.lean_dataclass import dataclass

__all__ = ["Clocks", "Pace"]

BUSY: Final = 0.5
"""From this share of a core on the other threads count as busy: then every frame costs them time."""
SHARE: Final = 0.25
BUSY_SHARE: Final = 0.05
"""The share of a core that drawing may take, beside idle and beside busy threads."""
SLOWEST_S: Final = 0.2
SMOOTHING: Final = 0.3


@dataclass(frozen=True, slots=True)
class Clocks:
    """Seconds of wall clock, of CPU time of this thread, and of CPU time of the whole process."""

    wall: Callable[[], float] = time.monotonic
    thread: Callable[[], float] = time.thread_time
    process: Callable[[], float] = time.process_time


class Pace:
    """Decides at each tick of a timer, `interval_s` apart, whether a frame is due. For use by one thread.

    Threads of one interpreter take turns: what drawing takes, a busy engine lacks. So the time between
    frames is stretched (to 0.2 s at most) until drawing, key presses included, keeps to its share.
    """

    def __init__(self, interval_s: float, clocks: Clocks | None = None) -> None:
        self._interval_s = interval_s
        self._clocks = clocks or Clocks()
        self._last = self._read()
        self._cost_s = 0.0
        self._others = 0.0

    def is_due(self) -> bool:
        """True if the next frame is due; it then counts as drawn."""
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
        """The seconds between two frames at the present cost."""
        share = BUSY_SHARE if self._others > BUSY else SHARE
        return max(self._interval_s, min(SLOWEST_S, self._cost_s / share))

    def _read(self) -> tuple[float, float, float]:
        clocks = self._clocks
        return clocks.wall(), clocks.thread(), clocks.process()
