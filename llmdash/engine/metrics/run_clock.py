"""RunClock: how long a run has been at work, over all its starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["RunClock"]


class _Reading(NamedTuple):
    """Seconds at work up to `since` (monotonic); None while the clock stands."""

    total_s: float
    since: float | None


class RunClock:
    """Seconds at work: the clock stands while a run is paused with nothing in flight, and once it has ended.

    Rates, time left and graphs are measured on it, so that no pause counts. It runs when it is made. May be
    read from any thread; all else is for the thread that made it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._reading = _Reading(0.0, clock())

    def __call__(self) -> float:
        """Return the seconds at work until now."""
        return self.at(self._clock())

    def at(self, moment: float) -> float:
        """Return the seconds at work at the monotonic time `moment`, not before the clock last started."""
        total_s, since = self._reading
        return total_s + moment - since if since is not None and moment > since else total_s

    @property
    def stands(self) -> bool:
        return self._reading.since is None

    def start(self) -> None:
        """Run from now on."""
        if self.stands:
            self._reading = _Reading(self._reading.total_s, self._clock())

    def stop(self) -> None:
        """Stand from now on."""
        self._reading = _Reading(self(), None)

    def take_back(self) -> None:
        """Stand from when it last started: what has passed since was no work."""
        self._reading = self._reading._replace(since=None)

    def add(self, seconds: float) -> None:
        """Count the seconds of earlier starts too."""
        self._reading = self._reading._replace(total_s=self._reading.total_s + seconds)
