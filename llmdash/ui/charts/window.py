"""Window: which part of a run is on the time axis. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from llmdash.lean_dataclass import dataclass
from llmdash.ui.charts.time_axis import TimeAxis

__all__ = ["WHOLE", "Window"]

_LEAST_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Window:
    """`span_s` seconds of a run from `begin_s` on; the newest ones without a beginning, or all of it."""

    span_s: float | None = None
    begin_s: float | None = None

    def axis(self, end_s: float, columns: int, *, is_over: bool) -> TimeAxis:
        """Return the axis of a run that has gone on for `end_s` seconds."""
        if self.span_s is None:
            return (
                TimeAxis.fitted(0.0, end_s, columns)
                if is_over and end_s > 0
                else TimeAxis.growing(end_s, columns)
            )
        begin_s = max(0.0, end_s - self.span_s) if self.begin_s is None else self.begin_s
        return TimeAxis.fitted(begin_s, begin_s + self.span_s, columns)

    def zoomed(self, factor: float, around_s: float, end_s: float, now: TimeAxis) -> Window:
        """Return the window with a span `factor` times as long, in which one moment stays where it is."""
        span_s = max(_LEAST_S, (now.end_s - now.begin_s) * factor)
        if span_s >= end_s:
            return WHOLE
        share = (around_s - now.begin_s) / (now.end_s - now.begin_s)
        return Window(span_s, around_s - share * span_s)._within(end_s)

    def panned(self, shares: float, end_s: float, now: TimeAxis) -> Window:
        """Return the window moved by `shares` of its span; that of the whole run stays as it is."""
        if self.span_s is None:
            return self
        return replace(self, begin_s=now.begin_s + shares * self.span_s)._within(end_s)

    def _within(self, end_s: float) -> Window:
        """Return the window within the run; one that goes to its end follows it."""
        span_s, begin_s = self.span_s or 0.0, self.begin_s or 0.0
        if begin_s + span_s >= end_s:
            return Window(span_s)
        return Window(span_s, max(0.0, begin_s))


WHOLE: Final = Window()
"""The whole run."""
