"""IdleCollection: garbage is looked for while nobody waits for an answer of the screen."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Final

__all__ = ["RARELY", "IdleCollection"]

RARELY: Final = (700, 10, 1_000)
"""Thresholds at which the collector hardly ever looks at all objects by itself: that takes 0.1 s."""
_QUIET_S: Final = 2.0
"""Seconds since the last key or click after which nobody waits."""
_DUE: Final = 10
"""From this many looks at younger objects on, which is when it would look at all of them by itself."""


class IdleCollection:
    """Looks at all objects, if that is due, when the user has done nothing for two seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()

    def wait(self) -> None:
        """Put it off: the user has done something."""
        self._last = self._clock()

    def look(self) -> None:
        """Collect, if it is time."""
        if gc.isenabled() and gc.get_count()[2] >= _DUE and self._clock() - self._last >= _QUIET_S:
            gc.collect()
