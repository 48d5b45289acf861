"""When figures and plots that change all the time are shown: seldom enough to be read."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from llmdash.engine.model.frame import EMPTY_FRAME, Frame, KeyRow, SeriesPart

__all__ = ["FIGURES_S", "QUIET_S", "FigurePace", "PlotPace"]

FIGURES_S: Final = 0.25
"""Seconds between two looks of the figures."""
QUIET_S: Final = 5.0
"""Seconds between two looks of plots to which nothing but time is added."""


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


class PlotPace:
    """Returns the series to plot: those of the frame, or the ones before it while nothing happens, as plots
    that grow by an empty second each second are drawn for nobody.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._at = float("-inf")
        self._frame = EMPTY_FRAME

    def series(self, frame: Frame) -> SeriesPart:
        """Return the series to show with a frame."""
        now = self._now()
        if now - self._at >= QUIET_S or not self._is_quiet(frame):
            self._frame, self._at = frame, now
        return self._frame.series

    def _is_quiet(self, frame: Frame) -> bool:
        """True if nothing has happened since, and the series are as fine as they were."""
        before = self._frame
        steps, more = len(before.series.rate), len(frame.series.rate) - len(before.series.rate)
        same = 0 < frame.changes == before.changes and frame.run.state is before.run.state
        return same and steps > 0 and abs(more) <= QUIET_S


def _limits_of(key: KeyRow) -> tuple[float | None, ...]:
    return key.rpm_limit, key.tpm_limit, key.concurrency_limit
