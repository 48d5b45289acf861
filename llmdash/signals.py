"""Signals that end the program, and the check for a closed terminal."""

from __future__ import annotations

import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    import asyncio

__all__ = ["Signals", "Unresponsive", "ending_signals", "overlook_interruption", "terminal_is_gone"]

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Unhandled, these would end the program with the terminal in the dashboard's mode."""
_AGAIN_S = 0.3
"""Seconds between two interruptions, where the first is not enough."""


class Unresponsive(KeyboardInterrupt):
    """Raised in the main thread where what runs there did not end after a signal.

    It is a KeyboardInterrupt because an event loop hands on no other exception of a task at once.
    """


def overlook_interruption(loop: asyncio.AbstractEventLoop) -> None:
    """Have `loop` report every error of its tasks but that they were interrupted by `Unresponsive`."""

    def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), Unresponsive):
            loop.default_exception_handler(context)

    loop.set_exception_handler(report)


def ending_signals() -> list[signal.Signals]:
    """Return the signals that would end the program, without those set to be ignored, as by `nohup`."""
    return [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]


class Signals:
    """A context in which signals that would end the program are recorded instead, in order."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self._tell: Callable[[int], object] = _nobody
        self._interrupts_after_s: float | None = None
        self._before: dict[signal.Signals, Any] = {}

    def tell(self, listener: Callable[[int], object] | None) -> None:
        """Call `listener` with the number of every signal from now on, in the main thread, between any two
        bytecodes; None removes it.
        """
        self._tell = listener or _nobody

    @contextmanager
    def interrupting(self, after_s: float) -> Iterator[None]:
        """A context that is interrupted by `Unresponsive` if it has not ended `after_s` seconds after the
        first signal, whatever its Python code does.
        """
        before = signal.signal(signal.SIGALRM, self._interrupt)
        self._interrupts_after_s = after_s
        if self.received:
            self._set_timer()
        try:
            yield
        finally:
            self._interrupts_after_s = None
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def _set_timer(self) -> None:
        if self._interrupts_after_s is not None and signal.getitimer(signal.ITIMER_REAL)[0] == 0:
            signal.setitimer(signal.ITIMER_REAL, self._interrupts_after_s, _AGAIN_S)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._interrupts_after_s is not None:
            raise Unresponsive

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self.received.append(number)
        self._set_timer()
        self._tell(number)

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._handle) for number in ending_signals()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _nobody(_number: int) -> None:
    """The listener that does nothing."""


def terminal_is_gone() -> bool:
    """True once the terminal behind standard input was closed: every read then returns at once."""
    try:
        poll = select.poll()
        poll.register(sys.__stdin__.fileno() if sys.__stdin__ is not None else 0, 0)
        return any(event & _GONE for _, event in poll.poll(0))
    except (OSError, ValueError):
        return True
