"""What one step of a bench measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from llmdash.lean_dataclass import dataclass

__all__ = ["StepFigures", "TimedCall", "measure"]


class TimedCall(NamedTuple):
    """A request that ended: when, in Unix seconds, how long it took in seconds, and its tokens out.

    `latency_s` is None for one that got no answer.
    """

    ended_at: float
    latency_s: float | None
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class StepFigures:
    """A step with `concurrency` requests in flight. Throughput is in answers and tokens out a second, times
    are in seconds; None where too few requests were answered to tell. `refused` counts rate limits (429).
    """

    concurrency: int
    requests: int
    throughput: float | None = None
    tokens_per_s: float | None = None
    p50: float | None = None
    p95: float | None = None
    refused: int = 0
    errors: int = 0


def measure(
    concurrency: int, calls: Sequence[TimedCall], begun_at: float, *, refused: int = 0, errors: int = 0
) -> StepFigures:
    """Return the figures of a step that began at `begun_at`, from the calls that ended in it.

    The first round, as many answers as are in flight at once, only fills the step: throughput is that of the
    answers after it. Latencies are those of requests that were sent in the step.
    """
    answered = sorted((call for call in calls if call.latency_s is not None), key=lambda call: call.ended_at)
    sent_here = sorted(
        call.latency_s
        for call in answered
        if call.latency_s is not None and call.ended_at - call.latency_s >= begun_at
    )
    first, later = answered[:concurrency], answered[concurrency:]
    throughput = tokens = None
    if later and later[-1].ended_at > first[-1].ended_at:
        seconds = later[-1].ended_at - first[-1].ended_at
        throughput = len(later) / seconds
        tokens = sum(call.output_tokens for call in later) / seconds
    return StepFigures(
        concurrency,
        len(calls) + refused,
        throughput,
        tokens,
        _percentile(sent_here, 0.50),
        _percentile(sent_here, 0.95),
        refused,
        errors,
    )


def _percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile of ascending values."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else None
