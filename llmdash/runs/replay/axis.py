"""Axis: the positions of a replay, which leave out the time in which a run was not at work."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from llmdash.engine.model.records import MomentRow, SampleRow
from llmdash.runs.replay.tracks import NEVER

__all__ = ["Axis", "axis_of", "seconds_at_work"]

_TOGETHER_S = 0.05
"""Spans with less than this between them are one: clocks differ by less."""

_PORTION = 1_000

Span = tuple[float, float]


class Axis:
    """Maps Unix seconds to seconds at work, over disjoint spans in order; between two of them it stands."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._starts = array("d", (start for start, _ in spans))
        self._ends = array("d", (end for _, end in spans))
        self._before = array("d")
        self.length_s = 0.0
        for start, end in spans:
            self._before.append(self.length_s)
            self.length_s += end - start

    def position(self, at: float) -> float:
        """Return the position at the time `at`, from 0 to `length_s`."""
        number = bisect_right(self._starts, at) - 1
        if number < 0:
            return 0.0
        return self._before[number] + min(at, self._ends[number]) - self._starts[number]

    def time(self, position: float) -> float:
        """Return the time, in Unix seconds, at which `position` was reached; 0 where there was no work."""
        number = max(0, bisect_left(self._before, position) - 1)
        if not self._starts:
            return 0.0
        return min(self._starts[number] + position - self._before[number], self._ends[number])

    def place(self, times: array[float]) -> None:
        """Replace times, where there are any, by their positions."""
        for begin in range(0, len(times), _PORTION):
            some = times[begin : begin + _PORTION]
            span = bisect_right(self._starts, min(some)) - 1
            last = max(filter(NEVER.__gt__, some), default=NEVER)
            if span >= 0 and last <= self._ends[span]:  # as most are: all of them in one span
                start, before = self._starts[span], self._before[span]
                times[begin : begin + len(some)] = array("d", [before + (at - start) for at in some])
            else:
                for number, at in enumerate(some, begin):
                    if at < NEVER:
                        times[number] = self.position(at)


def axis_of(
    samples: Sequence[SampleRow],
    moments: Sequence[MomentRow],
    sent: Sequence[float],
    ended: Sequence[float],
    rest_s: float,
) -> Axis:
    """Return the axis of a run that was at work as its moments say, or in an older journal its samples; and
    while something was in flight: by when each request was `sent` and when it `ended`, and if that is less
    than `rest_s` before the next one, until then.
    """
    worked = _worked(moments, [row.at for row in samples])
    spans = _joined(worked or _sampled(samples))
    if not rest_s:
        sent, ended = _outside(spans, sent, ended)
    return Axis(_joined([*spans, *_busy(sorted(sent), sorted(ended), rest_s)]))


def _outside(
    spans: Sequence[Span], sent: Sequence[float], ended: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Return when those requests were sent and ended that were not in flight within one span alone."""
    starts = [start for start, _ in spans]
    outside: tuple[list[float], list[float]] = [], []
    for begin in range(0, len(sent), _PORTION):
        some = sent[begin : begin + _PORTION], ended[begin : begin + _PORTION]
        if not _is_within(spans, starts, min(some[0]), max(some[1])):  # as most portions are
            for start, end in zip(*some, strict=True):
                if not _is_within(spans, starts, start, end):
                    outside[0].append(start)
                    outside[1].append(end)
    return outside


def _is_within(spans: Sequence[Span], starts: Sequence[float], start: float, end: float) -> bool:
    number = bisect_right(starts, start) - 1
    return number >= 0 and end <= spans[number][1]


def _busy(sent: Sequence[float], ended: Sequence[float], rest_s: float) -> list[Span]:
    """Return when something was in flight, by when requests were sent and when they ended, each in order.
    What begins less than `rest_s` after the end of another is of the same span.
    """
    if not sent:
        return []
    spans: list[Span] = []
    begun = sent[0]
    for number, start in enumerate(sent):
        # All before it have ended, and long enough ago, if that many ends are that early.
        if number and ended[number - 1] < start - rest_s:
            spans.append((begun, ended[number - 1]))
            begun = start
    return [*spans, (begun, max(begun, ended[-1]))]


def _worked(moments: Sequence[MomentRow], signs: Sequence[float]) -> list[Span]:
    """Return the times from when the clock of the run ran until it stood.

    Where its process died with the clock running, it ran until the last of the `signs` of life, in order.
    """
    spans: list[Span] = []
    on: tuple[float, float] | None = None
    for row in moments:
        active_s = seconds_at_work(row.value) if row.kind == "work" else 0.0
        if row.kind == "begun" and on is not None:
            number = bisect_right(signs, row.at)
            spans.append((on[0], max(on[0], signs[number - 1] if number else on[0])))
            on = None
        elif row.kind == "work" and row.subject == "on":
            on = row.at, active_s
        elif row.kind == "work" and on is not None:
            spans.append((on[0], on[0] + max(0.0, active_s - on[1])))
            on = None
    if on is not None and signs:
        spans.append((on[0], max(on[0], signs[-1])))
    return spans


def seconds_at_work(text: str | None) -> float:
    """Return the seconds that the value of a moment says; 0 where it says none."""
    try:
        seconds = float(text or "")
    except ValueError:
        return 0.0
    return seconds if 0.0 <= seconds < NEVER else 0.0


def _sampled(samples: Sequence[SampleRow]) -> Iterable[Span]:
    """The time at work that each sample is of."""
    active_s = max(0.0, samples[0].active_s - 1.0) if samples else 0.0
    last_at = 0.0
    for row in samples:
        yield max(last_at, row.at - (row.active_s - active_s)), row.at
        active_s, last_at = row.active_s, row.at


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start - joined[-1][1] <= _TOGETHER_S:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, max(start, end)))
    return joined
