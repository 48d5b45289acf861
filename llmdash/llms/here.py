"""Here: the pieces of a generator that runs on the loop that reads them, and leaves nothing open."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, Self, TypeVar

from llmdash.llms.loop_end import is_here

__all__ = ["Here"]

T = TypeVar("T")


class Here(AsyncGenerator[T, None]):
    """The pieces of a generator whose end does not wait for anything. When forgotten, it is closed at once.

    Python has the loop close a forgotten generator in a task, which is lost where the loop ends with it.
    """

    def __init__(self, generator: AsyncGenerator[T, None]) -> None:
        self._generator = generator
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if self._loop is None:
            self._loop, self._process = asyncio.get_running_loop(), os.getpid()
        return await self._generator.__anext__()

    async def asend(self, value: None) -> T:
        return await anext(self)

    async def athrow(self, *error: Any) -> T:
        return await self._generator.athrow(*error)

    async def aclose(self) -> None:
        await self._generator.aclose()

    def __del__(self) -> None:
        loop = self._loop
        if loop is None or getattr(self._generator, "ag_frame", None) is None or os.getpid() != self._process:
            return  # not begun, at its end, or of the process that this one was forked from
        if not loop.is_running() or is_here(loop):
            _close(self._generator)
        else:
            with suppress(RuntimeError):  # it was closed meanwhile
                loop.call_soon_threadsafe(_close, self._generator)


def _close(generator: AsyncGenerator[Any, None]) -> None:
    end = generator.aclose()
    with suppress(StopIteration, RuntimeError):  # it runs still: who awaits it has it
        end.send(None)
        end.close()
