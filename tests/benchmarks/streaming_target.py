"""A target that streams: each answer comes in a few chunks, and that to a prompt with the word LONG in 5,000
chunks a second for as long as it is read.

`python -m tests.benchmarks.streaming_target LATENCY CHUNKS` prints its port and serves until killed; the
chunks of an answer are spread over LATENCY seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import cycle
from typing import Final

from tests.llms.raw_server import framed

__all__ = ["LONG", "LONG_PER_S"]

LONG: Final = "LONG"
LONG_PER_S: Final = 5_000
_STEP_S: Final = 0.02
_WORDS: Final = ("to", "kens", " of", " an", " answer", " that", " does", " not", " end", ",\n")


def _chunk(text: str) -> bytes:
    body = b'data: {"choices":[{"delta":{"content":%s}}]}\n\n' % json.dumps(text).encode()
    return b"%x\r\n%s\r\n" % (len(body), body)


def _last() -> bytes:
    body = (
        b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
        b'data: {"choices":[],"usage":{"prompt_tokens":50,"completion_tokens":15}}\n\ndata: [DONE]\n\n'
    )
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_WHOLE: Final = framed(
    b'{"choices":[{"message":{"content":"{\\"result\\": 2}"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":50,"completion_tokens":15}}',
    b"content-type: application/json",
)


class _Connection(asyncio.Protocol):
    def __init__(self, latency: float, chunks: int) -> None:
        self._latency = latency
        self._chunks = [
            _chunk(word) for word, _ in zip(cycle(('{"result"', ": 2}")), range(chunks), strict=False)
        ]
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            request, self._buffer = self._buffer[: end + 4 + length], self._buffer[end + 4 + length :]
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        if LONG.encode() in request:
            self._write(_HEAD)
            self._stream_on(self._loop.time(), 0, cycle([_chunk(word) for word in _WORDS]))
        elif b'"stream":true' not in request or not self._chunks:
            self._loop.call_later(self._latency, self._write, _WHOLE)
        else:
            self._write(_HEAD)
            self._next(0)

    def _next(self, number: int) -> None:
        if number == len(self._chunks):
            self._write(_last())
            return
        self._write(self._chunks[number])
        self._loop.call_later(self._latency / len(self._chunks), self._next, number + 1)

    def _stream_on(self, begun: float, sent: int, chunks: cycle[bytes]) -> None:
        if self._transport.is_closing():
            return
        due = int((self._loop.time() - begun) * LONG_PER_S)
        self._write(b"".join(next(chunks) for _ in range(due - sent)))
        self._loop.call_later(_STEP_S, self._stream_on, begun, due, chunks)

    def _write(self, data: bytes) -> None:
        if data and not self._transport.is_closing():
            self._transport.write(data)


async def _serve(latency: float, chunks: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(latency, chunks), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]), int(sys.argv[2])))
