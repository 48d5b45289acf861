"""A clock of an HTTP client that runs from the moment that a test names."""

from __future__ import annotations

import asyncio

from llmdash.llms.transport.awake_clock import AwakeClock
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.transport.timeouts import Timeouts
from tests.llms.raw_server import Deed

__all__ = ["HeldClock"]


class HeldClock(AwakeClock):
    """Stands still until it is let go: the time a busy machine takes to connect counts for nothing."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        super().__init__()
        self._held = True

    def time(self) -> float:
        if self._held and self._loop is not None:
            now = self._loop.time()
            self.lost += now - self._seen_at
            self._seen_at = now
        return super().time()

    def client(self, timeouts: Timeouts) -> HttpClient:
        """A client with this clock."""
        client = HttpClient(timeouts=timeouts)
        client._clock = self
        return client

    def go_on_with(self, deed: Deed) -> Deed:
        """This deed, with which the clock begins to run."""

        async def go_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.time()
            self._held = False
            await deed(reader, writer)

        return go_on
