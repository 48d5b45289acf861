"""A target that is never the bottleneck: it answers every request at once or after a time, whole or in
chunks, with bytes made beforehand.

`target.py [--latency LEAST MOST] [--chunks N] [--gap S]`, run by any interpreter, on uvloop where that is
installed, prints its port and serves until killed. Requests that ask for a stream get N chunks: all in one
write, or one each S seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
from functools import partial
from itertools import cycle
from random import Random
from typing import NamedTuple, cast

_ANSWER = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant",'
    b'"content":"{\\"expression\\": \\"1 + 1\\", \\"result\\": 2}"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":50,"completion_tokens":15,"total_tokens":65}}'
)
_RESPONSE = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_ANSWER)
) + _ANSWER
_MODELS = b'{"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"o"}]}'
_LISTED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_MODELS)
) + _MODELS
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_WORDS = (b"an", b" answer", b" that", b" comes", b" word", b" by", b" word", b",\\n")


def _event(delta: bytes, finish: bytes = b"null") -> bytes:
    event = (
        b'data: {"id":"chatcmpl-c","object":"chat.completion.chunk","created":1,"model":"m",'
        b'"choices":[{"index":0,"delta":{%s},"finish_reason":%s}]}\n\n' % (delta, finish)
    )
    return b"%x\r\n%s\r\n" % (len(event), event)


_LAST = _event(b"", b'"stop"') + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class Answers(NamedTuple):
    """How it answers: after seconds from and to; the chunks of a stream, and seconds between them."""

    least_s: float = 0.0
    most_s: float = 0.0
    chunks: int = 0
    gap_s: float = 0.0

    def events(self) -> list[bytes]:
        """The chunks of a stream, without its head and its end."""
        words = zip(cycle(_WORDS), range(self.chunks), strict=False)
        return [_event(b'"content":"%s"' % word) for word, _ in words]


class _Connection(asyncio.Protocol):
    """Just enough HTTP/1.1: a header block, a body of Content-Length, an answer."""

    def __init__(self, answers: Answers, random: Random) -> None:
        self._answers, self._random = answers, random
        self._events = answers.events()
        self._stream = _HEAD + b"".join(self._events) + _LAST
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # that of uvloop is none by its class
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"get "):
            self._write(_LISTED)
        elif b'"stream":true' in body or b'"stream": true' in body:
            self._stream_out()
        elif self._answers.most_s:
            latency = self._random.uniform(self._answers.least_s, self._answers.most_s)
            self._loop.call_later(latency, self._write, _RESPONSE)
        else:
            self._write(_RESPONSE)

    def _stream_out(self) -> None:
        if self._answers.gap_s:
            self._write(_HEAD)
            begins = self._loop.time() + self._random.random() * self._answers.gap_s  # not all at one time
            self._loop.call_at(begins, self._next, 0, begins)
        else:
            self._write(self._stream)

    def _next(self, number: int, due: float) -> None:
        if number == len(self._events):
            self._write(_LAST)
            return
        self._write(self._events[number])
        due += self._answers.gap_s
        self._loop.call_at(due, self._next, number + 1, due)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


async def _serve(answers: Answers) -> None:
    loop = asyncio.get_running_loop()
    made = partial(_Connection, answers, Random(1))
    server = await loop.create_server(made, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--latency", type=float, nargs=2, default=(0.0, 0.0), metavar=("LEAST", "MOST"))
    parser.add_argument("--chunks", type=int, default=0)
    parser.add_argument("--gap", type=float, default=0.0)
    asked = parser.parse_args()
    try:
        new_loop = importlib.import_module("uvloop").new_event_loop
    except ModuleNotFoundError:
        new_loop = None
    with asyncio.Runner(loop_factory=new_loop) as runner:
        least_s, most_s = asked.latency
        runner.run(_serve(Answers(least_s, most_s, asked.chunks, asked.gap)))


if __name__ == "__main__":
    main()
