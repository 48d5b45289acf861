"""What ends the dashboard from outside: signals, and a terminal that has gone away."""

from __future__ import annotations

import asyncio
import select
import signal
import sys
from collections.abc import Callable

__all__ = ["leave_on_signals", "terminal_is_gone"]

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


def leave_on_signals(leave: Callable[[int], None]) -> None:
    """Call `leave` with the number of a SIGTERM or SIGHUP, on the running event loop.

    Left alone they would end the program with the terminal in the dashboard's mode.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, leave, int(number))


def terminal_is_gone() -> bool:
    """True once the terminal behind standard input was closed: a read returns at once then, for ever."""
    try:
        poll = select.poll()
        poll.register(sys.__stdin__.fileno() if sys.__stdin__ is not None else 0, 0)
        return any(event & _GONE for _, event in poll.poll(0))
    except (OSError, ValueError):
        return True
