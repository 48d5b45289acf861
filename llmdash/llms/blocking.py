"""Asynchronous work for code that is not: one event loop on a thread of its own."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing, suppress
from typing import Any, TypeVar

__all__ = ["each", "elsewhere", "wait_for"]

T = TypeVar("T")


class _LoopThread:
    """One event loop on a thread of its own, made on first use, for all synchronous calls of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="llmdash-calls", daemon=True).start()
                atexit.register(_end, self._loop)
            return self._loop


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Close what was left open in the loop (connections), so that the interpreter does not complain."""
    closing = asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop)
    with suppress(TimeoutError):
        closing.result(timeout=1.0)


_calls = _LoopThread()


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, or its exception."""
    future = asyncio.run_coroutine_threadsafe(work, _calls.loop())
    try:
        return future.result()
    finally:
        future.cancel()  # has an effect only if waiting was interrupted


def each(pieces: AsyncGenerator[T, None]) -> Iterator[T]:
    """The pieces as they come. Left early, it closes the generator."""

    async def following() -> tuple[T] | None:
        try:
            return (await anext(pieces),)
        except StopAsyncIteration:
            return None

    try:
        while (found := wait_for(following())) is not None:
            yield found[0]
    finally:
        wait_for(pieces.aclose())


async def elsewhere(make: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
    """The pieces of a generator that runs on the loop of the synchronous calls, whatever loop asks.

    For what is bound to the loop that it was first used in. Left early, it is cancelled there.
    """
    asking, home = asyncio.get_running_loop(), _calls.loop()
    came: asyncio.Queue[tuple[T] | None] = asyncio.Queue()

    async def pump() -> None:
        try:
            async with aclosing(make()) as pieces:
                async for piece in pieces:
                    asking.call_soon_threadsafe(came.put_nowait, (piece,))
        finally:
            asking.call_soon_threadsafe(came.put_nowait, None)

    future = asyncio.run_coroutine_threadsafe(pump(), home)
    try:
        while (found := await came.get()) is not None:
            yield found[0]
        await asyncio.wrap_future(future)
    finally:
        future.cancel()
