"""Calls: calls to a batch service that may be made again until they are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.model.batch_terms import BatchPace
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.sanitize import storable

__all__ = ["is_refused", "is_unknown", "persistently"]

T = TypeVar("T")
_GROWTH = 2.0
_FINAL = (FailureKind.REQUEST, FailureKind.AUTH, FailureKind.QUOTA, FailureKind.CONFIG)


def is_unknown(failure: Failure) -> bool:
    """True if a call may have been carried out: no answer came, or that of a server in trouble."""
    status = failure.status
    return failure.reached and (status is None or status in (408, 409, 425) or status >= 500 or status < 400)


def is_refused(failure: Failure) -> bool:
    """True if making the call again is no use: it is refused, or what it is about is not there."""
    return failure.kind in _FINAL and failure.status is not None


async def persistently(
    batch: SentBatch, pace: BatchPace, call: Callable[[], Awaitable[T]], *, longest_s: float | None = None
) -> T:
    """Make a call that may be repeated until it is answered; it waits longer each time, up to `longest_s`
    where that is less than usual. Raises Failure where it is refused.
    """
    wait_s = pace.again
    longest_s = pace.longest_again if longest_s is None else longest_s
    while True:
        try:
            answer = await call()
        except Failure as failure:
            if is_refused(failure):
                raise
            batch.waits_for = storable(f"the service does not answer: {failure}")
            wait_s = max(wait_s, min(failure.retry_after or 0.0, longest_s))
            await asyncio.sleep(wait_s)
            wait_s = min(longest_s, wait_s * _GROWTH)
        else:
            batch.waits_for = ""
            return answer
