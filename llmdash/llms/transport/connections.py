"""Connections of one model: those it was given, or its own, one set for each event loop it is used in."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmdash.llms.transport.http import HttpClient
    from llmdash.llms.transport.timeouts import Timeouts

__all__ = ["Connections"]

_Own = dict[asyncio.AbstractEventLoop, "tuple[HttpClient, AsyncGenerator[None, None]]"]


class Connections:
    """Returns the client for the running loop. Its own ones are closed with their loop, or by `aclose`."""

    def __init__(self, shared: HttpClient | None, timeouts: Timeouts | None) -> None:
        self._shared = shared
        self._timeouts = timeouts
        self._own: _Own = {}
        weakref.finalize(self, _drop, self._own).atexit = False

    async def client(self) -> HttpClient:
        """Return the client that was given, else that of this loop, made on first use."""
        if self._shared is not None:
            return self._shared
        from llmdash.llms.transport.http import (
            HttpClient,  # httpx and aiohttp take 150 ms to load: on first use
        )

        loop = asyncio.get_running_loop()
        if loop not in self._own:
            client = HttpClient(timeouts=self._timeouts)
            keeper = _close_with_loop(loop, client, self._own)
            self._own[loop] = (client, keeper)
            await anext(keeper)
        return self._own[loop][0]

    async def aclose(self) -> None:
        """Close the connections made in this event loop, except those of a client that was given."""
        own = self._own.get(asyncio.get_running_loop())
        if own is not None:
            await own[1].aclose()


async def _close_with_loop(
    loop: asyncio.AbstractEventLoop, client: HttpClient, own: _Own
) -> AsyncGenerator[None, None]:
    """Closes `client` when the loop ends: `asyncio.run` closes the generators that still wait."""
    try:
        yield
    finally:
        own.pop(loop, None)
        await client.aclose()


def _drop(own: _Own) -> None:
    """Close what a deleted model has left open in loops that still run."""
    for loop, (_, keeper) in list(own.items()):
        if loop.is_running():
            asyncio.run_coroutine_threadsafe(_close(keeper), loop)


async def _close(keeper: AsyncGenerator[None, None]) -> None:
    await keeper.aclose()
