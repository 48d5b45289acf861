"""Every fault by its name."""

from __future__ import annotations

import asyncio
import random

from tests.faults.breaks import BREAKS, PINGS
from tests.faults.errors import ERRORS
from tests.faults.fault import Fault, Place, Play
from tests.faults.floods import FLOODS
from tests.faults.scene import FRAMINGS, Scene, in_frame, separated, whole_from
from tests.llms.raw_server import chunked, framed


async def fine(scene: Scene, framing: str | None = None) -> None:
    """The answer that was asked for."""
    await scene.send_framed(framing or ("chunked" if scene.streamed else "length"), scene.parts())


def _framed_so(framing: str) -> Play:
    async def play(scene: Scene) -> None:
        await fine(scene, framing)

    return play


async def _separators(scene: Scene) -> None:
    await fine(scene.answering(separated(scene.reply.answers[0].text)))


async def _in_crumbs(scene: Scene) -> None:
    """A few bytes at a time, without regard to anything."""
    raw, at = in_frame("chunked", scene.parts()), 0
    while at < len(raw):
        size = scene.rng.choice((1, 2, 3, 7, 200))
        await scene.send(raw[at : at + size])
        at += size
        if scene.rng.random() < 0.1:
            await asyncio.sleep(0)


async def _with_pings(scene: Scene) -> None:
    pings = (scene.rng.choice(PINGS) if scene.streamed else b"\n" for _ in iter(int, 1))
    parts = [each for part in scene.parts() for each in (next(pings), part)]
    await scene.send(chunked(*parts))


def _lines_end_in(end: bytes) -> Play:
    async def play(scene: Scene) -> None:
        parts = scene.parts()
        if scene.streamed:
            parts = [b"\xef\xbb\xbf", *(part.replace(b"\n", end) for part in parts)]
        await scene.send(chunked(*parts))

    return play


async def _document_for_stream(scene: Scene) -> None:
    await scene.send(framed(scene.call.whole(scene.reply)))


async def _continued(scene: Scene) -> None:
    await scene.send(b"HTTP/1.1 100 Continue\r\n\r\n" + in_frame("chunked", scene.parts()))


async def _without_last_chunk(scene: Scene) -> None:
    """The stream says that it is over; only its framing does not."""
    if scene.streamed:
        await scene.close(chunked(*scene.parts(), end=False))
    else:
        await fine(scene)


async def _without_terminator(scene: Scene) -> None:
    """A finish reason is an end, whatever should follow it."""
    raw = in_frame("close", scene.parts())
    await scene.close(raw[: whole_from(raw, scene.streamed)])


async def _hung_behind(scene: Scene) -> None:
    """All is said, and the stream stays open."""
    if scene.streamed:
        await scene.send(chunked(*scene.parts(), end=False))
        await scene.hang()
    else:
        await fine(scene)


async def _doubled(scene: Scene) -> None:
    """The answer twice: nobody asked for the second."""
    await scene.send(2 * in_frame("chunked" if scene.streamed else "length", scene.parts()))


async def _closed_behind(scene: Scene) -> None:
    """The connection is closed while it is idle, at about the time of the next request."""
    await fine(scene)
    await asyncio.sleep(scene.rng.choice((0.0, 0.001, 0.002)))
    scene.writer.close()


WHOLE = [
    Fault("fine", None, fine),
    *(Fault(f"framed-{framing}", None, _framed_so(framing)) for framing in FRAMINGS),
    Fault("separators", None, _separators),
    Fault("crumbs", None, _in_crumbs),
    Fault("some-pings", None, _with_pings),
    Fault("crlf", None, _lines_end_in(b"\r\n")),
    Fault("cr", None, _lines_end_in(b"\r")),
    Fault("document-for-stream", None, _document_for_stream),
    Fault("100-first", None, _continued),
    Fault("no-last-chunk", None, _without_last_chunk),
    Fault("no-terminator", None, _without_terminator),
    Fault("hung-behind", None, _hung_behind),
    Fault("doubled", None, _doubled),
    Fault("keep-alive-closed-behind", None, _closed_behind, mixed=False),
]

CATALOGUE = {fault.name: fault for fault in (*WHOLE, *BREAKS, *ERRORS, *FLOODS)}

MIXED = tuple(name for name, fault in CATALOGUE.items() if fault.mixed and name != "fine")
"""Those after which an honest client succeeds in the end, and whose requests can be counted."""


def drawn(names: tuple[str, ...], rng: random.Random) -> Fault:
    """One of these, each as likely as the other."""
    return CATALOGUE[rng.choice(names)]


assert len(CATALOGUE) == len(WHOLE) + len(BREAKS) + len(ERRORS) + len(FLOODS), "a name stands for two faults"
assert all(fault.place is Place.HTTP for fault in CATALOGUE.values() if fault.mixed)
