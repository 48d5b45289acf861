"""What the tuners of all keys found, together."""

from __future__ import annotations

from collections.abc import Sequence

from llmdash.engine.model.frame import AutoPart
from llmdash.engine.pool.rate_tuner import RateTuner

__all__ = ["found_rate"]


def found_rate(tuners: Sequence[RateTuner], rate: float | None) -> AutoPart:
    """Return what these tuners found, together; no more than the `rate` that is set."""
    allowed = sum(tuner.rate for tuner in tuners)
    held = [tuner.held_at for tuner in tuners if tuner.held_at is not None]
    reasons = [tuner.why for tuner in tuners]
    return AutoPart(
        on=True,
        rate=allowed if rate is None else min(allowed, rate),
        held_at=sum(held) if len(held) == len(tuners) else None,
        at_once=sum(tuner.at_once for tuner in tuners),
        why=max(set(reasons), key=reasons.count).value if reasons else "",
    )
