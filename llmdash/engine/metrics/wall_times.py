"""WallTimes: when a run was begun and when it ended, by the clock on the wall."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["WallTimes"]


class WallTimes:
    """When a run was first started and when it ended, in Unix seconds; between them are its rests too."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now
        """The clock on the wall: that of a run that is played again stands where it stood then."""
        self.began_at: float | None = round(now(), 3)
        """None for a run whose record does not say."""
        self.ended_at: float | None = None
        """None while the run has not ended."""
        self.paused_at: float | None = None
        """None while it is not paused."""

    def restore(self, began_at: float | None, ended_at: float | None) -> None:
        """Continue from what is on record."""
        self.began_at, self.ended_at = began_at, ended_at

    def pause(self) -> None:
        """Note that the run is paused from now on."""
        self.paused_at = round(self.now(), 3)

    def resume(self) -> None:
        """Note that it is paused no more."""
        self.paused_at = None

    def end(self) -> None:
        """Note that the run has ended, unless that was noted before."""
        if self.ended_at is None:
            self.ended_at = round(self.now(), 3)

    def go_on(self) -> None:
        """Note that it is at work again."""
        self.ended_at = None
