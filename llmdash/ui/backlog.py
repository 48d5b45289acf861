"""Whether the terminal keeps up with what is written to it."""

from __future__ import annotations

from typing import Any

from textual.app import App

__all__ = ["terminal_is_behind"]

_QUEUED_WRITES = 2


def terminal_is_behind(app: App[Any]) -> bool:
    """Whether earlier pictures still wait to be written: then a new one would only make keys feel slow.

    Reads two private attributes of Textual, for want of public ones; a driver without them is never behind.
    """
    writer = getattr(app._driver, "_writer_thread", None)
    queue = getattr(writer, "_queue", None)
    return queue is not None and queue.qsize() > _QUEUED_WRITES
