"""Writes to a terminal that may stop reading, without ever making the one who draws wait for it."""

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
"""Bytes that may wait: some tens of pictures. A terminal that far behind is painted anew instead."""
_PIECE = 4096
_BREATH_S = 0.01
"""A pause where the terminal says it has room and then takes nothing: a line end needs two bytes of it."""
_UNWIND_S = 1.0


class TerminalWriter:
    """Hands text to the terminal behind `fd` from a thread of its own.

    While the terminal does not read, pictures wait; when too many do, all of them are dropped, and
    `caught_up` is called (on the writer's thread) once the terminal has read the rest: what it shows is
    incomplete then. A terminal that was closed swallows everything.
    """

    def __init__(self, fd: int, caught_up: Callable[[], None]) -> None:
        self._fd = _opened_anew(fd)
        self._caught_up = caught_up
        self._wake, self._waker = os.pipe()
        self._changed = threading.Condition()
        self._waiting: list[bytes] = []
        self._size = 0
        self._busy = False
        self._dropped = False
        self._closing = False
        self._given_up = False
        self._thread = threading.Thread(target=self._work, name="llmdash-terminal", daemon=True)
        self._thread.start()

    @property
    def behind(self) -> bool:
        """True while something written earlier has not reached the terminal yet."""
        return self._busy or self._dropped or bool(self._waiting)

    def write(self, text: str) -> None:
        """Take `text` and return at once."""
        data = text.encode("utf-8", "replace")
        with self._changed:
            if self._size + len(data) > _MOST:
                self._waiting.clear()
                self._size = 0
                self._dropped = True
            if not self._dropped:
                self._waiting.append(data)
                self._size += len(data)
            self._changed.notify()

    def close(self, restore: str, patience_s: float) -> bool:
        """Write what waits and end; True if the terminal took it all.

        One that takes nothing for `patience_s` loses what waits and gets `restore` instead: it comes first
        when the terminal reads again, even if this process has ended by then.
        """
        with self._changed:
            complete = not self._dropped
            self._closing = True
            self._changed.notify()
        self._thread.join(patience_s)
        if self._thread.is_alive() or not complete:
            complete = False
            self._given_up = True
            os.write(self._waker, b"!")
            self._thread.join(_UNWIND_S)
            with contextlib.suppress(OSError, termios.error):
                termios.tcflush(self._fd, termios.TCOFLUSH)
            if not self._thread.is_alive():
                with contextlib.suppress(OSError):
                    os.write(self._fd, restore.encode())
        if (
            not self._thread.is_alive()
        ):  # a terminal that could not be opened anew may hold the thread for good
            for fd in (self._fd, self._wake, self._waker):
                os.close(fd)
        return complete

    def _work(self) -> None:
        while (data := self._next()) is not None:
            if data:
                self._put(data)
            else:
                self._caught_up()

    def _next(self) -> bytes | None:
        """Everything that waits, as soon as something does; nothing where the rest was dropped; None at the
        end.
        """
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


def _opened_anew(fd: int) -> int:
    """The terminal behind `fd` once more, to be written to without waiting.

    To set that on `fd` itself would set it for the shell as well, which shares it. Where the terminal has no
    name to be opened by, it is a copy of `fd`, and a write may wait.
    """
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return os.dup(fd)
