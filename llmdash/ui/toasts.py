"""Notifications whose toasts always end, however busy the program is and whatever the clock does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from textual.notifications import Notification

__all__ = ["SteadyNotification"]

_MOMENT_S: Final = 0.05


@dataclass
class SteadyNotification(Notification):
    """A notification on the monotonic clock with never less than a moment left.

    Textual arms a toast's timer with the time left. One that expires just before that look gives a timer of
    less than nothing, and such a timer spins: the whole screen stands still, at a full core.
    """

    def __post_init__(self) -> None:
        self._ends_at = time.monotonic() + self.timeout

    @property
    def time_left(self) -> float:
        """Seconds for which a toast is to be shown; always positive."""
        return max(_MOMENT_S, self._ends_at - time.monotonic())

    @property
    def has_expired(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() >= self._ends_at
