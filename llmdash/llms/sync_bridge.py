"""Runs asynchronous work for synchronous code: one event loop on a thread of its own."""

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
    """Run `work` on the shared loop. Returns its result, or raises its exception."""
    future = asyncio.run_coroutine_threadsafe(work, _calls.loop())
    try:
        return future.result()
    finally:
        future.cancel()  # has an effect only if waiting was interrupted


def each(pieces: AsyncGenerator[T, None]) -> Iterator[T]:
    """Yield the pieces as they arrive. Closes the generator when left early."""

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


class _End(Exception):
    """The last thing that comes from another loop; its cause is what ended the pieces, if anything did."""


async def elsewhere(make: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
    """Yield the pieces of a generator that runs on the loop of the synchronous calls, from any other loop.

    For objects bound to the loop of their first use. When left early, it is cancelled there.
    """
    asking = asyncio.get_running_loop()
    came: asyncio.Queue[tuple[T] | _End] = asyncio.Queue()

    def tell(what: tuple[T] | _End) -> None:
        with suppress(RuntimeError):  # the calling loop may be closed
            asking.call_soon_threadsafe(came.put_nowait, what)

    work = asyncio.run_coroutine_threadsafe(_pump(make, tell), _calls.loop())
    try:
        while not isinstance(found := await came.get(), _End):
            yield found[0]
        if found.__cause__ is not None:
            raise found.__cause__
    finally:
        work.cancel()


async def _pump(make: Callable[[], AsyncGenerator[T, None]], tell: Callable[[tuple[T] | _End], None]) -> None:
    end = _End()
    try:
        async with aclosing(make()) as pieces:
            async for piece in pieces:
                tell((piece,))
    except asyncio.CancelledError as cancelled:
        end.__cause__ = cancelled
        raise
    except Exception as error:  # noqa: BLE001 - raised in the calling loop
        end.__cause__ = error
    finally:
        tell(end)
