"""Runs calls on one event loop, on a thread of its own, whatever loop or thread asks for them.

Connections are bound to the loop that made them. On a loop that no program ends or blocks, they serve
synchronous code, several loops, threads and notebooks alike. Streams alone are read on the loop that asks:
to bring each of their chunks from one thread to another takes as long as to read it.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import os
import queue
import threading
import weakref
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing, suppress
from typing import Any, Self, TypeVar

__all__ = ["Elsewhere", "at_end", "each", "is_shared_loop", "submit", "there", "wait_for"]

_END_TURNS, _TURN_S = 20, 0.1

T = TypeVar("T")


class _LoopThread:
    """One event loop on a thread of its own, made on first use, for all synchronous calls of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.is_over = False
        """True once the interpreter ends: nothing runs any more."""
        self.closers: set[Callable[[], Coroutine[Any, Any, None]]] = set()
        """What is awaited in the end."""

    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self.is_over:
                raise RuntimeError("the interpreter is ending: no call can be made")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="llmdash-calls", daemon=True).start()
                atexit.register(self._end, self._loop)
            return self._loop

    def is_here(self) -> bool:
        """True on the loop itself."""
        return self._loop is not None and asyncio.get_running_loop() is self._loop

    def is_loop(self, loop: asyncio.AbstractEventLoop) -> bool:
        return self._loop is loop

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        """Abort what still runs and close what was left open, so that the interpreter does not complain."""
        with self._lock:
            self.is_over = True
        ended = asyncio.run_coroutine_threadsafe(self._finish(loop), loop)
        for _ in range(_END_TURNS):  # however long the machine stands still, that is one turn
            with suppress(TimeoutError):
                ended.result(timeout=_TURN_S)
                break

    async def _finish(self, loop: asyncio.AbstractEventLoop) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(close() for close in self.closers), return_exceptions=True)
        await loop.shutdown_asyncgens()


_calls = _LoopThread()


def _start_anew() -> None:
    """In a child process made by a fork the thread is not there."""
    global _calls
    _calls = _LoopThread()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


def is_shared_loop(loop: asyncio.AbstractEventLoop) -> bool:
    """Return True for the shared loop."""
    return _calls.is_loop(loop)


def at_end(close: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Await `close` on the shared loop when the interpreter ends."""
    _calls.closers.add(close)


def submit(close: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `close` on the shared loop now, without waiting; it is no longer run in the end."""
    _calls.closers.discard(close)
    with suppress(RuntimeError):  # the interpreter is ending
        loop = _calls.loop()
        loop.call_soon_threadsafe(lambda: loop.create_task(close()))


async def there(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return the result of `work`, which runs on the shared loop. Cancelling this cancels it."""
    if _calls.is_here():
        return await work()
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), _calls.loop()))


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on the shared loop. Returns its result, or raises its exception."""
    try:
        future = asyncio.run_coroutine_threadsafe(work, _calls.loop())
    except RuntimeError:
        work.close()
        raise
    try:
        return future.result()
    finally:
        future.cancel()  # has an effect only if waiting was interrupted


class _End(Exception):
    """The last thing that comes from the shared loop; its cause is what ended the pieces, if anything did."""


Tell = Callable[["tuple[T] | _End"], None]


async def _pump(make: Callable[[], AsyncGenerator[T, None]], tell: Tell[T]) -> None:
    """Tell every piece, then the end. One task runs the generator from start to end, and closes it."""
    end = _End()
    try:
        async with aclosing(make()) as pieces:
            async for piece in pieces:
                tell((piece,))
    except asyncio.CancelledError as cancelled:
        end.__cause__ = cancelled
        raise
    except Exception as error:  # noqa: BLE001 - raised where the pieces are awaited
        end.__cause__ = error
    finally:
        tell(end)


def each(make: Callable[[], AsyncGenerator[T, None]]) -> Iterator[T]:
    """Yield the pieces of a generator that runs on the shared loop. When left early, it is closed there."""
    came: queue.SimpleQueue[tuple[T] | _End] = queue.SimpleQueue()
    work = asyncio.run_coroutine_threadsafe(_pump(make, came.put), _calls.loop())
    ended = False
    try:
        while not isinstance(found := came.get(), _End):
            yield found[0]
        ended = True
        if found.__cause__ is not None:
            raise found.__cause__
    finally:
        if not ended and not _calls.is_over:
            work.cancel()
            while not isinstance(came.get(), _End):
                continue


class _Waker:
    """Calls what is to be called on one loop from the shared one: all that gathers until the loop comes to it
    costs one wake-up, which is a system call.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._calls: deque[Callable[[], None]] = deque()
        self._is_due = False

    def call(self, function: Callable[[], None]) -> None:
        """Have `function` called there soon; never, if that loop is closed."""
        self._calls.append(function)
        if self._is_due or (loop := self._loop()) is None:
            return
        self._is_due = True
        try:
            loop.call_soon_threadsafe(self._run)
        except RuntimeError:  # the calling loop is closed
            self._is_due = False
            self._calls.clear()

    def _run(self) -> None:
        self._is_due = False  # before anything is called: what is added from now on needs a wake-up
        while self._calls:
            self._calls.popleft()()


_wakers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Waker] = weakref.WeakKeyDictionary()


def _waker_of(loop: asyncio.AbstractEventLoop) -> _Waker:
    found = _wakers.get(loop)
    return found if found is not None else _wakers.setdefault(loop, _Waker(loop))


class Elsewhere(AsyncGenerator[T, None]):
    """The pieces of a generator that runs on the shared loop, for any other loop.

    No generator of Python's own, which its loop would close, together with those inside it, in any order.
    When left early, cancelled or forgotten, the other one is cancelled.
    """

    def __init__(self, make: Callable[[], AsyncGenerator[T, None]]) -> None:
        self._make = make
        self._work: concurrent.futures.Future[None] | None = None
        self._came: deque[tuple[T] | _End] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._wake_is_due = False
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if self._ended:
            raise StopAsyncIteration
        if self._work is None:
            self._begin()
        try:
            found = self._came.popleft() if self._came else await self._next()
        except BaseException:  # a cancelled call, too, stops the work; it is raised again
            self._stop()
            raise
        if not isinstance(found, _End):
            return found[0]
        self._ended = True
        raise found.__cause__ or StopAsyncIteration

    def _begin(self) -> None:
        waker, came, wake = _waker_of(asyncio.get_running_loop()), self._came, self._wake

        def tell(what: tuple[T] | _End) -> None:
            came.append(what)
            if not self._wake_is_due:
                self._wake_is_due = True
                waker.call(wake)

        self._work = asyncio.run_coroutine_threadsafe(_pump(self._make, tell), _calls.loop())

    def _wake(self) -> None:
        self._wake_is_due = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def _next(self) -> tuple[T] | _End:
        """Wait for what comes next."""
        while not self._came:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._came.popleft()

    async def asend(self, value: None) -> T:
        return await anext(self)

    async def athrow(self, *error: Any) -> T:
        self._stop()
        raise error[0] if isinstance(error[0], BaseException) else error[0](*error[1:2])

    async def aclose(self) -> None:
        """Cancel what runs, and wait until it has ended."""
        if self._stop() and not _calls.is_over:
            while not isinstance(await self._next(), _End):
                continue

    def _stop(self) -> bool:
        """Cancel what runs; True if something did."""
        running = self._work is not None and not self._ended
        self._ended = True
        if running and self._work is not None:
            self._work.cancel()
        return running

    def __del__(self) -> None:
        self._stop()
