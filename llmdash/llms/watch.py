"""Waiting for the pieces of an answer, but not for ever: stalls and the total time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from llmdash.llms.timeouts import Timeouts

__all__ = ["Late", "Watch"]


class Late(Exception):
    """The time for waiting is over; the text says which."""


class Watch:
    """Watches all waits of one answer with one timer, which looks again when it fires: a piece costs none.

    `sent_at` is the time of the event loop at which the request was sent. Until the first progress the limit
    is that of the first byte, if it is later than that of a stall.
    """

    __slots__ = (
        "_deadline",
        "_expired",
        "_loop",
        "_progressed",
        "_stalls_at",
        "_timeouts",
        "_timer",
        "_waiting",
    )

    def __init__(self, timeouts: Timeouts, sent_at: float) -> None:
        self._timeouts = timeouts
        self._loop = asyncio.get_running_loop()
        self._deadline = sent_at + timeouts.total
        self._stalls_at = max(sent_at + timeouts.first_byte, self._loop.time() + timeouts.stall)
        self._progressed = False
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Task[object] | None = None
        self._expired = False

    def progress(self) -> None:
        """The stall limit counts anew from the next wait: whoever reads may take its time in between."""
        self._progressed = True

    def hurry(self, seconds: float) -> None:
        """Bring the end of all waiting forward to so many seconds from now."""
        until = self._loop.time() + seconds
        if until < self._deadline:
            self._deadline = until
            self.end()

    def end(self) -> None:
        """Drop the timer; another wait sets it again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def next(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        """The next piece, None behind the last. Raises Late."""
        if self._progressed:
            self._progressed = False
            self._stalls_at = self._loop.time() + self._timeouts.stall
            if self._timer is not None and self._timer.when() > self._stalls_at:
                self.end()  # set for the first byte, which may take longer than a stall
        if self._timer is None:
            self._set()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine on an event loop runs in a task
        cancelled = task.cancelling()
        self._waiting = task
        try:
            return await anext(pieces, None)
        except asyncio.CancelledError:
            if not self._expired or task.uncancel() > cancelled:
                raise
            raise self._late() from None
        finally:
            self._waiting = None

    def _set(self) -> None:
        self._timer = self._loop.call_at(min(self._stalls_at, self._deadline), self._look)

    def _look(self) -> None:
        self._timer = None
        if self._waiting is None:
            return  # whoever reads is busy elsewhere; the next wait sets the timer again
        if self._loop.time() < min(self._stalls_at, self._deadline):
            self._set()
            return
        self._expired = True
        self._waiting.cancel()

    def _late(self) -> Late:
        if self._deadline <= self._stalls_at:
            return Late(f"no end within {self._timeouts.total:g} s")
        return Late(f"stalled: no content for {self._timeouts.stall:g} s")
