"""How an answer goes out: whole or in chunks, each at its time."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from operator import itemgetter

import msgspec

from llmdash.simulator.behaviour import Plan
from llmdash.simulator.connection import Connection
from llmdash.simulator.dialects.base import Call, Conventions, Frames, Reply
from llmdash.simulator.errors import Throttled
from llmdash.simulator.faults.base import PlainAnswer, Refusal, Served, ServedEvent, StreamedAnswer

__all__ = ["Sender", "as_served"]

_Schedule = list[tuple[float, bytes]]


class Sender:
    """Sends the response of one request. `arrived` is when it came, in seconds of the monotonic clock."""

    def __init__(self, connection: Connection, arrived: float) -> None:
        self._connection = connection
        self._arrived = arrived

    async def whole(self, body: bytes, plans: Sequence[Plan]) -> None:
        """Send an answer in one piece, when the last of its parts is ready."""
        ready = _ready(plans)
        if ready > 0:
            await self._connection.until(self._arrived + ready)
        await self._connection.whole(200, body)

    async def stream(self, frames: Frames, plans: Sequence[Plan]) -> None:
        """Send each chunk at its time. With no delays everything is sent in one piece."""
        if plans[0].times[-1] > 0:
            await self._in_time([*_schedule(frames, plans), (0.0, frames.end())])
            return
        chunks = [b"".join(frames.chunks(index)) for index in range(len(plans))]
        await self._connection.start_events()
        await self._connection.part(b"".join([frames.opening(), *chunks, frames.end()]), last=True)

    async def broken(
        self, frames: Frames, plans: Sequence[Plan], reply: Reply, conventions: Conventions
    ) -> None:
        """Send half of the chunks and then, as the reply's deviations have it, nothing or an error."""
        schedule = _schedule(frames, plans)
        kept = max(1, reply.output_tokens // 2)
        openings = len(schedule) - reply.output_tokens
        end = b""
        if not reply.compat.truncated:
            throttles = reply.compat.throttle_in_stream
            error = Throttled(1.0, "requests") if throttles else conventions.failure(overloaded=True)
            end = frames.error(error, kept)
        await self._in_time([*schedule[: openings + kept], (0.0, end)])

    async def served(self, served: Served) -> None:
        """Send an answer that a fault has changed."""
        if isinstance(served, StreamedAnswer):
            await self._in_time([(frame.at, frame.data) for frame in served.frames])
            return
        await self._connection.until(self._arrived + served.at)
        await self._connection.whole(200, msgspec.json.encode(served.content))

    async def refusal(self, refusal: Refusal) -> None:
        """Send the response of a fault."""
        self._connection.headers.extend((name.encode(), value.encode()) for name, value in refusal.headers)
        body = msgspec.json.encode(refusal.document)
        if not refusal.as_event:
            await self._connection.whole(refusal.status, body)
            return
        await self._connection.start_events()
        await self._connection.part(b"data: " + body + b"\n\n", last=True)

    async def _in_time(self, schedule: _Schedule) -> None:
        """Send the parts of a stream; one whose time is past goes at once."""
        await self._connection.until(self._arrived + schedule[0][0])
        await self._connection.start_events()
        for at, part in schedule[:-1]:
            await self._connection.until(self._arrived + at)
            await self._connection.part(part)
        at, part = schedule[-1]
        await self._connection.until(self._arrived + at)
        await self._connection.part(part, last=True)


def as_served(call: Call, reply: Reply, plans: Sequence[Plan], *, streamed: bool) -> Served:
    """Return an answer as its dialect has it, for a fault to change: a document, or an event a frame."""
    if not streamed:
        return PlainAnswer(_ready(plans), msgspec.json.decode(call.whole(reply)))
    frames = call.frames(reply)
    parts = [*_schedule(frames, plans), (_ready(plans), frames.end())]
    events = [
        ServedEvent(at, event + b"\n\n")
        for at, part in parts
        for event in part.removesuffix(b"\n\n").split(b"\n\n")
    ]
    return StreamedAnswer(tuple(frame for frame in events if frame.data != b"\n\n"))


def _ready(plans: Sequence[Plan]) -> float:
    return max([plan.times[-1] for plan in plans])


def _schedule(frames: Frames, plans: Sequence[Plan]) -> _Schedule:
    """The times of all frames but the end, in seconds after the request, in order."""
    tracks = [_track(frames.chunks(index), plan.times) for index, plan in enumerate(plans)]
    schedule = tracks[0] if len(tracks) == 1 else list(heapq.merge(*tracks, key=itemgetter(0)))
    opening = frames.opening()
    if not schedule:
        return [(_ready(plans), opening)]
    first_at, first = schedule[0]
    if frames.opening_share < 1:
        schedule.insert(0, (first_at * frames.opening_share, opening))
    else:
        schedule[0] = (first_at, opening + first)
    return schedule


def _track(chunks: Sequence[bytes], times: Sequence[float]) -> _Schedule:
    """Each chunk with its time; those for which none was planned come with the last."""
    return [(times[min(place, len(times) - 1)], chunk) for place, chunk in enumerate(chunks)]
