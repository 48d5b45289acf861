"""Notifications whose toasts always end, however busy the program is and however the clock jumps."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from textual.notifications import Notification

__all__ = ["SteadyNotification"]

_MOMENT_S: Final = 0.05


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
