"""Signals that end the program, and the check for a closed terminal."""

from __future__ import annotations

import select
import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final, Self

__all__ = ["Signals", "ending_signals", "terminal_is_gone"]

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Unhandled, these would end the program with the terminal in the dashboard's mode."""


def ending_signals() -> list[signal.Signals]:
    """Return the signals that would end the program, without those set to be ignored, as by `nohup`."""
    return [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]


class Signals:
    """A context in which signals that would end the program are recorded instead, in order."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self._tell: Callable[[int], object] = _nobody
        self._before: dict[signal.Signals, Any] = {}

    def tell(self, listener: Callable[[int], object] | None) -> None:
        """Call `listener` with the number of every signal from now on, in the main thread, between any two
        bytecodes; None removes it.
        """
        self._tell = listener or _nobody

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self.received.append(number)
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
