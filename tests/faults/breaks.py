"""What breaks on the wire: connections, framings, streams that do not go on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable

from llmdash.llms.wire.failures import FailureKind
from tests.faults.fault import Fault, Place, Play, nothing
from tests.faults.scene import FRAMINGS, Scene, Words, in_frame, whole_from
from tests.llms.raw_server import chunked, framed, reset

TRANSIENT = FailureKind.TRANSIENT
PINGS = (b": ping\n\n", b"\n", b'event: ping\ndata: {"type": "ping"}\n\n')
PING_S = 0.02
DRIP_S = 0.01
_NO_CHUNKS = (
    b"zz\r\nab\r\n",
    b"-5\r\nabcde\r\n",
    b"5\r\nabcdefgh\r\n0\r\n\r\n",
    b"\r\n\r\n",
    b"f" * 40 + b"\r\n",
)
_TEXT = re.compile(rb'"(?:content|text|delta)":"')
_HEAD = b"HTTP/1.1 200 OK\r\n"
TOO_LARGE = Words("Request entity too large", "invalid_request_error", None, "request_too_large")


async def reset_unanswered(scene: Scene) -> None:
    await reset(scene.writer)


def raw_answer(scene: Scene, framing: str | None = None) -> bytes:
    """The whole fine answer, in this framing or in any."""
    return in_frame(framing or scene.rng.choice(FRAMINGS), scene.parts(), *scene.named())


def _cut_in_body(scene: Scene, raw: bytes) -> bytes:
    """The answer up to any byte of its body, short of being whole."""
    start = raw.index(b"\r\n\r\n") + 4
    return raw[: scene.rng.randrange(start, whole_from(raw, scene.streamed))]


async def closed_unanswered(scene: Scene) -> None:
    await scene.close()


async def reset_in_head(scene: Scene) -> None:
    head = raw_answer(scene).partition(b"\r\n\r\n")[0]
    await reset(scene.writer, head[: scene.rng.randint(1, len(head))])


async def closed_in_head(scene: Scene) -> None:
    head = raw_answer(scene).partition(b"\r\n\r\n")[0]
    await scene.close(head[: scene.rng.randint(1, len(head))])


async def reset_in_body(scene: Scene) -> None:
    await reset(scene.writer, _cut_in_body(scene, raw_answer(scene)))


def cut(framing: str) -> Play:
    async def play(scene: Scene) -> None:
        await scene.close(_cut_in_body(scene, raw_answer(scene, framing)))

    return play


def ended(framing: str) -> Play:
    """A body that is whole by its framing, with less than a whole answer in it."""

    async def play(scene: Scene) -> None:
        await scene.send_framed(framing, scene.begun())

    return play


async def nothing_in_it(scene: Scene) -> None:
    await scene.send(framed(b""))


async def stall_in_head(scene: Scene) -> None:
    head = raw_answer(scene).partition(b"\r\n\r\n")[0]
    await scene.send(head[: scene.rng.randrange(len(head))])
    await scene.hang()


async def stall_before_body(scene: Scene) -> None:
    await scene.send(raw_answer(scene, "chunked").partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    await scene.hang()


async def stall_in_stream(scene: Scene) -> None:
    await scene.send(chunked(*scene.begun(), end=False))
    await scene.hang()


async def _for_ever(scene: Scene, pieces: Iterable[bytes], pause_s: float) -> None:
    for piece in pieces:
        if scene.writer.is_closing():
            return
        await scene.send(piece)
        await asyncio.sleep(pause_s)
    await scene.hang()


async def endless_continues(scene: Scene) -> None:
    await _for_ever(scene, iter(lambda: b"HTTP/1.1 100 Continue\r\n\r\n", b""), PING_S)


async def endless_pings(scene: Scene) -> None:
    """As comments and as events of that name; in front of a document it is blank lines."""
    begun = scene.begun() if scene.streamed and scene.rng.random() < 0.5 else []
    await scene.send(chunked(*begun, end=False))
    ping = scene.rng.choice(PINGS) if scene.streamed else b"\n"
    framed_ping = b"%x\r\n%b\r\n" % (len(ping), ping)
    await _for_ever(scene, iter(lambda: framed_ping, b""), PING_S)


async def drip(scene: Scene) -> None:
    """A byte at a time, head and all."""
    raw = raw_answer(scene)
    await _for_ever(scene, (raw[at : at + 1] for at in range(len(raw) - 2)), DRIP_S)


async def drip_in_body(scene: Scene) -> None:
    head, _, body = raw_answer(scene).partition(b"\r\n\r\n")
    await scene.send(head + b"\r\n\r\n")
    await _for_ever(scene, (body[at : at + 1] for at in range(len(body) - 2)), DRIP_S)


async def unread(scene: Scene) -> None:
    """The body of the request is left in the network, and no answer comes."""
    while not scene.writer.is_closing():  # noqa: ASYNC110 - whoever does not read is not told of the end
        await asyncio.sleep(0.05)


async def refused_unread(scene: Scene) -> None:
    """As servers do that end a connection gently: what still comes is read, and not looked at."""
    await scene.send(framed(scene.said(TOO_LARGE), b"connection: close", status=b"413 Content Too Large"))
    await scene.hang()


async def broken_chunk(scene: Scene) -> None:
    await scene.close(chunked(*scene.begun(), end=False) + scene.rng.choice(_NO_CHUNKS))


def sent(data: bytes) -> Play:
    """These bytes, whatever was asked."""

    async def play(scene: Scene) -> None:
        await scene.close(data)

    return play


def spoilt(spoil: Callable[[bytes], bytes]) -> Play:
    """A well framed answer with a part that is no longer JSON of its dialect; all that follows is fine."""

    async def play(scene: Scene) -> None:
        before = scene.begun() if scene.streamed else []
        parts = scene.parts()
        which = max(0, len(before) - 1)
        parts[which] = spoil(parts[which])
        await scene.send(in_frame("chunked", parts, *scene.named()))

    return play


def _halved(part: bytes) -> bytes:
    return part[: len(part) // 2] + b"\n\n"


def _not_utf8(part: bytes) -> bytes:
    found = _TEXT.search(part)
    assert found is not None, part
    return part[: found.end()] + b"\xff\xfe" + part[found.end() :]


def _list(part: bytes) -> bytes:
    return b'data: {"type": [1], "choices": 2}\n\n' if part.endswith(b"\n\n") else b"[1, 2]"


def _deep(part: bytes) -> bytes:
    return (b"data: " if part.endswith(b"\n\n") else b"") + b"[" * 100_000 + b"\n\n"


BREAKS = [
    Fault("refused", TRANSIENT, nothing, place=Place.REFUSED, mixed=False),
    Fault("backlog-full", TRANSIENT, nothing, place=Place.FULL, waits=True, mixed=False),
    Fault("self-signed", FailureKind.CONFIG, nothing, place=Place.TLS, mixed=False),
    Fault("reset", TRANSIENT, reset_unanswered),
    Fault("reset-in-head", TRANSIENT, reset_in_head),
    Fault("reset-in-body", TRANSIENT, reset_in_body),
    Fault("closed-unanswered", TRANSIENT, closed_unanswered),
    Fault("closed-in-head", TRANSIENT, closed_in_head),
    Fault("keep-alive-closed-as-asked", TRANSIENT, closed_unanswered, second=True, mixed=False),
    Fault("keep-alive-reset-as-asked", TRANSIENT, reset_unanswered, second=True, mixed=False),
    *(Fault(f"cut-{framing}", TRANSIENT, cut(framing)) for framing in FRAMINGS),
    *(Fault(f"ended-{framing}", TRANSIENT, ended(framing)) for framing in FRAMINGS),
    Fault("empty", TRANSIENT, nothing_in_it),
    Fault("stall", TRANSIENT, Scene.hang, waits=True),
    Fault("stall-in-head", TRANSIENT, stall_in_head, waits=True),
    Fault("stall-before-body", TRANSIENT, stall_before_body, waits=True),
    Fault("stall-in-stream", TRANSIENT, stall_in_stream, waits=True),
    Fault("endless-continues", TRANSIENT, endless_continues, waits=True),
    Fault("pings", TRANSIENT, endless_pings, waits=True),
    Fault("slow-loris", TRANSIENT, drip, waits=True),
    Fault("slow-loris-body", TRANSIENT, drip_in_body, waits=True),
    Fault("unread", TRANSIENT, unread, reads_body=False, waits=True, mixed=False),
    Fault("unread-413", FailureKind.REQUEST, refused_unread, reads_body=False, mixed=False),
    Fault("broken-chunk", TRANSIENT, broken_chunk),
    Fault("bad-status-line", TRANSIENT, sent(b"nonsense\r\n\r\n")),
    Fault("bad-status", TRANSIENT, sent(b"HTTP/1.1 abc OK\r\n\r\n")),
    Fault("bad-length", TRANSIENT, sent(_HEAD + b"content-length: -5\r\n\r\n")),
    Fault("bad-header", TRANSIENT, sent(_HEAD + b"x: a\x00b\r\ncontent-length: 0\r\n\r\n")),
    Fault("endless-header", TRANSIENT, sent(_HEAD + b"x: " + b"y" * 70_000)),
    Fault("half-json", TRANSIENT, spoilt(_halved)),
    Fault("no-utf8", TRANSIENT, spoilt(_not_utf8)),
    Fault("list-for-object", TRANSIENT, spoilt(_list)),
    Fault("deep-json", TRANSIENT, spoilt(_deep)),
]
