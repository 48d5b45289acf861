"""What wants to know when a request is written to its connection."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

__all__ = ["SENDING"]

SENDING: ContextVar[Callable[[], None]] = ContextVar("SENDING")
"""Called when a request of the running task has a connection, and is about to be written to it. If it raises,
nothing is written, and the connection is kept for others.
"""
