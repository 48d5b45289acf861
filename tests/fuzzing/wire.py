"""A whole HTTP answer, head and all, mutated and sent over a real connection."""

from __future__ import annotations

import asyncio
import random

from llmdash.llms.transport.timeouts import Timeouts
from tests.faults.calls import ask, connected, model, nothing_left
from tests.faults.scene import FRAMINGS, in_frame
from tests.fuzzing.corpus import ALL_ANSWERS, ANSWERS
from tests.fuzzing.mutate import in_pieces, mutated
from tests.llms.raw_server import serving
from tests.waiting import PATIENCE_S

HEADS = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req_1\r\n",
    b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\nx-ratelimit-reset-requests: 6m0s\r\n",
    b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\nset-cookie: a=b\r\n",
    b"HTTP/1.0 503 Busy\r\ncontent-encoding: gzip\r\nconnection: keep-alive\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n",
    b"HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked, gzip\r\ntrailer: x\r\n",
)
_LIMITS = Timeouts(connect=5.0, first_byte=0.1, stall=0.1, total=0.2)


def wire(rng: random.Random) -> None:
    """Whatever comes over a connection is an answer or a Failure, in its time, and nothing is left behind.

    A case is twenty connections at once.
    """
    asyncio.run(_try([_answer(rng) for _ in range(20)], rng))


def _answer(rng: random.Random) -> list[bytes]:
    """The pieces of one mutated answer; an empty one at the end leaves the connection open."""
    body = rng.choice(rng.choice(list(ANSWERS.values())))
    raw = in_frame(rng.choice(FRAMINGS), [body[:100], body[100:]])
    if rng.random() < 0.7:
        head, _, rest = raw.partition(b"\r\n\r\n")
        fields = head.partition(b"\r\n")[2]
        raw = mutated(rng.choice(HEADS) + fields + b"\r\n", HEADS, rng) + b"\r\n" + rest
    else:
        raw = mutated(raw, ALL_ANSWERS, rng)
    return [*in_pieces(raw, rng)[:50], *([b""] if rng.random() < 0.2 else [])]


async def _try(answers: list[list[bytes]], rng: random.Random) -> None:
    waiting = iter(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        pieces = next(waiting)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if not pieces[-1]:
            await reader.read()

    async with nothing_left(), serving(serve) as port, connected(_LIMITS) as client:
        models = [model(client, f"http://127.0.0.1:{port}/v1", rng.randrange(8)) for _ in answers]
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(ask(llm, "What is 1 + 1?") for llm in models))
