"""KillSwitch: stops a run whose requests are all refused, such as one with a wrong model name."""

from __future__ import annotations

import re
from collections.abc import Callable

from llmdash.llms.wire.failures import Failure

__all__ = ["KillSwitch"]

_IN_A_ROW = 20
_FIRST = 100
_VARIABLE = re.compile(r"[0-9a-fA-F-]*[0-9][0-9a-fA-F-]*")
"""The parts that differ between like refusals, such as ids and positions."""


class KillSwitch:
    """Trips on 20 jobs in a row that are refused alike, or when more than half of the first 100 are refused.

    `on_trip` is called once; after `release` it can be called again.
    """

    def __init__(self, on_trip: Callable[[], None]) -> None:
        self._on_trip = on_trip
        self._ended = self._refused = self._in_a_row = 0
        self._last = ""
        self.reason: str | None = None
        """Why the run is stopped; None while the switch is not tripped."""

    def answered(self) -> None:
        """Count a job that got its answer."""
        self._ended += 1
        self._in_a_row = 0

    def refused(self, failure: Failure) -> None:
        """Count a job that failed because its request was refused, and trip if there are too many."""
        self._ended += 1
        self._refused += 1
        text = str(failure)
        alike = _VARIABLE.sub("#", text)
        self._in_a_row = self._in_a_row + 1 if alike == self._last else 1
        self._last = alike
        if self._in_a_row >= _IN_A_ROW:
            self._trip(f"{self._in_a_row} requests in a row were refused alike: {text}")
        elif self._ended <= _FIRST and self._refused > _FIRST // 2:
            self._trip(f"{self._refused} of the first {self._ended} requests were refused, the last: {text}")

    def release(self) -> None:
        """Reset the switch, since the user has seen it. Only another 20 in a row trip it again."""
        self.reason = None
        self._in_a_row = 0
        self._ended = _FIRST

    def _trip(self, reason: str) -> None:
        if self.reason is None:
            self.reason = reason
            self._on_trip()
