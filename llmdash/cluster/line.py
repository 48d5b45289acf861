"""DeskLine: what connects a run and a desk. Messages arrive whole and in order, or the line is closed."""

from __future__ import annotations

from typing import Protocol

__all__ = ["DeskLine", "LineClosed"]


class LineClosed(Exception):
    """The other side is gone, or has closed the line."""


class DeskLine(Protocol):
    """One end of a connection, on one event loop."""

    async def read(self) -> bytes:
        """Return the next message. Raises LineClosed."""

    async def write(self, message: bytes) -> None:
        """Send a message; returns once it is on its way. Raises LineClosed."""

    def abort(self) -> None:
        """Close the line at once; reads and writes then raise LineClosed."""
