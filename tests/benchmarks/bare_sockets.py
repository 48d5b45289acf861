"""The target's own rate: 64 connections that write bytes and count bytes, so that nothing else limits it.

`python -m tests.benchmarks.bare_sockets BASE_URL COUNT` prints answers a second.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from urllib.parse import urlsplit

from tests.benchmarks.peer_batches import IN_FLIGHT, PROMPT

__all__ = ["answers_per_second", "measured"]


class _Requests:
    """So many requests to send, by whichever connection is free, and how many were answered."""

    def __init__(self, path: str, count: int) -> None:
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": PROMPT}]}).encode()
        head = f"POST {path}/chat/completions HTTP/1.1\r\nhost: target\r\ncontent-length: {len(body)}\r\n\r\n"
        self.request = head.encode() + body
        self.unsent = self.unanswered = count
        self.all_answered = asyncio.Event()

    def answered(self) -> None:
        """One more answer has arrived."""
        self.unanswered -= 1
        if not self.unanswered:
            self.all_answered.set()


class _Connection(asyncio.Protocol):
    """Sends a request as soon as the one before is answered. All answers are as long as the first."""

    def __init__(self, requests: _Requests) -> None:
        self._requests = requests
        self._length: int | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        if self._requests.unsent:
            self._requests.unsent -= 1
            self._transport.write(self._requests.request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._length is None and b"\r\n\r\n" in self._received:
            head, _, _ = self._received.partition(b"\r\n\r\n")
            self._length = len(head) + 4 + int(head.rpartition(b"content-length: ")[2])
        if len(self._received) == self._length:
            self._received = b""
            self._requests.answered()
            self._send()


async def answers_per_second(base_url: str, count: int) -> float:
    """What the target manages over `count` answers."""
    at = urlsplit(base_url)
    assert at.hostname is not None
    assert at.port is not None
    requests = _Requests(at.path, count)
    began = time.perf_counter()
    for _ in range(min(IN_FLIGHT, count)):
        await asyncio.get_running_loop().create_connection(
            lambda: _Connection(requests), at.hostname, at.port
        )
    await requests.all_answered.wait()
    return count / (time.perf_counter() - began)


def measured(base_url: str, count: int) -> float:
    """What the target manages, asked by a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.bare_sockets", base_url, str(count)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


if __name__ == "__main__":
    print(asyncio.run(answers_per_second(sys.argv[1], int(sys.argv[2]))))
