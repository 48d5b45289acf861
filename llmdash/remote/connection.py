"""The viewer's side of a connection: sends without waiting, and receives what is there."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import time
from collections.abc import Callable
from typing import Final

from llmdash.remote.codec import CodecError, Framing, FromEngine, FromViewer, decode_from_engine, encode

__all__ = ["EngineConnection"]

_CHUNK: Final = 1 << 18
_CLOSES_WITHIN_S: Final = 0.3
"""Seconds that the engine has to read what was sent last, unless more are given."""


class EngineConnection:
    """Messages to and from an engine. Not for several threads at once, but for `wait`."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        self._socket = connected
        self._framing = Framing()
        self._unsent = bytearray()
        self.lost = False
        """True once nothing more can come."""
        self.is_understood = True
        """False once the engine has sent what cannot be read."""

    def send(self, message: FromViewer) -> None:
        """Send as much as the engine takes now; the rest follows with the next call of anything."""
        self._unsent += encode(message)
        self._flush()

    def received(self) -> list[FromEngine]:
        """Return the messages that have arrived."""
        self._flush()
        messages: list[FromEngine] = []
        while not self.lost:
            try:
                data = self._socket.recv(_CHUNK)
                messages += map(decode_from_engine, self._framing.feed(data))
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                data = b""
            except CodecError:
                self.is_understood, data = False, b""
            if not data:
                self.drop()
            elif len(data) < _CHUNK:
                break
        return messages

    def wait(self, timeout_s: float) -> None:
        """Wait until something may have arrived."""
        if not self.lost:
            poll = select.poll()
            poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._unsent else 0))
            poll.poll(max(0.0, timeout_s) * 1000)

    def when_readable(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call `call` once, on the event loop that runs here, when something has arrived, or no more can.

        Return what takes that back.
        """
        loop, watched = asyncio.get_running_loop(), os.dup(self._socket.fileno())  # it outlasts a `drop`
        waits = True

        def stop() -> None:
            nonlocal waits
            if waits:
                waits = False
                loop.remove_reader(watched)
                os.close(watched)

        def arrived() -> None:
            stop()
            call()

        loop.add_reader(watched, arrived)
        return stop

    def close(self, within_s: float = _CLOSES_WITHIN_S) -> None:
        """Close, once the engine has read what was sent, or has not within `within_s` seconds."""
        if self.lost:
            return
        end = time.monotonic() + within_s
        while self._unsent and not self.lost and time.monotonic() < end:
            self.wait(end - time.monotonic())
            self._flush()
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop()
        while not self.lost and time.monotonic() < end:
            self.wait(end - time.monotonic())
            self.received()
        self.drop()

    def _flush(self) -> None:
        while self._unsent and not self.lost:
            try:
                del self._unsent[: self._socket.send(self._unsent)]
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._unsent.clear()  # what it has sent before it ended can still be read

    def drop(self) -> None:
        """Close at once."""
        if not self.lost:
            self.lost = True
            self._socket.close()
