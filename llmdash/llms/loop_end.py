"""What is closed when an event loop ends, however it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

__all__ = ["at_end_of_loop", "is_here", "no_more"]

_NEVER_S = 1e9

Close = Callable[[], None]


class _LoopEnd:
    """Calls each of `closers` once: when the loop shuts its generators down, as `asyncio.run` has it do, or
    else when it is closed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.closers: set[Close] = set()
        loop.call_later(_NEVER_S, _Dropped(self))
        self._generator = self._until_then()

    async def begin(self) -> None:
        """Let the loop know of the generator."""
        await anext(self._generator)

    async def _until_then(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self.close()

    def close(self) -> None:
        while self.closers:
            with suppress(RuntimeError):  # it was closed meanwhile
                self.closers.pop()()


class _Dropped:
    """The callback of a timer that is never due: a loop forgets it when it is closed."""

    def __init__(self, end: _LoopEnd) -> None:
        self._end = end

    def __call__(self) -> None:
        return

    def __del__(self) -> None:
        self._end.close()


_ends: dict[asyncio.AbstractEventLoop, _LoopEnd] = {}


async def at_end_of_loop(close: Close) -> None:
    """Call `close` when the running loop ends: on it while it runs, or after it was closed."""
    loop = asyncio.get_running_loop()
    end = _ends.get(loop)
    if end is None:
        for each in [known for known in tuple(_ends) if known.is_closed()]:
            _ends.pop(each, None)
        end = _ends[loop] = _LoopEnd(loop)
        end.closers.add(close)
        await end.begin()
    end.closers.add(close)


def no_more(loop: asyncio.AbstractEventLoop, close: Close) -> None:
    """Call `close` now, on its loop if that runs, unless it was called; it is not called in the end."""
    end = _ends.get(loop)
    if end is None or close not in end.closers:
        return
    end.closers.discard(close)
    if loop.is_running() and not is_here(loop):
        with suppress(RuntimeError):  # it was closed meanwhile
            loop.call_soon_threadsafe(close)
            return
    close()


def is_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Return True on that loop."""
    with suppress(RuntimeError):
        return asyncio.get_running_loop() is loop
    return False
