"""Retries of a single call, as the official SDKs make them. The engine does not use it: it has a policy."""

from __future__ import annotations

import asyncio
import random

from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["LONGEST_HINT_S", "pause", "wait_to_retry"]

LONGEST_HINT_S = 60.0
_FIRST_S = 0.5
_LONGEST_S = 8.0
_SPREAD = 0.25
_WORTH_IT = (FailureKind.TRANSIENT, FailureKind.THROTTLE, FailureKind.LOCAL)


def pause(failure: Failure, tried: int, fraction: float) -> float | None:
    """Seconds to wait after a failure before another try, None if there should be none.

    What the server asks for counts, if that is at most 60 s. Else 0.5 s, doubled with each of the `tried`
    tries before this one up to 8 s, less up to a quarter: `fraction` is a random number from 0 to 1.
    """
    if failure.kind not in _WORTH_IT:
        return None
    if failure.retry_after is not None:
        return failure.retry_after if failure.retry_after <= LONGEST_HINT_S else None
    return min(_FIRST_S * 2.0 ** min(tried, 10), _LONGEST_S) * (1 - _SPREAD * fraction)


async def wait_to_retry(failure: Failure, tried: int, most: int) -> None:
    """Wait until another try makes sense. Raises `failure` if none does, or `most` retries were made."""
    seconds = pause(failure, tried, random.random()) if tried < most else None
    if seconds is None:
        raise failure
    await asyncio.sleep(seconds)
