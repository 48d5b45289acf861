"""The time of the batch services: that of the server, in which a provider's hours pass faster."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["BatchClock"]


class BatchClock:
    """A clock on which a provider's seconds take `1 / speed` of ours.

    Moments are monotonic seconds of the server. Whatever is dated in an answer is really then: a batch that
    has to be done in 24 h expires, at a speed of 3600, in 24 s, and says so.
    """

    def __init__(self, clock: Callable[[], float], wall: Callable[[], float], speed: float) -> None:
        self._clock = clock
        self._wall = wall
        self._speed = speed

    def now(self) -> float:
        """Return this moment."""
        return self._clock()

    def lasting(self, seconds: float) -> float:
        """Return the seconds that these seconds of the provider take here."""
        return seconds / self._speed

    def unix(self, moment: float) -> float:
        """Return the Unix time of a moment, in seconds."""
        return self._wall() + moment - self._clock()
