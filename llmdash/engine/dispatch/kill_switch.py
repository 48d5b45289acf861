"""KillSwitch: stops a run whose requests are all refused, such as one with a wrong model name."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from llmdash.llms.wire.failures import Failure

__all__ = ["KillSwitch"]

_IN_A_ROW = 20
_LAST = 100


class KillSwitch:
    """Trips on 20 jobs in a row that are refused alike, or when more than half of the last 100 are refused.

    Refusals are alike by status and code: their texts may repeat the prompt, or the id of the request. A
    refusal of the content (a filter, the length of the context) is one prompt's own and never counts.
    `on_trip` is called once; after `release` it can be called again.
    """

    def __init__(self, on_trip: Callable[[], None]) -> None:
        self._on_trip = on_trip
        self._ended = self._in_a_row = 0
        self._last: tuple[int | None, str | None] | None = None
        self._refused: deque[int] = deque()
        """Which of the last 100 jobs were refused, numbered in the order in which they ended."""
        self.reason: str | None = None
        """Why the run is stopped; None while the switch is not tripped."""

    def answered(self) -> None:
        """Count a job that got its answer."""
        self._ended += 1
        self._in_a_row = 0

    def refused(self, failure: Failure) -> None:
        """Count a job that failed because its request was refused, and trip if there are too many."""
        if failure.of_content:
            return
        self._ended += 1
        alike = (failure.status, failure.code)
        self._in_a_row = self._in_a_row + 1 if alike == self._last else 1
        self._last = alike
        self._refused.append(self._ended)
        while self._refused[0] <= self._ended - _LAST:
            self._refused.popleft()
        if self._in_a_row >= _IN_A_ROW:
            self._trip(f"{self._in_a_row} in a row refused: {failure}")
        elif len(self._refused) > _LAST // 2:
            last = min(_LAST, self._ended)
            self._trip(f"{len(self._refused)} of the last {last} requests were refused, at last: {failure}")

    def release(self) -> None:
        """Reset the switch, since the user has seen it: refusals are counted anew."""
        self.reason = None
        self._in_a_row = 0
        self._refused.clear()

    def _trip(self, reason: str) -> None:
        if self.reason is None:
            self.reason = reason
            self._on_trip()
