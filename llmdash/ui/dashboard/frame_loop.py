"""When frames are drawn: often while something moves, seldom at rest, at once for what comes into sight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from llmdash.ui.dashboard.pace import Clocks, Pace

__all__ = ["ALIKE", "REST_S", "SELDOM", "WAKE_S", "WINDOW_S", "FrameLoop", "Timer", "Timers"]

REST_S: Final = 1.0
"""Seconds between two frames of a run at rest."""
ALIKE: Final = 10
SELDOM: Final = 5
"""After ALIKE frames at rest that were all the same it is SELDOM times as long to the next."""
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


TellOnce = Callable[[Callable[[], None]], Callable[[], None] | None]
"""Has a callback called once when something may be new, and returns what takes that back; None if nobody can
tell.
"""


class FrameLoop:
    """Calls `draw` whenever a frame is due, from the moment it is made.

    While `moves()`, and for WAKE_S after that or after `wake`, frames come `fps` (5 to 30) times a second, or
    fewer where drawing takes too much time, and none while the terminal `is_behind()`. Later there is a
    `look()`, which returns False where all is as it was, once in REST_S, or in SELDOM times that where it
    always was; and one as soon as `tell_once` tells of something, until something moves again. For use by one
    thread.
    """

    def __init__(
        self,
        timers: Timers,
        draw: Callable[[], object],
        look: Callable[[], bool],
        *,
        fps: int,
        moves: Callable[[], bool],
        is_behind: Callable[[], bool],
        tell_once: TellOnce = lambda _call: None,
        clocks: Clocks | None = None,
    ) -> None:
        interval_s = 1 / max(5, min(fps, 30))
        clocks = clocks or Clocks()
        self._timers = timers
        self._draw = draw
        self._sees_new = look
        self._moves = moves
        self._is_behind = is_behind
        self._tell_once = tell_once
        self._is_told: Callable[[], None] | None = None
        self._alike = self._skipped = 0
        self._now = clocks.wall
        self._pace = Pace(interval_s, clocks)
        self._is_awake = True
        self._wakes_until = 0.0
        self._lively = timers.set_interval(interval_s, self._tick)
        self._resting = timers.set_interval(REST_S, self._rested, pause=True)
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
        self._be_told_no_more()
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
        self._alike = self._skipped = 0
        self._lively.pause()
        self._resting.resume()
        self._is_told = self._tell_once(self._look)

    def _rested(self) -> None:
        """Look, but seldom where it was always the same, and somebody will tell of what is new."""
        self._skipped += 1
        if self._is_told is None or self._alike < ALIKE or self._skipped >= SELDOM:
            self._look()

    def _look(self) -> None:
        """Look whether a run at rest moves again."""
        self._be_told_no_more()
        self._skipped = 0
        self._alike = 0 if self._sees_new() else self._alike + 1
        if self._moves():
            self.wake()
        else:
            self._is_told = self._tell_once(self._look)

    def _be_told_no_more(self) -> None:
        if self._is_told is not None:
            self._is_told()
            self._is_told = None
