"""Time limits on one response: the first byte, stalls between pieces, and the total time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from llmdash.llms.transport.awake_clock import AwakeClock
from llmdash.llms.transport.timeouts import Timeouts

__all__ = ["Deadline", "Late"]

T = TypeVar("T")


class Late(Exception):
    """A time limit has passed; the text says which. `unheard`: no content has come, though all was sent."""

    def __init__(self, text: str, *, unheard: bool) -> None:
        super().__init__(text)
        self.unheard = unheard


class Deadline:
    """Limits all waits of one request with one timer, which is set again when it fires: a piece costs none.

    Create it when the request is sent; call `answered` when the headers arrive, and `close` at the end,
    however it ends. Until the first progress the limit is that of the first byte, if it is later than that of
    a stall, and whatever comes puts off the stall. `sent` is True once the whole request is on its way. Times
    are those of `clock`, for which a suspended machine takes no time.
    """

    __slots__ = (
        "_answered",
        "_clock",
        "_deadline",
        "_expired",
        "_first_byte",
        "_first_byte_at",
        "_loop",
        "_open",
        "_progressed",
        "_sending",
        "_spoke",
        "_stalls_at",
        "_timeouts",
        "_timer",
        "_total",
        "_waiting",
        "sent",
    )

    def __init__(self, timeouts: Timeouts, clock: AwakeClock, first_byte: float | None = None) -> None:
        self._timeouts = timeouts
        self._first_byte = timeouts.until_first_byte() if first_byte is None else first_byte
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        clock.begin()
        self._open = True
        sent_at = clock.time()
        self._deadline = self._total = sent_at + timeouts.total
        self._first_byte_at = self._stalls_at = sent_at + self._first_byte
        self._answered = False
        self._progressed = False
        self._sending = False
        self._spoke = False
        self.sent = False
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Task[object] | None = None
        self._expired = False

    def set_sent(self) -> None:
        """Note that the request is on its way: there is a connection for it."""
        self.sent = True

    def sending(self) -> None:
        """Note that a piece of a long body goes out, which may take as long as a stall."""
        self.sent, self._sending = False, True
        self._stalls_at = self._clock.time() + self._timeouts.stall
        if self._timer is not None and self._timer.when() > self._stalls_at + self._clock.lost:
            self._drop_timer()
            self._set_timer()

    def all_sent(self) -> None:
        """Note that all of a long body is on its way: the time until the first byte starts here."""
        self.sent, self._sending = True, False
        self._first_byte_at = self._stalls_at = self._clock.time() + self._first_byte

    def answered(self) -> None:
        """Note that the headers arrived; the body follows."""
        self._answered = self.sent = True
        self._stalls_at = max(self._first_byte_at, self._clock.time() + self._timeouts.stall)

    def progress(self) -> None:
        """Start the stall limit again with the next wait; the reader's time in between does not count. An
        answer that goes on has all its time again.
        """
        self._progressed = True

    def shorten_deadline(self, seconds: float) -> None:
        """Let all waiting end within `seconds` from now."""
        until = self._clock.time() + seconds
        if until < self._deadline:
            self._deadline = until
            self._drop_timer()

    def close(self) -> None:
        """Stop the timer; nothing more is awaited."""
        self._drop_timer()
        if self._open:
            self._open = False
            self._clock.end()

    def next(self, piece: Awaitable[T]) -> Awaitable[T]:
        """Await the next piece of the body. Raises Late."""
        if self._progressed:
            self._progressed = False
            self._deadline = self._total
            self._spoke = True
            self._stalls_at = self._clock.time() + self._timeouts.stall
            if self._timer is not None and self._timer.when() > self._stalls_at + self._clock.lost:
                self._drop_timer()  # set for the first byte, which may take longer than a stall
        elif not self._spoke:
            self._stalls_at = max(self._stalls_at, self._clock.time() + self._timeouts.stall)
        return self.wait(piece)

    async def wait(self, what: Awaitable[T]) -> T:
        """Return the result of `what`. Raises Late, and cancels it, if it takes too long."""
        if self._timer is None:
            self._set_timer()
        task = asyncio.current_task(self._loop)
        assert task is not None  # noqa: S101 - a coroutine on an event loop runs in a task
        cancelled = task.cancelling()
        self._waiting = task
        try:
            return await what
        except asyncio.CancelledError:
            if not self._expired or task.uncancel() > cancelled:
                raise
            raise self._late() from None
        finally:
            self._waiting = None

    def _set_timer(self) -> None:
        until = min(self._stalls_at, self._deadline) + self._clock.lost
        self._timer = self._loop.call_at(until, self._look)

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._waiting is None:
            return  # the reader is busy; the next wait sets the timer again
        if self._clock.time() < min(self._stalls_at, self._deadline):
            self._set_timer()
            return
        self._expired = True
        self._waiting.cancel()

    def _late(self) -> Late:
        return Late(self._reason(), unheard=self.sent and not self._spoke)

    def _reason(self) -> str:
        limits = self._timeouts
        if self._sending and not self._answered:
            return f"stalled: nothing could be sent for {limits.stall:g} s"
        if not self._answered:
            limit = min(self._first_byte, limits.total)
            settings = {"first_byte_timeout": self._first_byte, "total_timeout": limits.total}
            names = " and ".join(name for name, seconds in settings.items() if seconds == limit)
            return f"no answer within {limit:g} s; more time: {names}"
        if self._deadline <= self._stalls_at:
            return f"no end within {limits.total:g} s"
        return f"stalled: no content for {limits.stall:g} s"
