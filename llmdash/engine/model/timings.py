"""Timings of answers: what is measured of each, and their percentiles by key, endpoint and model."""

from __future__ import annotations

import enum
from dataclasses import field
from typing import NamedTuple

from llmdash.engine.model.run_part import Percentiles
from llmdash.lean_dataclass import dataclass

__all__ = ["AnswerTimes", "Grouping", "HistogramPart", "Timing", "TimingPart", "TimingRow", "TimingView"]


class Timing(enum.Enum):
    """What is measured of an answer.

    | metric | definition | unit |
    |---|---|---|
    | TTFT | attempt sent to first content | s |
    | LATENCY | attempt sent to last byte | s |
    | ITL | (latency - TTFT) / (output tokens - 1), undefined below 2 | s |
    | WAITED | queue time: with a worker and not sent (rate, key, backoff) | s |
    | TPS | output tokens / (latency - TTFT), a stream | tokens/s |
    """

    TTFT = "ttft"
    LATENCY = "latency"
    ITL = "itl"
    WAITED = "waited"
    TPS = "tps"

    __hash__ = object.__hash__  # a member is equal to itself alone; that of Enum takes five times as long


class Grouping(enum.Enum):
    """What timings are told apart by."""

    RUN = "run"
    KEY = "key"
    ENDPOINT = "endpoint"
    MODEL = "model"


class AnswerTimes(NamedTuple):
    """What was measured of one answer; None where it was not, or is not defined. In the order of Timing."""

    ttft_s: float | None = None
    latency_s: float | None = None
    itl_s: float | None = None
    waited_s: float | None = None
    tps: float | None = None

    @classmethod
    def of(
        cls, ttft_s: float | None, latency_s: float | None, tokens: int | None, waited_s: float | None
    ) -> AnswerTimes:
        """Return the times of an answer of that many output tokens; of one fetched whole, without a TTFT."""
        if ttft_s is None or latency_s is None or latency_s <= ttft_s or not tokens:
            return cls(ttft_s, latency_s, None, waited_s, None)
        streamed_s = latency_s - ttft_s
        return cls(
            ttft_s,
            latency_s,
            streamed_s / (tokens - 1) if tokens > 1 else None,
            waited_s,
            tokens / streamed_s,
        )


@dataclass(frozen=True, slots=True)
class TimingView:
    """The timings on screen: a row a group of `by`, and the histograms of one `group`, None for those of all
    answers.
    """

    by: Grouping = Grouping.RUN
    group: str | None = None
    bars: int = 40
    """How many bars a histogram has at most."""


@dataclass(frozen=True, slots=True)
class TimingRow:
    """The percentiles of one group. Times in seconds, TPS in tokens a second."""

    name: str
    answers: int = 0
    ttft: Percentiles = field(default_factory=Percentiles)
    latency: Percentiles = field(default_factory=Percentiles)
    itl: Percentiles = field(default_factory=Percentiles)
    waited: Percentiles = field(default_factory=Percentiles)
    tps: Percentiles = field(default_factory=Percentiles)

    def times(self, metric: Timing) -> Percentiles:
        """Return the percentiles of a metric."""
        every = (self.ttft, self.latency, self.itl, self.waited, self.tps)
        return dict(zip(Timing, every, strict=True))[metric]


@dataclass(frozen=True, slots=True)
class HistogramPart:
    """How many values lie between each two neighbours of `edges`, which ascend by one factor."""

    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TimingPart:
    """The timings asked for. `whole` is that of all answers; `rows` has the group with most answers first."""

    by: Grouping = Grouping.RUN
    whole: TimingRow = TimingRow("all")
    rows: tuple[TimingRow, ...] = ()
    group: str | None = None
    histograms: tuple[HistogramPart, ...] = (HistogramPart(),) * len(Timing)
    """Those of the group, in the order of Timing."""
    failed: int = 0
    """The attempts that failed, which are in no other figure."""
    failed_after: Percentiles = field(default_factory=Percentiles)
    """Seconds from sending them to their failures."""

    def histogram(self, metric: Timing) -> HistogramPart:
        """Return the histogram of a metric."""
        return dict(zip(Timing, self.histograms, strict=True))[metric]
