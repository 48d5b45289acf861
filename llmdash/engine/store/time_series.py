"""Time series over the run in constant memory: when they grow long, pairs of steps are merged."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from llmdash.engine.model.frame import SeriesPart

__all__ = ["SeriesRecord", "TimeSeries"]

_LONGEST = 600
_SAMPLES = 200
_STAND_INS = 20
"""How many samples stand in for those of a step on record: the fewest that give back its p50 and its p95."""


class SeriesRecord(msgspec.Struct, frozen=True):
    """The series as they are kept: one value a step; times in seconds, None where nothing was measured."""

    start_s: float = 0.0
    step_s: float = 1.0
    sent: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()
    in_flight: tuple[float, ...] = ()
    ttft_p50: tuple[float | None, ...] = ()
    ttft_p95: tuple[float | None, ...] = ()

    @property
    def sound(self) -> bool:
        """True if this is what a TimeSeries has recorded, not what a damaged file holds."""
        columns = (self.sent, self.tokens, self.in_flight, self.ttft_p50, self.ttft_p95)
        return (
            1.0 <= self.step_s < math.inf
            and _sound((self.start_s,))
            and len(self.sent) <= _LONGEST
            and all(len(column) == len(self.sent) and _sound(column) for column in columns)
        )


class _Shares(NamedTuple):
    """Two percentiles of the times to the first token in a step."""

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
        self._shares: _Shares | None = None

    def first_token(self, ttft_s: float) -> None:
        if len(self._ttfts) < _SAMPLES:
            self._ttfts.append(ttft_s)
            self._shares = None

    @property
    def shares(self) -> _Shares:
        if self._shares is None:
            times = sorted(self._ttfts)
            self._shares = _Shares(_share(times, 0.50), _share(times, 0.95))
        return self._shares

    def merged(self, other: _Step) -> _Step:
        both = self._ttfts + other._ttfts
        times = both[:: 2 if len(both) > _SAMPLES else 1]
        in_flight = (self.in_flight + other.in_flight) / 2
        return _Step(self.sent + other.sent, self.tokens + other.tokens, in_flight, times)


class TimeSeries:
    """Samples of the run from its first request on, in steps of a second, then two, four, ...

    Moments are seconds on the run's own clock, which stands while the run rests: so do the series.
    """

    def __init__(self) -> None:
        self._start: float | None = None
        self._step_s = 1.0
        self._steps: list[_Step] = []

    def sent(self, at: float) -> None:
        """Count a request sent at `at`."""
        self._at(at).sent += 1

    def tokens(self, at: float, amount: int) -> None:
        """Count `amount` output tokens at `at`."""
        self._at(at).tokens += amount

    def first_token(self, at: float, ttft_s: float) -> None:
        """Record the time to first token of a stream that began at `at`."""
        self._at(at).first_token(ttft_s)

    def sample(self, at: float, in_flight: int) -> None:
        """Record how many requests are in flight at `at`."""
        if self._start is not None:
            self._at(at).in_flight = in_flight

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

    def record(self) -> SeriesRecord:
        """Return the series to be kept: `restore` continues them."""
        steps = self._steps
        return SeriesRecord(
            start_s=_short(self._start or 0.0),
            step_s=self._step_s,
            sent=tuple(step.sent for step in steps),
            tokens=tuple(step.tokens for step in steps),
            in_flight=tuple(_short(step.in_flight) for step in steps),
            ttft_p50=tuple(_known(step.shares.p50) for step in steps),
            ttft_p95=tuple(_known(step.shares.p95) for step in steps),
        )

    def restore(self, record: SeriesRecord) -> None:
        """Take over series on record, in place of those there are."""
        shares = zip(record.ttft_p50, record.ttft_p95, strict=True)
        counts = zip(record.sent, record.tokens, record.in_flight, strict=True)
        self._steps = [
            _Step(*counted, _stand_ins(*times)) for counted, times in zip(counts, shares, strict=True)
        ]
        self._start = record.start_s if self._steps else None
        self._step_s = record.step_s

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
        self._step_s *= 2


def _share(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def _stand_ins(p50: float | None, p95: float | None) -> list[float]:
    """Return samples with these percentiles."""
    if p50 is None or p95 is None:
        return []
    return [*[p50] * (_STAND_INS - 1), p95]


def _sound(values: Iterable[float | None]) -> bool:
    return all(value is None or 0 <= value < math.inf for value in values)


def _short(value: float) -> float:
    """Return the value in four digits: enough for a graph, and a quarter of the space."""
    return float(f"{value:.4g}")


def _known(value: float | None) -> float | None:
    return None if value is None else _short(value)
