"""What the plots of a run show: its rate, first tokens, requests in flight, and output."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from llmdash.engine.model.frame import SeriesPart, TimesSeries
from llmdash.lean_dataclass import dataclass
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
    last_share: float = 1.0
    """How long the last step is, where the others are 1."""

    @property
    def figures(self) -> LineFigures:
        """The figures of its first line, with the mean over the time that it covers."""
        return figures_of(self.lines[0].values, self.last_share)

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


def figures_of(values: Values, last_share: float = 1.0) -> LineFigures:
    """Return the figures of the known values of a line, of which the last step is shorter by `last_share`.

    >>> figures_of((40.0, 0.0, 2.0), 0.5).mean
    16.4
    """
    shares = [1.0] * (len(values) - 1) + [last_share]
    pairs = zip(values, shares, strict=False)
    known = [(value, share) for value, share in pairs if value is not None and math.isfinite(value)]
    if not known:
        return LineFigures()
    whole = math.fsum(share for _, share in known)
    mean = math.fsum(value * (share / whole) for value, share in known)
    plain = [value for value, _ in known]
    return LineFigures(plain[-1], mean, max(plain), min(plain))


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
    rate, in_flight = PlotLine("achieved", part.rate), PlotLine("in flight", part.in_flight)
    out, last = PlotLine("out", part.tokens_per_s), _last_share(part)
    return (
        Measure("Requests a second", "req/s", (rate,), number, part.set_rate, last_share=last),
        _times(part),
        Measure("In flight", "in flight", (in_flight,), _count, part.set_concurrency, last_share=last),
        Measure("Tokens a second", "tokens/s", (out,), _count, last_share=last),
    )


def _last_share(part: SeriesPart) -> float:
    """The length of the last step that is shown, as the run may end within it."""
    begins_s = part.begin_s + (len(part.rate) - 1) * part.step_s
    share = (part.end_s - begins_s) / part.step_s if part.rate and part.step_s > 0 else 1.0
    return share if 0.0 < share < 1.0 else 1.0


def _times(part: SeriesPart) -> Measure:
    if part.is_streamed:
        return _percentiles("Time to first token", "first token", part.ttft)
    return _percentiles("Time to answer", "answer", part.latency)


def _percentiles(title: str, short: str, times: TimesSeries) -> Measure:
    lines = tuple(PlotLine(name, getattr(times, name), style) for name, style in _TIMES)
    return Measure(title, short, lines, short_seconds, tail=(PlotLine("p99", times.p99),))
