"""A pair of lines in memory: what one end writes the other reads, a little later, or never."""

from __future__ import annotations

import asyncio
from collections import deque

from llmdash.cluster.line import LineClosed

__all__ = ["MemoryLine", "line_pair"]


class MemoryLine:
    """One end. `written` keeps what it sent; while `is_silent`, what it sends gets lost on the way."""

    def __init__(self, delay_s: float) -> None:
        self.peer = self
        self.delay_s = delay_s
        self.written: list[bytes] = []
        self.is_silent = False
        self.is_closed = False
        self._on_its_way: deque[bytes | None] = deque()
        self._arrived: deque[bytes | None] = deque()
        self._held: list[bytes | None] | None = None
        self._news = asyncio.Event()

    async def read(self) -> bytes:
        while not self._arrived and not self.is_closed:
            self._news.clear()
            await self._news.wait()
        message = None if self.is_closed else self._arrived.popleft()
        if message is None:
            self.is_closed = True
            raise LineClosed
        return message

    async def write(self, message: bytes) -> None:
        if self.is_closed:
            raise LineClosed
        self.written.append(message)
        self._send(message)

    def abort(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._news.set()
            self._send(None)

    def hold(self) -> None:
        """Let what it sends wait on the way."""
        self._held = self._held or []

    def release(self) -> None:
        """Let all that waits arrive."""
        held, self._held = self._held, None
        for message in held or ():
            self._send(message)

    def _send(self, message: bytes | None) -> None:
        if self._held is not None:
            self._held.append(message)
        elif not self.is_silent:
            self._on_its_way.append(message)
            asyncio.get_running_loop().call_later(self.delay_s, self._arrive)

    def _arrive(self) -> None:
        self.peer._arrived.append(self._on_its_way.popleft())
        self.peer._news.set()


def line_pair(delay_s: float = 0.0) -> tuple[MemoryLine, MemoryLine]:
    """Two ends of one line, `delay_s` seconds apart."""
    here, there = MemoryLine(delay_s), MemoryLine(delay_s)
    here.peer, there.peer = there, here
    return here, there
