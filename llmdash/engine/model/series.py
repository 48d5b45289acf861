"""Series over the run: what a view asks of them, their values step by step, and marks on the time axis."""

from __future__ import annotations

import enum

from llmdash.engine.model.states import Binding
from llmdash.engine.model.timings import Timing
from llmdash.lean_dataclass import dataclass

__all__ = ["Mark", "MarkKind", "SeriesPart", "SeriesView", "TimesSeries"]


class MarkKind(enum.Enum):
    """What a mark on the time axis is of; the most severe first."""

    KEY_DEAD = "key dead"
    WORKER_LOST = "worker lost"
    ENDPOINT_DOWN = "endpoint down"
    SLIDE = "slide"
    BURST = "burst of errors"
    REST = "rest"

    @property
    def severity(self) -> int:
        """0 for the most severe."""
        return _SEVERITY[self]


_SEVERITY = {kind: place for place, kind in enumerate(MarkKind)}


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that was set or happened, `at_s` seconds at work.

    `subject` is the key, the worker or the endpoint; `rate` or `concurrency` of a slide; the error of a
    burst. `detail` says what it was: why, `15→20/s`, how many.
    """

    at_s: float
    kind: MarkKind
    subject: str = ""
    detail: str = ""
    until_s: float | None = None
    """When it was over; None while it lasts, and for what takes no time."""


@dataclass(frozen=True, slots=True)
class TimesSeries:
    """Percentiles of what was measured in each step; None in one without. Seconds; tokens a second of TPS."""

    p50: tuple[float | None, ...] = ()
    p95: tuple[float | None, ...] = ()
    p99: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class SeriesView:
    """Which part of the series is on screen: at most `width` steps between two moments of the run, in seconds
    at work; without an `end_s` up to now. `times` are the metrics wanted step by step.
    """

    width: int = 0
    begin_s: float = 0.0
    end_s: float | None = None
    times: tuple[Timing, ...] = (Timing.TTFT, Timing.LATENCY)


@dataclass(frozen=True, slots=True)
class SeriesPart:
    """Series over a part of the run, oldest first, one value a step of `step_s` seconds.

    The first step begins at `begin_s`; all of the run's steps end at `end_s`, and there is no step for what
    is still filling. Those not asked for are empty.
    """

    step_s: float = 1.0
    begin_s: float = 0.0
    end_s: float = 0.0
    is_over: bool = False
    """True once the run has ended: nothing is added any more."""
    is_streamed: bool = True
    """False where answers are fetched whole, so that there is no first token."""
    rate: tuple[float, ...] = ()
    """Requests sent a second."""
    in_flight: tuple[float, ...] = ()
    tokens_per_s: tuple[float, ...] = ()
    """Output tokens of the answers that were complete in the step, a second."""
    set_rate: tuple[float | None, ...] = ()
    """The rate as it was set; None for no limit, and where that is not known."""
    set_concurrency: tuple[int | None, ...] = ()
    binding: tuple[Binding | None, ...] = ()
    """What limited the rate."""
    ttft: TimesSeries = TimesSeries()
    latency: TimesSeries = TimesSeries()
    itl: TimesSeries = TimesSeries()
    waited: TimesSeries = TimesSeries()
    tps: TimesSeries = TimesSeries()
    marks: tuple[Mark, ...] = ()
    """What happened in this part of the run; of many at about the same time, the most severe."""

    def times(self, metric: Timing) -> TimesSeries:
        """Return the percentiles of a metric."""
        every = (self.ttft, self.latency, self.itl, self.waited, self.tps)
        return dict(zip(Timing, every, strict=True))[metric]
