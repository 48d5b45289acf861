"""When a bench stops, and which settings it says to keep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

from llmdash.bench.figures import StepFigures
from llmdash.lean_dataclass import dataclass

__all__ = ["BenchResult", "Stop", "harm_in"]

_ERROR_SHARE, _LEAST_ERRORS = 0.05, 2
_SLOWER, _LEAST_GAIN = 1.4, 1.25
"""A knee: the median takes that many times as long as at its best, for less than this gain of throughput."""


class Stop(StrEnum):
    """Why a bench stopped."""

    REFUSED = "rate limited (429)"
    LIMIT = "the server's rate limit headers leave no room for more"
    ERRORS = "requests failed"
    LATENCY = "answers take longer, and no more are done"
    CONCURRENCY = "the most in flight that was allowed"
    REQUESTS = "the requests that were allowed are used up"
    BUDGET = "the budget is spent"
    STOPPED = "stopped"

    @property
    def is_harm(self) -> bool:
        """True if the last step was too much."""
        return self in (Stop.REFUSED, Stop.LIMIT, Stop.ERRORS, Stop.LATENCY)


@dataclass(frozen=True, slots=True)
class BenchResult:
    """The steps of a bench in their order, and why it stopped."""

    steps: tuple[StepFigures, ...]
    stop: Stop

    @property
    def best(self) -> StepFigures | None:
        """The last step before harm that was measured; None if already the first one did harm."""
        good = self.steps[:-1] if self.stop.is_harm else self.steps
        return next((step for step in reversed(good) if step.throughput is not None), None)

    @property
    def rate(self) -> float | None:
        """The rate to keep, in requests a second: what the best step got done, rounded down."""
        done = self.best.throughput if self.best is not None else None
        return None if done is None else _rounded_down(done)

    @property
    def needs_auto(self) -> bool:
        """True if a limit was met: it may be one of a minute, which so short a step does not show."""
        return self.stop in (Stop.REFUSED, Stop.LIMIT)


def harm_in(step: StepFigures, before: Sequence[StepFigures]) -> Stop | None:
    """Return the harm of a step, given those before it; None if there is none."""
    if step.refused:
        return Stop.REFUSED
    if step.errors >= _LEAST_ERRORS and step.errors > _ERROR_SHARE * step.requests:
        return Stop.ERRORS
    return Stop.LATENCY if _is_past_knee(step, before) else None


def _is_past_knee(step: StepFigures, before: Sequence[StepFigures]) -> bool:
    best_s = min((each.p50 for each in before if each.p50 is not None), default=None)
    done = max((each.throughput for each in before if each.throughput is not None), default=None)
    if best_s is None or done is None or step.p50 is None or step.throughput is None:
        return False
    return step.p50 > _SLOWER * best_s and step.throughput < _LEAST_GAIN * done


def _rounded_down(value: float) -> float:
    """Two digits of a number, never more than it is; at least 0.01."""
    digits = 1 - math.floor(math.log10(value))
    scale = 10.0**digits
    return max(0.01, math.floor(value * scale + 1e-9) / scale)
