"""An event loop whose time jumps to the next timer: hours pass in a moment, and always in the same way."""

from __future__ import annotations

import asyncio
import functools
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, overload

__all__ = ["VirtualTimeLoop", "jump", "now", "settle", "virtual_time"]

P = ParamSpec("P")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Waits for nothing: where another loop would sleep, its clock moves on.

    `lateness_s` makes each timer late by up to that much, as real ones are; the same way in every run.
    """

    def __init__(self, lateness_s: float = 0.0) -> None:
        self._now = 1_000.0
        super().__init__(_SkippingSelector(self._pass))
        self._lateness_s = lateness_s
        self._rng = random.Random(7)

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        """Let time pass without running anything, as while a machine is suspended."""
        self._now += seconds

    def _pass(self, seconds: float) -> None:
        self._now += seconds + self._rng.uniform(0.0, self._lateness_s)


class _SkippingSelector(selectors.DefaultSelector):
    def __init__(self, skip: Callable[[float], None]) -> None:
        super().__init__()
        self._skip = skip

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None:
            raise RuntimeError("everybody waits, and nothing will ever happen")
        self._skip(timeout)
        return ready


@overload
def virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]: ...


@overload
def virtual_time(
    *, lateness_s: float = 0.0
) -> Callable[[Callable[P, Coroutine[Any, Any, None]]], Callable[P, None]]: ...


def virtual_time(
    test: Callable[P, Coroutine[Any, Any, None]] | None = None, *, lateness_s: float = 0.0
) -> Any:
    """Run an asynchronous test on a VirtualTimeLoop."""
    if test is None:
        return functools.partial(virtual_time, lateness_s=lateness_s)

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(lateness_s)) as runner:
            runner.run(test(*args, **kwargs))

    return run


def now() -> float:
    """The time of the running loop, in seconds."""
    return asyncio.get_running_loop().time()


def jump(seconds: float) -> None:
    """`VirtualTimeLoop.jump` of the running loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.jump(seconds)


async def settle() -> None:
    """Let everything run that can run now."""
    for _ in range(10):
        await asyncio.sleep(0)
