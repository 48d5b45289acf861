"""Writes to a terminal that may stop reading, without blocking the thread that draws."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import threading
import time
from collections.abc import Callable

__all__ = ["TerminalWriter"]

_MOST = 512 * 1024
"""Bytes that may wait, a few dozen frames. A terminal further behind is repainted instead."""
_PIECE = 4096
_BREATH_S = 0.01
"""A pause where the terminal reports room and then takes nothing: a line end needs two bytes."""
_UNWIND_S = 1.0


class TerminalWriter:
    """Writes text to the terminal behind `fd` from a thread of its own.

    While the terminal does not read, frames wait; when too many do, all of them are dropped, and `caught_up`
    is called (on the writer's thread) once the terminal has read the rest: its screen is incomplete then.
    What is written to a closed terminal is dropped.
    """

    def __init__(self, fd: int, caught_up: Callable[[], None]) -> None:
        self._fd = _reopened(fd)
        self._caught_up = caught_up
        self._wake, self._waker = os.pipe()
        self._changed = threading.Condition()
        self._waiting: list[bytes] = []
        self._size = 0
        self._busy = False
        self._dropped = False
        self._has_dropped = False
        self._closing = False
        self._given_up = False
        self._ended = (
            threading.Event()
        )  # a `join` that is interrupted takes the thread for one that has ended
        threading.Thread(target=self._work, name="llmdash-terminal", daemon=True).start()

    @property
    def behind(self) -> bool:
        """True while something written earlier still waits."""
        return self._busy or self._dropped or bool(self._waiting)

    def write(self, text: str) -> None:
        """Queue `text` and return at once."""
        data = text.encode("utf-8", "replace")
        with self._changed:
            if self._waiting and self._size + len(data) > _MOST:
                self._waiting.clear()
                self._size = 0
                self._dropped = self._has_dropped = True
            if not self._dropped:
                self._waiting.append(data)
                self._size += len(data)
            self._changed.notify()

    def close(self, restore: str, timeout_s: float) -> bool:
        """Write what waits and end. Returns True if the terminal read it all.

        Where something was dropped, which may have been a part of what restores the terminal, `restore` is
        written last. If the terminal does not read it all within `timeout_s`, what waits is dropped and
        `restore` is written instead: it is read first when the terminal reads again, even after this process
        has ended.
        """
        with self._changed:
            if self._has_dropped:
                self._dropped = False
                self._waiting.append(restore.encode())
            self._closing = True
            self._changed.notify()
        complete = self._ended.wait(timeout_s)
        if not complete:
            self._given_up = True
            os.write(self._waker, b"!")
            self._ended.wait(_UNWIND_S)
            with contextlib.suppress(OSError, termios.error):
                termios.tcflush(self._fd, termios.TCOFLUSH)
            if self._ended.is_set():
                with contextlib.suppress(OSError):
                    os.write(self._fd, restore.encode())
        if self._ended.is_set():  # a terminal that could not be reopened may block the thread for ever
            for fd in (self._fd, self._wake, self._waker):
                os.close(fd)
        return complete

    def _work(self) -> None:
        try:
            while (data := self._next()) is not None:
                if data:
                    self._put(data)
                else:
                    self._caught_up()
        finally:
            self._ended.set()

    def _next(self) -> bytes | None:
        """Await and return everything that waits; nothing where it was dropped; None at the end."""
        with self._changed:
            self._busy = False
            while not self._waiting:
                if self._closing:
                    return None
                if self._dropped:
                    self._dropped = False
                    return b""
                self._changed.wait()
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._size = 0
            self._busy = True
            return data

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and not self._given_up:
            try:
                rest = rest[os.write(self._fd, rest[:_PIECE]) :]
            except BlockingIOError:
                self._await_room()
            except OSError:  # the terminal was closed
                return

    def _await_room(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        poll.register(self._wake, select.POLLIN)
        poll.poll()
        time.sleep(_BREATH_S)


def _reopened(fd: int) -> int:
    """The terminal behind `fd`, opened again for non-blocking writes.

    To set that on `fd` itself would set it for the shell as well, which shares it. Where the terminal has no
    name, it is a duplicate of `fd`, and a write may block.
    """
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return os.dup(fd)
