"""Steps: the job table is read, so it moves in steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

__all__ = ["STEP_S", "Steps"]

STEP_S: Final = 0.5
"""Seconds between two steps of what moves by itself."""


class Steps:
    """Says when the rows of a table are replaced: each half second, and at once where one is missing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_at = 0.0

    def hurry(self) -> None:
        """Take the next rows at once: the user has done something."""
        self._next_at = 0.0

    def is_due(self, *, complete: bool) -> bool:
        """Return whether to replace them now; `complete` says that no row on screen is missing."""
        now = self._clock()
        if complete and now < self._next_at:
            return False
        self._next_at = now + STEP_S
        return True
