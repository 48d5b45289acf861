"""What wants to know when a request is written to its connection."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

__all__ = ["SENDING"]

SENDING: ContextVar[Callable[[], None]] = ContextVar("SENDING")
"""Called right before a request of the running task is written to its connection. To hold it back, cancel the
task that asks and raise CancelledError: then nothing is written.
"""
