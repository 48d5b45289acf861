"""Notifications whose toasts always end, however busy the program is and however the clock jumps."""

from __future__ import annotations

import time
from typing import Final

from textual.notifications import Notification, SeverityLevel

from llmdash.lean_dataclass import dataclass

__all__ = ["SteadyNotification", "reading_s"]

_MOMENT_S: Final = 0.05
_LEAST_S: Final = 3.0
_TROUBLE_S: Final = 5.0
_MOST_S: Final = 8.0
_CHARACTERS_A_SECOND: Final = 20.0
"""How fast one reads, after the eye has found the toast."""


def reading_s(message: str, severity: SeverityLevel) -> float:
    """Return the seconds for which a toast is shown: no longer than it takes to read, as it covers others.

    >>> reading_s("Copied", "information"), reading_s("x" * 120, "information"), reading_s("x", "error")
    (3.0, 6.0, 5.0)
    """
    least = _LEAST_S if severity == "information" else _TROUBLE_S
    return min(_MOST_S, max(least, len(message) / _CHARACTERS_A_SECOND))


@dataclass
class SteadyNotification(Notification):
    """A notification on the monotonic clock whose time left is never 0 or less.

    Textual sets a toast's timer to the time left. If it expires just before that, the timer is negative, and
    such a timer spins: the whole screen freezes, at a full core.
    """

    def __post_init__(self) -> None:
        self._ends_at = time.monotonic() + self.timeout

    @property
    def time_left(self) -> float:
        """Seconds for which the toast is still shown; always positive."""
        return max(_MOMENT_S, self._ends_at - time.monotonic())

    @property
    def has_expired(self) -> bool:
        """True if its time is over."""
        return time.monotonic() >= self._ends_at
