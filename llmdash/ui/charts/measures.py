"""What the plots of a run show: its rate, first tokens, requests in flight, and output."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from llmdash.engine.model.frame import SeriesPart, TimesSeries
from llmdash.ui.charts.chart import Values
from llmdash.ui.text.format import duration, number, si

__all__ = [
    "LineFigures",
    "Measure",
    "PlotLine",
    "axis_seconds",
    "figures_of",
    "measures",
    "short_number",
    "short_seconds",
]


@dataclass(frozen=True, slots=True)
class PlotLine:
    """A line of a plot: its name, a value a step, and the style that it is drawn in."""

    name: str
    values: Values
    style: str = "line"


@dataclass(frozen=True, slots=True)
class Measure:
    """What one plot shows. `levels` are what was set, a value a step; `tail` is in the figures alone."""

    title: str
    short: str
    lines: tuple[PlotLine, ...]
    write: Callable[[float], str]
    levels: Values = ()
    tail: tuple[PlotLine, ...] = ()

    @property
    def is_times(self) -> bool:
        """True for percentiles, of which neither mean nor peak says anything."""
        return bool(self.tail)


@dataclass(frozen=True, slots=True)
class LineFigures:
    """The last value of a line, and the mean and the largest of all; None without any."""

    now: float | None = None
    mean: float | None = None
    peak: float | None = None
    least: float | None = None


def figures_of(values: Values) -> LineFigures:
    """Return the figures of the known values of a line."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return LineFigures()
    return LineFigures(known[-1], math.fsum(value / len(known) for value in known), max(known), min(known))


def short_number(value: float) -> str:
    """Return a number for an axis: `25`, `0.5`, `2.5k`."""
    return f"{value:.3g}" if value < 1000 else si(value).strip()


def short_seconds(value: float) -> str:
    """Return a time in three digits: `0.41s`, `98ms`, `12.3s`, `3m04s`."""
    return f"{value:.2f}s" if 0.0995 <= value < 9.995 else duration(value).strip()


def axis_seconds(value: float) -> str:
    """Return a round time for an axis: `0`, `400ms`, `1.2s`, `3m20s`."""
    if not value:
        return "0"
    return f"{value:.3g}s" if 0.9995 <= value < 59.95 else duration(value).strip()


def _count(value: float) -> str:
    return si(value).strip()


_TIMES: Final = (("p50", "line"), ("p95", "second"))


def measures(part: SeriesPart) -> tuple[Measure, ...]:
    """Return the four plots of a run; one whose answers are fetched whole has no first tokens."""
    return (
        Measure("Requests a second", "req/s", (PlotLine("achieved", part.rate),), number, part.set_rate),
        _times(part),
        Measure(
            "In flight", "in flight", (PlotLine("in flight", part.in_flight),), _count, part.set_concurrency
        ),
        Measure("Tokens a second", "tokens/s", (PlotLine("out", part.tokens_per_s),), _count),
    )


def _times(part: SeriesPart) -> Measure:
    if part.is_streamed:
        return _percentiles("Time to first token", "first token", part.ttft)
    return _percentiles("Time to answer", "answer", part.latency)


def _percentiles(title: str, short: str, times: TimesSeries) -> Measure:
    lines = tuple(PlotLine(name, getattr(times, name), style) for name, style in _TIMES)
    return Measure(title, short, lines, short_seconds, tail=(PlotLine("p99", times.p99),))
