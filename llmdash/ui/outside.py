"""What ends an app from outside: a signal, a terminal that is closed, a session that is gone or broken."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress

from llmdash.signals import Signals, overlook_interruption

__all__ = ["LOOK_S", "Outside"]

LOOK_S = 1.0
"""Seconds between two looks; a terminal that is closed tells of it before, by its input."""


class Outside:
    """Calls `leave` with each signal, and with SIGHUP once the terminal is `closed()`, and `finish` once the
    session is `gone()`. `fault()` returns the exception that ended the engine, None while there is none.
    """

    def __init__(
        self,
        leave: Callable[[int], None],
        finish: Callable[[], None],
        *,
        signals: Signals | None,
        closed: Callable[[], bool],
        fault: Callable[[], BaseException | None],
        gone: Callable[[], bool],
    ) -> None:
        self._leave = leave
        self._finish = finish
        self._signals = signals
        self._closed = closed
        self._fault = fault
        self._gone = gone

    def obey_signals(self) -> None:
        """Pass on every signal from now on, and those that came before; call it within the event loop."""
        if self._signals is None:
            return
        loop = asyncio.get_running_loop()
        overlook_interruption(loop)

        def pass_on(number: int) -> None:
            with suppress(RuntimeError):  # the app has ended meanwhile
                loop.call_soon_threadsafe(self._leave, number)

        self._signals.tell(pass_on)
        for number in self._signals.received:
            self._leave(number)

    def look(self) -> None:
        """Look whether terminal and session are still there. Raises the fault of the engine, if any."""
        if (fault := self._fault()) is not None:
            raise fault
        if self._closed():
            self._leave(signal.SIGHUP)
        elif self._gone():
            self._finish()
