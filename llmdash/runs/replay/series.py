"""SeriesAt: the time series of a run until a position of its replay."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from llmdash.engine.metrics.times_sample import Shares, TimesSample
from llmdash.engine.model.frame import SeriesPart, TimesSeries
from llmdash.engine.model.timings import Timing
from llmdash.engine.model.view import SeriesView
from llmdash.engine.store.series_grid import MOST_STEPS, SeriesGrid, as_series
from llmdash.runs.replay.columns import ColumnsAt
from llmdash.runs.replay.past import Past
from llmdash.runs.replay.timeline import Timeline
from llmdash.runs.replay.timings import times_of

__all__ = ["SeriesAt"]

_MOST_TIMES = 200
_KEPT_STEPS = 5_000


class _Step(NamedTuple):
    sent: int
    in_flight: float
    tokens: int
    times: dict[Timing, Shares]


class SeriesAt:
    """The time series until the position; a step is the same whenever it is asked for, and kept."""

    def __init__(self, timeline: Timeline, columns: ColumnsAt, past: Past) -> None:
        self._timeline = timeline
        self._columns = columns
        self._past = past
        self._steps: dict[tuple[float, float], _Step] = {}
        self._peak: tuple[float, float | None] = (-1.0, None)
        """The peak until a position, with that position before it."""

    def total_sent(self) -> int:
        return self._timeline.all_sent.by(self._columns.position)

    def total_tokens(self) -> int:
        return self._timeline.live_answers.by(self._columns.position)

    def peak_in_flight(self) -> float | None:
        """Return the most requests in flight of a step of the whole run; None where nothing was sent."""
        position = self._columns.position
        if self._peak[0] != position:
            whole = self.whole(SeriesView(MOST_STEPS, times=()), position)
            self._peak = position, max(whole.in_flight, default=None)
        return self._peak[1]

    def sample(self, at: float, in_flight: int) -> None:
        """Do nothing: what was in flight is on record."""

    def part(self, view: SeriesView) -> SeriesPart:
        """Return the steps that a view shows, without the one that is still filling."""
        return self._part(view, self._columns.position, None)

    def whole(self, view: SeriesView, until: float) -> SeriesPart:
        """Return the steps that a view shows of the whole run, which ended at `until`."""
        return self._part(view, until, until)

    def _part(self, view: SeriesView, position: float, until: float | None) -> SeriesPart:
        first = self._timeline.all_sent.first
        if first > position or view.width < 1:
            return SeriesPart()
        step_s = 1.0
        while (position - first) // step_s >= MOST_STEPS:
            step_s *= 2
        count = int((position - first) // step_s) + (until is not None)
        if count < 1:
            return SeriesPart()
        grid = SeriesGrid.of(view, first, step_s, count, until)
        spans = [(grid.begins(number), grid.begins(number + 1)) for number in grid.groups]
        steps = [self._step(*span) for span in spans]
        return as_series(
            grid,
            sent=[step.sent for step in steps],
            tokens=[step.tokens for step in steps],
            in_flight=[step.in_flight for step in steps],
            settings=[self._past.setting(end) for _, end in spans],
            times={
                metric: TimesSeries(*zip(*(step.times[metric] for step in steps), strict=True))
                for metric in view.times
                if steps
            },
        )

    def _step(self, begin: float, end: float) -> _Step:
        known = self._steps.get((begin, end))
        if known is None:
            if len(self._steps) > _KEPT_STEPS:
                self._steps.clear()
            known = self._steps[begin, end] = self._computed(begin, end)
        return known

    def _computed(self, begin: float, end: float) -> _Step:
        timeline = self._timeline
        sent_before = timeline.all_sent.before(end)
        sent = sent_before - timeline.all_sent.before(begin)
        in_flight = float(sent_before - timeline.all_ended.before(end))
        return _Step(sent, in_flight, self._tokens(begin, end), self._times(begin, end))

    def _tokens(self, begin: float, end: float) -> int:
        return self._timeline.live_answers.by(end) - self._timeline.live_answers.by(begin)

    def _times(self, begin: float, end: float) -> dict[Timing, Shares]:
        """The percentiles of first tokens, and of the answers that were complete, between two positions."""
        timeline, answered = self._timeline, self._timeline.answers.times
        attempts = _some(
            timeline.all_first.order, timeline.all_first.before(begin), timeline.all_first.before(end)
        )
        jobs = _some(answered.order, answered.before(begin), answered.before(end))
        samples = {metric: TimesSample() for metric in Timing}
        if timeline.is_streamed:
            for attempt in attempts:
                samples[Timing.TTFT].add(timeline.first_token[attempt] - timeline.sent[attempt])
        for job in jobs:
            for metric, value in zip(Timing, times_of(timeline, job), strict=True):
                if value is not None and metric is not Timing.TTFT:
                    samples[metric].add(value)
        return {metric: sample.shares for metric, sample in samples.items()}


def _some(order: array[int], first: int, last: int) -> Sequence[int]:
    """Return those from one place to another, or some of many."""
    return order[first : last : max(1, (last - first) // _MOST_TIMES)]
