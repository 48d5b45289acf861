"""The steps of a time series: what happened in one, and how they are on record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from llmdash.engine.metrics.times_sample import Shares, TimesSample
from llmdash.engine.model.states import Binding
from llmdash.engine.model.timings import AnswerTimes, Timing

__all__ = ["NOT_SET", "NO_SUMS", "SeriesSpan", "SeriesStep", "SeriesSums", "Setting"]

_NO_SHARES = Shares()
_METRICS = tuple(Timing)


class Setting(NamedTuple):
    """How the run was set, and what limited its rate; None where that is not known."""

    rate: float | None = None
    concurrency: int | None = None
    binding: Binding | None = None


NOT_SET = Setting()


class SeriesSpan(NamedTuple):
    """A part of a time series on record: what happened from `start_s` to `end_s`, on the clock of the run."""

    start_s: float
    end_s: float
    sent: int = 0
    tokens: int = 0
    in_flight: float = 0.0
    ttft_p50: float | None = None
    ttft_p95: float | None = None
    setting: Setting = NOT_SET


class SeriesStep:
    """What happened in one step: counts, how the run was set, and samples of what was measured."""

    __slots__ = ("_times", "in_flight", "sent", "setting", "tokens")

    def __init__(
        self, sent: int = 0, tokens: int = 0, in_flight: float = 0.0, setting: Setting = NOT_SET
    ) -> None:
        self.sent = sent
        self.tokens = tokens
        self.in_flight = in_flight
        self.setting = setting
        self._times: dict[Timing, TimesSample] = {}

    def add_times(self, times: AnswerTimes) -> None:
        """Count what was measured of an answer, but for its first token."""
        for metric, value in zip(_METRICS, times, strict=True):
            if value is not None and metric is not Timing.TTFT:
                self.sample(metric).add(value)

    def sample(self, metric: Timing) -> TimesSample:
        """Return the sample of a metric, to add to it."""
        found = self._times.get(metric)
        if found is None:
            found = self._times[metric] = TimesSample()
        return found

    def shares(self, metric: Timing) -> Shares:
        found = self._times.get(metric)
        return found.shares if found is not None else _NO_SHARES

    def figures(self) -> tuple[object, ...]:
        """Return all that a picture shows of the step."""
        return self.sent, self.tokens, self.in_flight, self.setting, *map(self.shares, _METRICS)

    def merged(self, other: SeriesStep) -> SeriesStep:
        setting = other.setting if other.setting != NOT_SET else self.setting
        in_flight = (self.in_flight + other.in_flight) / 2
        both = SeriesStep(self.sent + other.sent, self.tokens + other.tokens, in_flight, setting)
        both._times = {**self._times, **other._times}
        for metric in self._times.keys() & other._times.keys():
            both._times[metric] = self._times[metric].merged(other._times[metric])
        return both


class SeriesSums(NamedTuple):
    """What that many first `steps` have together; `peak` is the most in flight of one of them."""

    steps: int = 0
    sent: int = 0
    tokens: int = 0
    peak: float = 0.0

    def and_those(self, following: Sequence[SeriesStep]) -> SeriesSums:
        """Return the sums of the steps and of those after them."""
        return SeriesSums(
            self.steps + len(following),
            self.sent + sum([step.sent for step in following]),
            self.tokens + sum([step.tokens for step in following]),
            max([self.peak, *[step.in_flight for step in following]]),
        )


NO_SUMS = SeriesSums()
