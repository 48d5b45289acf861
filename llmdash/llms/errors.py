"""Failures as callers of the library expect them: an OSError or a TimeoutError where the cause is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["ConnectionFailure", "TimeoutFailure", "publicly"]


class ConnectionFailure(Failure, ConnectionError):
    """A call that never got to the server, or lost it; also a ConnectionError."""


class TimeoutFailure(Failure, TimeoutError):
    """A call that took too long; also a TimeoutError."""


@contextmanager
def publicly() -> Iterator[None]:
    """Raise a Failure inside as the subclass that says what an `except OSError` asks."""
    try:
        yield
    except Failure as failure:
        kind = _kind_of(failure)
        if kind is None:
            raise
        raise _as(kind, failure) from failure.__cause__


def _kind_of(failure: Failure) -> type[Failure] | None:
    if isinstance(failure, OSError):
        return None  # from a call within a call
    if failure.timed_out:
        return TimeoutFailure
    lost = failure.kind is FailureKind.TRANSIENT and failure.status is None
    return ConnectionFailure if lost or failure.kind is FailureKind.LOCAL or not failure.reached else None


def _as(kind: type[Failure], failure: Failure) -> Failure:
    made = kind(failure.kind, failure.message)
    made.__dict__.update(failure.__dict__)
    return made.with_traceback(failure.__traceback__)
