"""Time series over the run in constant memory: when they grow long, pairs of steps are merged."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from llmdash.engine.model.frame import SeriesPart

__all__ = ["SeriesSpan", "Shares", "TimeSeries"]

_LONGEST = 600
_SAMPLES = 200
_STAND_INS = 10
"""How many samples stand in for those of a step on record: enough to give back its p50 and its p95."""
_LEAST_S = 1e-6


class SeriesSpan(NamedTuple):
    """A part of a time series on record: what happened from `start_s` to `end_s`, on the clock of the run."""

    start_s: float
    end_s: float
    sent: int = 0
    tokens: int = 0
    in_flight: float = 0.0
    ttft_p50: float | None = None
    ttft_p95: float | None = None


class Shares(NamedTuple):
    """Two percentiles of the times to the first token in a step; None without any."""

    p50: float | None
    p95: float | None


class _Step:
    """What happened in one step: counts, and a sample of the times to the first token."""

    __slots__ = ("_shares", "_ttfts", "in_flight", "sent", "tokens")

    def __init__(
        self, sent: int = 0, tokens: int = 0, in_flight: float = 0.0, ttfts: Iterable[float] = ()
    ) -> None:
        self.sent = sent
        self.tokens = tokens
        self.in_flight = in_flight
        self._ttfts = array("f", ttfts)
        self._shares: Shares | None = None

    def first_token(self, ttft_s: float) -> None:
        if len(self._ttfts) < _SAMPLES:
            self._ttfts.append(ttft_s)
            self._shares = None

    def stand_in(self, p50: float | None, p95: float | None) -> None:
        """Record times to the first token with these percentiles."""
        if p50 is not None and p95 is not None:
            both = self._ttfts + array("f", [*[p50] * (_STAND_INS - 1), p95])
            self._ttfts = _at_most(both)
            self._shares = None

    @property
    def shares(self) -> Shares:
        if self._shares is None:
            times = sorted(self._ttfts)
            self._shares = Shares(_share(times, 0.50), _share(times, 0.95))
        return self._shares

    def merged(self, other: _Step) -> _Step:
        both = self._ttfts + other._ttfts
        times = _at_most(both)
        in_flight = (self.in_flight + other.in_flight) / 2
        return _Step(self.sent + other.sent, self.tokens + other.tokens, in_flight, times)


_NOWHERE = _Step(), _Step()


class TimeSeries:
    """Samples of the run from its first request on, in steps of a second, then two, four, ...

    Moments are seconds on the run's own clock, which stands while the run rests: so do the series. What they
    are made of is also there second by second, for the record, until `seconds` returned it.
    """

    def __init__(self) -> None:
        self._start: float | None = None
        self._step_s = 1.0
        self._steps: list[_Step] = []
        self._seconds: dict[int, _Step] = {}
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
        step, second = self._both(at)
        step.first_token(ttft_s)
        second.first_token(ttft_s)

    def sample(self, at: float, in_flight: int) -> None:
        """Record how many requests are in flight at `at`."""
        if self._start is not None:
            step, second = self._both(at)
            step.in_flight = second.in_flight = in_flight

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
                start + second, start + second + 1.0, step.sent, step.tokens, step.in_flight, *step.shares
            )
            for second, step in taken
        ]

    def _both(self, at: float) -> tuple[_Step, _Step]:
        """Return the step at `at`, and what is gathered of that second."""
        if not self._from <= at < self._until:
            step, start = self._at(at), self._start or 0.0
            number = int(at - start)
            self._current = step, self._seconds.setdefault(number, _Step())
            self._from, self._until = start + number, start + number + 1.0
        return self._current

    def total_sent(self) -> int:
        """Return the requests of all steps."""
        return sum(step.sent for step in self._steps)

    def total_tokens(self) -> int:
        """Return the output tokens of all steps."""
        return sum(step.tokens for step in self._steps)

    def part(self, width: int) -> SeriesPart:
        """Return the last `width` steps, without the one that is still filling."""
        steps = self._steps[max(0, len(self._steps) - 1 - width) : -1] if width > 0 else []
        seconds = self._step_s
        return SeriesPart(
            step_s=seconds,
            rate=tuple(step.sent / seconds for step in steps),
            in_flight=tuple(float(step.in_flight) for step in steps),
            tokens_per_s=tuple(step.tokens / seconds for step in steps),
            ttft_p50=tuple(step.shares.p50 for step in steps),
            ttft_p95=tuple(step.shares.p95 for step in steps),
        )

    def restore(self, spans: Sequence[SeriesSpan]) -> None:
        """Take over series on record, in place of those there are; `spans` are in order."""
        self._start, self._step_s, self._steps = None, 1.0, []
        self._returned = spans[-1].end_s if spans else None
        self._seconds.clear()
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
            step.stand_in(span.ttft_p50, span.ttft_p95)

    def _at(self, at: float) -> _Step:
        if self._start is None:
            self._start = at
        wanted = int((at - self._start) // self._step_s)
        while wanted >= _LONGEST:
            self._halve()
            wanted = int((at - self._start) // self._step_s)
        while len(self._steps) <= wanted:
            self._steps.append(_Step(in_flight=self._steps[-1].in_flight if self._steps else 0.0))
        return self._steps[max(wanted, 0)]

    def _halve(self) -> None:
        if len(self._steps) % 2:
            self._steps.append(_Step())
        pairs = zip(self._steps[::2], self._steps[1::2], strict=True)
        self._steps = [left.merged(right) for left, right in pairs]
        self._from = math.inf
        self._step_s *= 2


def _at_most(times: array[float]) -> array[float]:
    """Return the times, or every other one in their order where there are many."""
    return times if len(times) <= _SAMPLES else array("f", sorted(times)[::2])


def _share(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
