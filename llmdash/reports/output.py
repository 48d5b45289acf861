"""An output stream whose reader may close it or stop reading, without blocking the run."""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from typing import TextIO

__all__ = ["Output"]

_MOST = 1024 * 1024
"""Bytes that wait for a reader that has stopped; beyond that the oldest are dropped."""
_FLUSH_WITHIN_S = 0.2
"""Seconds that `flush` waits for a reader before it counts as stopped."""


class Output:
    """Writes text to `stream`; once its reader has closed it, everything else is dropped silently.

    A batch is worth more than its log: `llmdash run ... | head` goes on after `head` has ended, and
    `gone` is True.
    Where the reader is there but does not read, such as a pager, the text waits, and the process ends once it
    was read, or by a signal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.gone = False
        self.encoding: str = getattr(stream, "encoding", None) or "utf-8"
        self._fd = _descriptor(stream)
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._at_work = False
        self._stalled = False

    def line(self, text: str) -> None:
        """Write one line (or several, if `text` holds line feeds) and flush. `text` must be sanitized."""
        self.write(text + "\n")
        self.flush()

    def write(self, text: str) -> int:
        """Write text; a character that the stream's encoding lacks becomes `?`."""
        if not self.gone:
            data = text.encode(self.encoding, "replace")
            if self._fd is None:
                self._write_here(data)
            elif data:
                self._leave_to_thread(data)
        return len(text)

    def flush(self) -> None:
        """Wait until the reader has what was written, unless it has stopped reading."""
        if self._fd is None:
            if not self.gone:
                self._flush_here()
            return
        with self._changed:
            if not self._stalled:
                self._stalled = not self._changed.wait_for(lambda: not self._at_work, _FLUSH_WITHIN_S)

    def isatty(self) -> bool:
        """True while the reader is a terminal."""
        return not self.gone and self._stream.isatty()

    def fileno(self) -> int:
        """Return the file descriptor. Raises OSError if there is none."""
        return self._stream.fileno()

    # A stream without a descriptor, such as a string: it takes everything at once.

    def _write_here(self, data: bytes) -> None:
        try:
            self._stream.write(data.decode(self.encoding))
        except (OSError, ValueError):  # ValueError: the stream was closed
            self.gone = True

    def _flush_here(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self.gone = True

    # One with a descriptor: a thread writes until nothing is left; the interpreter waits for it at the end.

    def _leave_to_thread(self, data: bytes) -> None:
        with self._changed:
            self._waiting.append(data)
            self._size += len(data)
            while self._size > _MOST and len(self._waiting) > 1:
                self._size -= len(self._waiting.popleft())
            if not self._at_work:
                self._at_work = True
                threading.Thread(target=self._work, name="llmdash-output").start()

    def _work(self) -> None:
        while data := self._next():
            try:
                self._put(memoryview(data))
            except OSError:
                self._give_up()

    def _put(self, rest: memoryview) -> None:
        while rest and not self.gone and self._fd is not None:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:  # another process has made it non-blocking
                select.select([], [self._fd], [])

    def _next(self) -> bytes:
        with self._changed:
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._size = 0
            if not data:
                self._at_work = self._stalled = False
                self._changed.notify_all()
            return data

    def _give_up(self) -> None:
        """Redirect the descriptor to /dev/null, or Python's own last flush would fail and change the exit
        code.
        """
        self.gone = True
        if self._fd is not None:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._fd)
            os.close(nothing)


def _descriptor(stream: TextIO) -> int | None:
    """The descriptor of the stream, after a flush; None if it has none."""
    try:
        stream.flush()
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None
