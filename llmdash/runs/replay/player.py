"""Player: where a replay is, by a clock: it plays at some speed, or stands."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["FASTEST", "SLOWEST", "Player"]

SLOWEST, FASTEST = 0.1, 1_000.0


class Player:
    """A position that moves from 0 to `length_s` while it is playing. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float], length_s: float, speed: float) -> None:
        self._clock = clock
        self._length_s = length_s
        self._position_s = 0.0
        self._since: float | None = clock()
        self._speed = _bounded(speed)

    @property
    def speed(self) -> float:
        """How many times as fast as the run it plays."""
        return self._speed

    @property
    def playing(self) -> bool:
        """True while it moves."""
        return self._since is not None and self.position() < self._length_s

    def position(self) -> float:
        """Return where it is now, in seconds."""
        if self._since is None:
            return self._position_s
        passed = (self._clock() - self._since) * self._speed
        return min(self._length_s, self._position_s + max(0.0, passed))

    def seek(self, position_s: float) -> None:
        """Go on from another position; one that is out of bounds is brought into them, none is ignored."""
        if not math.isnan(position_s):
            self._hold(min(max(0.0, position_s), self._length_s))

    def set_speed(self, times: float) -> None:
        """Play that many times as fast, between 0.1 and 1,000."""
        if not math.isnan(times):
            self._hold(self.position())
            self._speed = _bounded(times)

    def pause(self) -> None:
        """Stand."""
        self._position_s, self._since = self.position(), None

    def play(self) -> None:
        """Move; from the end, move from the beginning."""
        at = self.position()
        self._position_s, self._since = 0.0 if at >= self._length_s else at, self._clock()

    def _hold(self, position_s: float) -> None:
        self._position_s = position_s
        self._since = None if self._since is None else self._clock()


def _bounded(speed: float) -> float:
    return min(max(SLOWEST, speed), FASTEST)
