"""InFlightWindow: how many requests of a key may be in flight at once, found by going up to it."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["InFlightWindow"]

_START = 16
_FEW = 8.0
_CUT = 0.7
"""The share that is left after the server refused another request at once."""


class InFlightWindow:
    """A window as that of TCP: while it is full and answers take no longer than at their best, it grows by
    one with each answer, so that it doubles in the time of an answer; once it was cut, by one in that time.
    """

    def __init__(self, clock: Callable[[], float], start: int = 0) -> None:
        """`start` is how many are in flight now."""
        self._clock = clock
        self._size = float(max(_START, start))
        self._calm = math.inf
        """From this size on it grows slowly."""
        self.held_up_at = -math.inf
        """When it last held a request up."""

    @property
    def size(self) -> int:
        """The most requests at once."""
        return int(self._size)

    def wait_s(self, in_flight: int) -> float:
        """Return 0 if there is room for another one; infinite if only an answer makes room."""
        if in_flight < self.size:
            return 0.0
        self.held_up_at = self._clock()
        return math.inf

    def answered(self, in_flight: int, *, is_flat: bool) -> None:
        """Note an answer, while `in_flight` were under way with it; `is_flat` if answers take no longer than
        usual.
        """
        if is_flat and in_flight >= self.size:
            self._size += 1.0 if self._size < self._calm else 1.0 / self._size

    def cut_to(self, room: float) -> None:
        """Cut it to what the server answers without a queue. Of few at once latency says little: then the
        rate alone is cut.
        """
        self._cut_to(max(_FEW, room))

    def refused(self, in_flight: int) -> None:
        """Cut it: the server refused another one, while `in_flight` were under way with it."""
        self._cut_to(max(1.0, in_flight * _CUT))

    def _cut_to(self, size: float) -> None:
        self._size = self._calm = min(self._size, size)

    def ramp(self) -> None:
        """Begin small again, and grow fast up to what it was."""
        self._calm = min(self._calm, self._size)
        self._size = min(self._size, float(_START))
