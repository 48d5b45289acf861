"""What is typed: read from the terminal by a thread that sleeps until there is something."""

from __future__ import annotations

import codecs
import contextlib
import os
import select
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Final

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.message import Message

__all__ = ["TypedInput", "WakingEvent"]

_PIECE: Final = 4096
_ENDED_S: Final = 0.1
"""Seconds between two looks at an input that has ended: at once it would be found ended again."""


class WakingEvent(threading.Event):
    """An event that can be waited for together with input: `fd` can be read once it was set."""

    def __init__(self) -> None:
        super().__init__()
        self.fd, self._waker = os.pipe()
        weakref.finalize(self, _close, self.fd, self._waker)

    def set(self) -> None:
        super().set()
        os.write(self._waker, b"!")

    def clear(self) -> None:
        super().clear()
        while select.select([self.fd], [], [], 0.0)[0]:
            os.read(self.fd, _PIECE)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


class TypedInput:
    """Reads keys and the mouse from `fd` and hands them to `take`, until `ends` is set.

    It wakes for what comes, and where half of a sequence of keys was read, when that counts as all of it.
    `ended` is called, on this thread, where nothing more can come.
    """

    def __init__(
        self,
        fd: int,
        take: Callable[[Message], None],
        ends: WakingEvent,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._fd = fd
        self._take = take
        self._ends = ends
        self._ended = ended
        self._parser = XTermParser()
        self._decode = codecs.getincrementaldecoder("utf-8")().decode

    def run(self) -> None:
        """Read to the end."""
        try:
            while not self._ends.is_set():
                self._read(self.waits_s)
        finally:
            with contextlib.suppress(EOFError, ParseError):
                for _event in self._parser.feed(""):
                    pass

    @property
    def waits_s(self) -> float | None:
        """The seconds until what was read counts as all there is; None where nothing is half read."""
        until = self._parser._timeout_time
        return None if until is None else max(0.0, until - time.monotonic())

    def _read(self, waits_s: float | None) -> None:
        readable, _, _ = select.select([self._fd, self._ends.fd], [], [], waits_s)
        if self._fd in readable:
            self._use(self._piece())
        self._take_all(self._parser.tick())

    def _piece(self) -> bytes:
        try:
            return os.read(self._fd, _PIECE)
        except OSError:  # the terminal was closed
            return b""

    def _use(self, data: bytes) -> None:
        if text := self._decode(data):
            self._take_all(self._parser.feed(text))
        elif not data:
            self._ended()
            self._ends.wait(_ENDED_S)

    def _take_all(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._take(message)
