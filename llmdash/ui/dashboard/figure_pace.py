"""When figures that change all the time are shown: seldom enough to be read."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from llmdash.engine.model.frame import Frame, KeyRow

__all__ = ["FIGURES_S", "FigurePace"]

FIGURES_S: Final = 0.25
"""Seconds between two looks of the figures."""


class FigurePace:
    """Says whether the figures of a frame are due: four times a second, and at once where something was set,
    or nothing moves any more.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._at = float("-inf")
        self._set: object = None

    def are_due(self, frame: Frame) -> bool:
        """Return True if the figures of this frame are to be shown."""
        rate, run = frame.rate, frame.run
        keys = [(key.label, key.state, key.weight, *_limits_of(key)) for key in frame.keys]
        endpoints = [(endpoint.name, endpoint.state) for endpoint in frame.endpoints]
        is_set = (rate.rate, rate.concurrency, rate.binding, run.state, frame.limits, keys, endpoints)
        if is_set == self._set and not frame.run.rests and self._now() - self._at < FIGURES_S:
            return False
        self._set, self._at = is_set, self._now()
        return True


def _limits_of(key: KeyRow) -> tuple[float | None, ...]:
    return key.rpm_limit, key.tpm_limit, key.concurrency_limit
