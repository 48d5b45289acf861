"""Answers that are too much: endless lines, huge answers, bombs."""

from __future__ import annotations

import functools
import zlib

from llmdash.llms.wire.failures import FailureKind
from tests.faults.fault import Fault, Play
from tests.faults.scene import Scene, in_frame
from tests.llms.raw_server import chunked

LINE = 131_000_000
HUGE = 100_000_000
_BLOCK = 1_000_000
_BOMB_BLOCKS = 1_250


@functools.cache
def bomb() -> bytes:
    """About a megabyte of gzip that unpacks to 1.25 GB: one flushed block, repeated. Its sum does not fit,
    but whoever gets to that has unpacked it all.
    """
    packer, zeros = zlib.compressobj(9, wbits=31), b"\0" * _BLOCK
    first = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + block * (_BOMB_BLOCKS - 1) + packer.flush()


async def long_line(scene: Scene) -> None:
    """One line of 131 MB."""
    await scene.send(chunked(end=False))
    piece = b"%x\r\n%b\r\n" % (_BLOCK, b"x" * _BLOCK)
    await scene.send(b"6\r\ndata: \r\n")
    for _ in range(LINE // _BLOCK):
        await scene.send(piece)
    await scene.close(b"4\r\n\n\n\n\n\r\n0\r\n\r\n")


async def huge_answer(scene: Scene) -> None:
    """100 MB of a well formed answer: of events that add text, or of one document."""
    if scene.streamed:
        event = scene.begun()[-1]
        block = event * (_BLOCK // len(event))
        await scene.send(chunked(*scene.begun(), end=False))
        for _ in range(HUGE // len(block)):
            await scene.send(b"%x\r\n%b\r\n" % (len(block), block))
        await scene.close(b"0\r\n\r\n")
        return
    await scene.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (HUGE + 9) + b'{"text": "')
    for _ in range(HUGE // _BLOCK):
        await scene.send(b"x" * _BLOCK)


def zipped(status: bytes) -> Play:
    """A bomb, though what was asked for is identity."""

    async def play(scene: Scene) -> None:
        body, encoding = bomb(), b"content-encoding: gzip"
        head = [b"HTTP/1.1 " + status, b"content-length: %d" % len(body), encoding, *scene.named()]
        await scene.send(b"\r\n".join([*head, b"", body]))

    return play


async def packed(scene: Scene) -> None:
    """An answer that is compressed unasked, and in a way that nobody knows."""
    await scene.send(in_frame("length", scene.parts(), b"content-encoding: compress"))


FLOODS = [
    Fault("long-line", FailureKind.TRANSIENT, long_line, mixed=False),
    Fault("huge-answer", FailureKind.REQUEST, huge_answer, mixed=False),
    Fault("bomb", FailureKind.TRANSIENT, zipped(b"200 OK"), mixed=False),
    Fault("bomb-error", FailureKind.TRANSIENT, zipped(b"503 Busy"), mixed=False),
    Fault("bomb-401", FailureKind.AUTH, zipped(b"401 No"), mixed=False),
    Fault("compress", FailureKind.TRANSIENT, packed),
]
