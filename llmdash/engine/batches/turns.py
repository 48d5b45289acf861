"""Turns: long work on the event loop, in turns with what is in flight."""

from __future__ import annotations

import asyncio
import time

__all__ = ["Turns"]

_TURN_S = 0.002


class Turns:
    """Lets others go on after 2 ms of work in a row."""

    def __init__(self) -> None:
        self._until = time.perf_counter() + _TURN_S

    async def pause(self) -> None:
        """Let others go on, if it is their turn."""
        if time.perf_counter() >= self._until:
            await asyncio.sleep(0)
            self._until = time.perf_counter() + _TURN_S
