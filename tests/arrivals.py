"""An endpoint that knows when each request came in, however busy this machine is: the kernel stamps what
arrives.
"""

from __future__ import annotations

import heapq
import json
import selectors
import socket
import struct
import threading
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from tests.llms.raw_server import framed

__all__ = ["Arrivals", "arrivals", "most_in_a_second"]

_STAMPS = 35  # SO_TIMESTAMPNS, which Python has no name for


def _answer(text: str) -> bytes:
    body = {
        "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1},
    }
    return framed(json.dumps(body).encode(), b"content-type: application/json")


class _Connection:
    def __init__(self, accepted: socket.socket) -> None:
        self.socket = accepted
        self.stamp: float | None = None
        self.data = b""
        self.owed = 0


class Arrivals:
    """Answers every chat completion after `latency` seconds with `text`, from a thread of its own.

    `times` holds the arrival of each request, in seconds of Unix time by the kernel's clock; `keys` the key
    it came with, in the same order. `cut` counts those whose connection was closed before the answer.
    """

    def __init__(self, latency: float, text: str = "4", host: str = "127.0.0.1") -> None:
        self.latency = latency
        self.cut = 0
        self.times = array("d")
        self.keys: list[str] = []
        self._answer = _answer(text)
        self._due: list[tuple[float, int, _Connection]] = []
        self._ended = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, _STAMPS, 1)
        self._listening.bind((host, 0))
        self._listening.listen(1024)
        self._selector.register(self._listening, selectors.EVENT_READ)
        self.base_url = f"http://{host}:{self._listening.getsockname()[1]}/v1"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def sorted(self) -> list[float]:
        """The times in their order."""
        return sorted(self.times)

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            cast("socket.socket", key.fileobj).close()
        self._selector.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            wait = min(0.05, max(0.0, self._due[0][0] - time.monotonic())) if self._due else 0.05
            for key, _ in self._selector.select(wait):
                if key.data is None:
                    accepted, _ = self._listening.accept()
                    self._selector.register(accepted, selectors.EVENT_READ, _Connection(accepted))
                else:
                    self._receive(key.data)
            while self._due and self._due[0][0] <= time.monotonic():
                _, _, connection = heapq.heappop(self._due)
                connection.owed -= 1
                try:
                    connection.socket.sendall(self._answer)
                except OSError:
                    continue  # the client has gone

    def _receive(self, connection: _Connection) -> None:
        try:
            data, more, _, _ = connection.socket.recvmsg(65_536, 64)
        except ConnectionError:
            data = b""
        if not data:
            self.cut += connection.owed
            self._selector.unregister(connection.socket)
            connection.socket.close()
            return
        if connection.stamp is None:
            connection.stamp = _stamp(more)
        connection.data += data
        head, _, body = connection.data.partition(b"\r\n\r\n")
        if b"\r\n\r\n" in connection.data and len(body) >= int(_header(head, b"content-length")):
            self.times.append(connection.stamp)
            self.keys.append(_header(head, b"authorization").decode().removeprefix("Bearer "))
            connection.stamp, connection.data = None, b""
            connection.owed += 1
            heapq.heappush(self._due, (time.monotonic() + self.latency, len(self.times), connection))


def _stamp(ancillary: Sequence[tuple[int, int, bytes]]) -> float:
    """The kernel's stamp; it begins to stamp only a moment after the first socket has asked for that."""
    if not ancillary:
        return time.time()
    seconds, nanoseconds = cast("tuple[int, int]", struct.unpack("ll", ancillary[0][2]))
    return seconds + nanoseconds / 1e9


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(name + b":"):
            return line.partition(b":")[2].strip()
    return b""


@contextmanager
def arrivals(latency: float = 0.1, text: str = "4", host: str = "127.0.0.1") -> Iterator[Arrivals]:
    """A server for the time of a `with`."""
    server = Arrivals(latency, text, host)
    try:
        yield server
    finally:
        server.close()


def most_in_a_second(
    times: Sequence[float], since: float = float("-inf"), until: float = float("inf")
) -> int:
    """The most of `times` (ascending) in any second that begins with one of them, from `since` to `until`."""
    return max(
        (bisect_left(times, at + 1.0) - n for n, at in enumerate(times) if since <= at < until), default=0
    )
