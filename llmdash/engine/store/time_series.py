"""Time series over the run in constant memory: when they grow long, pairs of steps are merged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from llmdash.engine.model.series import SeriesPart, SeriesView, TimesSeries
from llmdash.engine.model.timings import AnswerTimes, Timing
from llmdash.engine.store.series_grid import MOST_STEPS, SeriesGrid, as_series
from llmdash.engine.store.series_steps import (
    NO_SUMS,
    NOT_SET,
    SeriesSpan,
    SeriesStep,
    SeriesSums,
    Setting,
)

__all__ = ["TimeSeries"]

_LEAST_S = 1e-6
_SETTLED = 2
"""Steps before the one that is filling which may still change, by what is reported late."""

_MOST_PARTS = 16
"""How many views are remembered, of the viewers that there may be."""
_NOWHERE = SeriesStep(), SeriesStep()


class TimeSeries:
    """Samples of the run from its first request on, in steps of a second, then two, four, ...

    Moments are seconds on the run's own clock, which stands while the run rests: so do the series. What they
    are made of is also there second by second, for the record, until `seconds` returned it.
    """

    def __init__(self) -> None:
        self._start: float | None = None
        self._step_s = 1.0
        self._steps: list[SeriesStep] = []
        self._merged: dict[tuple[int, int], SeriesStep] = {}
        """Steps in groups of 2, 4, ... that change no more, by the size of a group and its number."""
        self._sums = NO_SUMS
        """Of the steps that change no more."""
        self._revision = 0
        """Another number where a step may have changed that is not the last one."""
        self._parts: dict[SeriesView, SeriesPart] = {}
        self._parts_of: tuple[object, ...] = ()
        """What the parts were made from that can change."""
        self._seconds: dict[int, SeriesStep] = {}
        self._returned: float | None = None
        """The end of the last second that was returned or is on record, if any."""
        self._current = _NOWHERE
        self._from = self._until = math.inf
        """The second that `_current` is of."""

    def sent(self, at: float) -> None:
        """Count a request sent at `at`."""
        step, second = self._both(at)
        step.sent += 1
        second.sent += 1

    def tokens(self, at: float, amount: int) -> None:
        """Count `amount` output tokens at `at`."""
        step, second = self._both(at)
        step.tokens += amount
        second.tokens += amount

    def first_token(self, at: float, ttft_s: float) -> None:
        """Record the time to first token of a stream that began at `at`."""
        for step in self._both(at):
            step.sample(Timing.TTFT).add(ttft_s)

    def answered(self, at: float, times: AnswerTimes) -> None:
        """Record what was measured of an answer, complete at `at`; its first token is recorded already."""
        step, _ = self._both(at)
        step.add_times(times)

    def on_record(self, at: float, times: AnswerTimes) -> None:
        """Record what was measured of an answer on record, complete at `at`, within the steps there are."""
        self._forget_merged()
        if (step := self._within(at)) is not None:
            step.add_times(times)
        if times.ttft_s is not None and times.latency_s is not None:
            first = self._within(at - times.latency_s + times.ttft_s)
            if first is not None:
                first.sample(Timing.TTFT).add(times.ttft_s)

    def sample(self, at: float, in_flight: int) -> None:
        """Record how many requests are in flight at `at`."""
        if self._start is not None:
            step, second = self._both(at)
            step.in_flight = second.in_flight = in_flight

    def set_to(self, since_s: float, setting: Setting) -> None:
        """Record how the run is set, since a moment that was not long ago: steps to come begin so."""
        if self._start is not None:
            self._at(since_s)
            self._revision += 1
            for step in self._steps[max(0, int((since_s - self._start) // self._step_s)) :]:
                step.setting = setting

    def seconds(self, until: float) -> list[SeriesSpan]:
        """Return the seconds that have ended by `until` and were not returned yet; empty ones are left out.

        The beginning of one is not before the end of the one before it.
        """
        last = -1 if self._start is None else int(until - self._start)
        return self._taken([second for second in sorted(self._seconds) if second < last])

    def rest(self, until: float) -> list[SeriesSpan]:
        """Return all seconds that were not returned yet, the last one up to `until`; if nothing has happened
        since the last that was, that time as one.
        """
        spans, last = self._taken(sorted(self._seconds)), self._returned
        if spans:
            return [*spans[:-1], spans[-1]._replace(end_s=until)]
        if last is None or until <= last + _LEAST_S:
            return []
        return [SeriesSpan(last, until, in_flight=self._steps[-1].in_flight if self._steps else 0.0)]

    def _taken(self, seconds: Iterable[int]) -> list[SeriesSpan]:
        start = self._start or 0.0
        self._from = math.inf
        taken = [(second, self._seconds.pop(second)) for second in seconds]
        if taken:
            self._returned = max(self._returned or 0.0, start + taken[-1][0] + 1.0)
        return [
            SeriesSpan(
                start + second,
                start + second + 1.0,
                step.sent,
                step.tokens,
                step.in_flight,
                *step.shares(Timing.TTFT)[:2],
            )
            for second, step in taken
        ]

    def _both(self, at: float) -> tuple[SeriesStep, SeriesStep]:
        """Return the step at `at`, and what is gathered of that second."""
        if not self._from <= at < self._until:
            step, start = self._at(at), self._start or 0.0
            number = int(at - start)
            if step is not self._steps[-1] or self._current[0] is not step:
                self._revision += 1
            self._current = step, self._seconds.setdefault(number, SeriesStep())
            self._from, self._until = start + number, start + number + 1.0
        return self._current

    def total_sent(self) -> int:
        """Return the requests of all steps."""
        return self._all_steps().sent

    def total_tokens(self) -> int:
        """Return the output tokens of all steps."""
        return self._all_steps().tokens

    def peak_in_flight(self) -> float | None:
        """Return the most requests in flight of a step; None where there is no step."""
        return self._all_steps().peak if self._steps else None

    def _all_steps(self) -> SeriesSums:
        settled = max(0, len(self._steps) - 1 - _SETTLED)
        if settled > self._sums.steps:
            self._sums = self._sums.and_those(self._steps[self._sums.steps : settled])
        return self._sums.and_those(self._steps[self._sums.steps :])

    def _forget_merged(self) -> None:
        """Forget what was made of steps: any of them may be another one now."""
        self._merged.clear()
        self._parts.clear()
        self._sums = NO_SUMS
        self._revision += 1

    # Pictures.

    def part(self, view: SeriesView) -> SeriesPart:
        """Return the steps that a view shows, without the one that is still filling."""
        return self._part(view, len(self._steps) - 1, None)

    def whole(self, view: SeriesView, until: float) -> SeriesPart:
        """Return the steps that a view shows of a run that has ended at `until`."""
        return self._part(view, len(self._steps), until)

    def _part(self, view: SeriesView, count: int, until: float | None) -> SeriesPart:
        if self._start is None or count < 1 or view.width < 1:
            return SeriesPart()
        self._forget_changed_parts(count, until)
        known = self._parts.get(view)
        if known is None:
            known = self._parts[view] = self._made(view, self._start, count, until)
        return known

    def _forget_changed_parts(self, count: int, until: float | None) -> None:
        """Forget the parts that were made of fewer steps, or of such that have changed."""
        last = self._steps[-1]
        figures = () if until is None else last.figures()
        of = (self._revision, count, until, *figures)
        changes_past = self._from != math.inf and self._current[0] is not last
        if of != self._parts_of or changes_past or len(self._parts) >= _MOST_PARTS:
            self._parts.clear()
            self._parts_of = of

    def _made(self, view: SeriesView, start: float, count: int, until: float | None) -> SeriesPart:
        grid = SeriesGrid.of(view, start, self._step_s, count, until)
        steps = [self._group(grid.size, number, count) for number in grid.groups]
        return as_series(
            grid,
            sent=[step.sent for step in steps],
            tokens=[step.tokens for step in steps],
            in_flight=[float(step.in_flight) for step in steps],
            settings=[step.setting for step in steps],
            times={
                metric: TimesSeries(*zip(*(step.shares(metric) for step in steps), strict=True))
                for metric in view.times
                if steps
            },
        )

    def _group(self, size: int, number: int, count: int) -> SeriesStep:
        """Return `size` steps as one: only those of `count` where there are fewer."""
        if size == 1:
            return self._steps[number]
        known = self._merged.get((size, number))
        if known is not None:
            return known
        left = self._group(size // 2, 2 * number, count)
        has_right = (2 * number + 1) * (size // 2) < count
        group = left.merged(self._group(size // 2, 2 * number + 1, count)) if has_right else left
        if (number + 1) * size < len(self._steps) - _SETTLED:
            self._merged[size, number] = group
        return group

    # The record.

    def restore(self, spans: Sequence[SeriesSpan]) -> None:
        """Take over series on record, in place of those there are; `spans` are in order."""
        self._start, self._step_s, self._steps = None, 1.0, []
        self._returned = spans[-1].end_s if spans else None
        self._seconds.clear()
        self._forget_merged()
        self._from = math.inf
        for span in spans:
            self._spread(span)

    def _spread(self, span: SeriesSpan) -> None:
        """Divide what happened in a span among the steps that it lies in."""
        self._at(span.start_s)
        last = self._at(max(span.start_s, span.end_s - _LEAST_S))
        start = self._start or 0.0
        first = int(max(0.0, span.start_s - start) // self._step_s)
        steps = self._steps[first : self._steps.index(last, first) + 1]
        length, sent, tokens = max(span.end_s - span.start_s, _LEAST_S), 0, 0
        for number, step in enumerate(steps, first + 1):
            share = min(1.0, (start + number * self._step_s - span.start_s) / length)
            share = 1.0 if step is last else share
            step.sent += int(span.sent * share) - sent
            step.tokens += int(span.tokens * share) - tokens
            sent, tokens = int(span.sent * share), int(span.tokens * share)
            step.in_flight = span.in_flight
            step.setting = span.setting if span.setting != NOT_SET else step.setting
            if span.ttft_p50 is not None and span.ttft_p95 is not None:
                step.sample(Timing.TTFT).stand_in(span.ttft_p50, span.ttft_p95)

    def _within(self, at: float) -> SeriesStep | None:
        """Return the step at `at`; None outside of all."""
        if self._start is None or at < self._start:
            return None
        number = int((at - self._start) // self._step_s)
        return self._steps[number] if number < len(self._steps) else None

    def _at(self, at: float) -> SeriesStep:
        if self._start is None:
            self._start = at
        wanted = int((at - self._start) // self._step_s)
        while wanted >= MOST_STEPS:
            self._halve()
            wanted = int((at - self._start) // self._step_s)
        while len(self._steps) <= wanted:
            before = self._steps[-1] if self._steps else _NOWHERE[0]
            self._steps.append(SeriesStep(in_flight=before.in_flight, setting=before.setting))
        return self._steps[max(wanted, 0)]

    def _halve(self) -> None:
        if len(self._steps) % 2:
            self._steps.append(SeriesStep())
        pairs = zip(self._steps[::2], self._steps[1::2], strict=True)
        self._steps = [left.merged(right) for left, right in pairs]
        self._forget_merged()
        self._from = math.inf
        self._step_s *= 2
