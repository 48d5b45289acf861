"""The time that the rest of a run takes: by the rate that is set where that binds, else by its pace."""

from __future__ import annotations

from typing import NamedTuple

from llmdash.engine.model.frame import RunPart

__all__ = ["RateInForce", "seconds_left"]

_MANY = 20
"""Where fewer jobs have ended, nobody knows how many requests one takes."""
_NEARLY, _PLUS = 0.95, 1.1
_LESS, _MORE = 0.8, 1.25


class RateInForce(NamedTuple):
    """A rate in requests a second, whether it is what holds requests up, and how long it does the next."""

    rate: float
    binds: bool
    next_in_s: float = 0.0


def seconds_left(
    run: RunPart, ends_per_s: float, set_rate: RateInForce | None
) -> tuple[float, float, float] | None:
    """Return (low, middle, high) seconds until the jobs of `run` have ended, at `ends_per_s`, its pace; None
    if nothing is left, or not known.

    The pace says nothing where requests are rare: none may have ended for minutes.
    """
    left = run.queued + run.waiting + run.in_flight
    if not left:
        return None
    at_rate = 0.0 if set_rate is None else _at_rate(run, set_rate)
    if set_rate is not None and set_rate.binds and at_rate:
        return at_rate * _NEARLY, at_rate, at_rate * _PLUS
    if ends_per_s <= 0:
        return None
    middle = max(at_rate, left / ends_per_s)
    return max(at_rate, middle * _LESS), middle, middle * _MORE


def _at_rate(run: RunPart, set_rate: RateInForce) -> float:
    """How long the rest takes at the set rate, until the last answer; 0 if nothing is left to send."""
    unsent = run.queued + run.waiting
    if not unsent:
        return 0.0
    answered = run.attempts - run.in_flight
    each = max(1.0, answered / run.ended) if run.ended >= _MANY else 1.0
    return set_rate.next_in_s + (unsent * each - 1.0) / set_rate.rate + (run.latency.p50 or 0.0)
