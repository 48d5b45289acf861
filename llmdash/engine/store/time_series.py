"""Time series over the run in constant memory: when they grow long, pairs of steps are merged."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from llmdash.engine.model.frame import SeriesPart

__all__ = ["TimeSeries"]

_LONGEST = 600
_SAMPLES = 200


@dataclass(slots=True)
class _Step:
    """What happened in one step: counts, and a sample of the times to the first token."""

    sent: int = 0
    tokens: int = 0
    in_flight: float = 0.0
    ttfts: array[float] = field(default_factory=lambda: array("f"))

    def merged(self, other: _Step) -> _Step:
        times = (self.ttfts + other.ttfts)[:: 2 if len(self.ttfts) + len(other.ttfts) > _SAMPLES else 1]
        return _Step(
            self.sent + other.sent, self.tokens + other.tokens, (self.in_flight + other.in_flight) / 2, times
        )


class TimeSeries:
    """Samples of the run from its first request on, in steps of a second, then two, four, ..."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._step_s = 1.0
        self._steps: list[_Step] = []

    def sent(self, at: float) -> None:
        """Count a request sent at `at`, monotonic seconds."""
        self._at(at).sent += 1

    def tokens(self, at: float, amount: int) -> None:
        """Count `amount` output tokens at `at`."""
        self._at(at).tokens += amount

    def first_token(self, at: float, ttft_s: float) -> None:
        """Record the time to first token of a stream that began at `at`."""
        times = self._at(at).ttfts
        if len(times) < _SAMPLES:
            times.append(ttft_s)

    def sample(self, at: float, in_flight: int) -> None:
        """Record how many requests are in flight at `at`."""
        if self._start is not None:
            self._at(at).in_flight = in_flight

    def part(self, width: int) -> SeriesPart:
        """Return the last `width` steps, without the one that is still filling."""
        steps = self._steps[max(0, len(self._steps) - 1 - width) : -1] if width > 0 else []
        seconds = self._step_s
        return SeriesPart(
            step_s=seconds,
            rate=tuple(step.sent / seconds for step in steps),
            in_flight=tuple(float(step.in_flight) for step in steps),
            tokens_per_s=tuple(step.tokens / seconds for step in steps),
            ttft_p50=_each(steps, lambda step: _share(step.ttfts, 0.50)),
            ttft_p95=_each(steps, lambda step: _share(step.ttfts, 0.95)),
        )

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


def _each(steps: list[_Step], value: Callable[[_Step], float | None]) -> tuple[float | None, ...]:
    return tuple(value(step) for step in steps)


def _share(values: array[float], share: float) -> float | None:
    if not values:
        return None
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
