"""Connections of one model: those it was given, or its own, on each loop that asks."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from llmdash.llms.loop_end import at_end_of_loop, no_more
from llmdash.llms.sync_bridge import at_end, is_shared_loop, submit

if TYPE_CHECKING:
    from llmdash.llms.transport.http import HttpClient
    from llmdash.llms.wire.adaptation import Change

__all__ = ["Connections"]


class Connections:
    """Returns the client that was given, or one of its own for each loop, made by `make` on first use.

    Its own serves one loop only, and is closed with the model, by `aclose`, or with its loop; that of the
    library's calls (`sync_bridge`) ends with the interpreter.
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
            for each in [known for known in self._own if known.is_closed()]:
                del self._own[each]
            client = self._own[loop] = self._make()
            if is_shared_loop(loop):
                at_end(client.aclose)
                weakref.finalize(self, submit, client.aclose).atexit = False
            else:
                weakref.finalize(self, no_more, loop, client.drop).atexit = False
                await at_end_of_loop(client.drop)
        return client

    def learned(self) -> dict[tuple[str, str], tuple[Change, ...]]:
        """Return what is known of servers, `HttpClient.compat`; nothing before the first call."""
        client = self.shared or next(iter(self._own.values()), None)
        return {} if client is None else client.compat

    async def aclose(self) -> None:
        """Close its own clients; the next call makes another one."""
        while self._own:
            loop, client = self._own.popitem()
            if is_shared_loop(loop):
                submit(client.aclose)
                continue
            if loop is asyncio.get_running_loop():
                await client.aclose()
            no_more(loop, client.drop)
