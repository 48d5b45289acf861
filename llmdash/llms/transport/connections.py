"""Connections of one model: those it was given, or its own, on the loop of the library's calls."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from llmdash.llms.sync_bridge import at_end, submit

if TYPE_CHECKING:
    from llmdash.llms.transport.http import HttpClient
    from llmdash.llms.wire.adaptation import Change

__all__ = ["Connections"]


class Connections:
    """Returns the client that was given, or one of its own, made by `make` on first use.

    Its own serves one loop only, that of the library's calls (`sync_bridge`), and is closed with the model,
    by `aclose`, or when the interpreter ends.
    """

    def __init__(self, shared: HttpClient | None, make: Callable[[], HttpClient]) -> None:
        self.shared = shared
        self._make = make
        self._own: dict[asyncio.AbstractEventLoop, HttpClient] = {}

    async def client(self) -> HttpClient:
        """Return the client."""
        if self.shared is not None:
            return self.shared
        loop = asyncio.get_running_loop()
        client = self._own.get(loop)
        if client is None:  # in a process made by a fork, the loop is another one
            client = self._own[loop] = self._make()
            at_end(client.aclose)
            weakref.finalize(self, submit, client.aclose).atexit = False
        return client

    def learned(self) -> dict[tuple[str, str], tuple[Change, ...]]:
        """Return what is known of servers, `HttpClient.compat`; nothing before the first call."""
        client = self.shared or next(iter(self._own.values()), None)
        return {} if client is None else client.compat

    async def aclose(self) -> None:
        """Close its own client; the next call makes another one."""
        while self._own:
            submit(self._own.popitem()[1].aclose)
