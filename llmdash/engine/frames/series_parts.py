"""SeriesParts: the series over the run and the timings of its answers, for a view."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from llmdash.engine.frames.figures import Figures
from llmdash.engine.frames.run_facts import RunFacts
from llmdash.engine.model.frame import SeriesPart, TimingPart
from llmdash.engine.model.view import SeriesView, TimingView

__all__ = ["SeriesParts"]

_EVERY_S: Final = 0.5
_EVERY_ROW_S: Final = 0.01
"""Percentiles take a while: they are computed at most twice a second, and with 100 groups less often."""


class SeriesParts:
    """Builds the parts of a frame that are about all of the run. Hold the lock of the store."""

    def __init__(self, facts: RunFacts, store: Figures) -> None:
        self._facts = facts
        self._store = store
        self._timings: TimingPart | None = None
        self._asked: TimingView | None = None
        self._at = -math.inf

    def series(self, view: SeriesView, *, is_over: bool) -> SeriesPart:
        """Return the series, and the marks in the same part of the run."""
        store, now = self._store, self._store.run_clock()
        if not is_over:  # the last step is that of the work, not of who looks at it later
            store.time_series.sample(now, store.in_flight)
        if view.width < 1:
            return SeriesPart()
        part = store.time_series.whole(view, now) if is_over else store.time_series.part(view)
        marks = store.marks.between(view.begin_s, now if view.end_s is None else view.end_s)
        return replace(part, is_over=is_over, is_streamed=self._facts.is_streamed, marks=marks)

    def timings(self, view: TimingView | None, now: float) -> TimingPart | None:
        """Return the timings, as they are or were not long ago."""
        if view is None:
            return None
        rows = len(self._timings.rows) if self._timings is not None else 0
        if view != self._asked or not self._at <= now < self._at + _EVERY_S + rows * _EVERY_ROW_S:
            self._timings, self._asked, self._at = self._store.timings.part(view), view, now
        return self._timings
