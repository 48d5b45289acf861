"""When frames are drawn: often while something moves, seldom at rest, at once for what comes into sight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from llmdash.ui.dashboard.pace import Clocks, Pace

__all__ = ["REST_S", "WAKE_S", "WINDOW_S", "FrameLoop", "Timer", "Timers"]

REST_S: Final = 1.0
"""Seconds between two frames of a run at rest."""
WAKE_S: Final = 2.0
"""For how long frames come at full pace after the last move of the run, or of the user."""
WINDOW_S: Final = 0.02
"""Seconds between two frames for rows that came into sight."""


class Timer(Protocol):
    """A timer that was set."""

    def pause(self) -> None:
        """Stop calling until it is resumed."""

    def resume(self) -> None:
        """Call again."""


class Timers(Protocol):
    """Sets timers, as every widget does; intervals and delays are in seconds."""

    def set_interval(self, interval: float, callback: Callable[[], object], *, pause: bool = False) -> Timer:
        """Call again and again, but not yet if `pause`."""

    def set_timer(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Call once."""


class FrameLoop:
    """Calls `draw` whenever a frame is due, from the moment it is made.

    While `moves()`, and for WAKE_S after that or after `wake`, frames come `fps` (5 to 30) times a second, or
    fewer where drawing takes too much time, and none while the terminal `is_behind()`. Later there is one in
    REST_S, until something moves again. For use by one thread.
    """

    def __init__(
        self,
        timers: Timers,
        draw: Callable[[], None],
        *,
        fps: int,
        moves: Callable[[], bool],
        is_behind: Callable[[], bool],
        clocks: Clocks | None = None,
    ) -> None:
        interval_s = 1 / max(5, min(fps, 30))
        clocks = clocks or Clocks()
        self._timers = timers
        self._draw = draw
        self._moves = moves
        self._is_behind = is_behind
        self._now = clocks.wall
        self._pace = Pace(interval_s, clocks)
        self._is_awake = True
        self._wakes_until = 0.0
        self._lively = timers.set_interval(interval_s, self._tick)
        self._resting = timers.set_interval(REST_S, self._look, pause=True)
        self._glanced = False
        self._glance_waits = False

    @property
    def is_awake(self) -> bool:
        """True while frames come at full pace."""
        return self._is_awake

    def wake(self) -> None:
        """Draw at full pace: something moves, or the user does."""
        self._wakes_until = self._now() + WAKE_S
        self._is_awake = True
        self._resting.pause()
        self._lively.resume()

    def glance(self) -> None:
        """Draw at once, as other rows came into sight; then no more often than one can look, as a frame may
        move them.
        """
        if self._glanced:
            self._glance_waits = True
            return
        self._draw()
        self._glanced = True
        self._timers.set_timer(WINDOW_S, self._glance_over)

    def _glance_over(self) -> None:
        self._glanced = False
        if self._glance_waits:
            self._glance_waits = False
            self.glance()

    def _tick(self) -> None:
        if not self._pace.is_due() or self._is_behind():
            return
        self._draw()
        if self._moves():
            self._wakes_until = self._now() + WAKE_S
        elif self._now() > self._wakes_until:
            self._rest()

    def _rest(self) -> None:
        self._is_awake = False
        self._lively.pause()
        self._resting.resume()

    def _look(self) -> None:
        """Look whether a run at rest moves again."""
        self._draw()
        if self._moves():
            self.wake()
