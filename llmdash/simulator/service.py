"""How the simulator serves a request: admit, plan, answer with delays, count."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from operator import itemgetter

import msgspec

from llmdash.simulator.answers import Completion
from llmdash.simulator.behaviour import Behaviour, Plan
from llmdash.simulator.connection import MAX_BODY, ClientGoneError, Connection, Receive, Scope, Send
from llmdash.simulator.dialects.anthropic import MESSAGES
from llmdash.simulator.dialects.base import (
    Call,
    Fault,
    Frames,
    Reply,
    ServedDialect,
    Throttled,
    prompt_tokens,
)
from llmdash.simulator.dialects.chat import CHAT
from llmdash.simulator.dialects.completions import COMPLETIONS
from llmdash.simulator.dialects.responses import RESPONSES
from llmdash.simulator.gates import KeyGate
from llmdash.simulator.settings import SimulatorSettings
from llmdash.simulator.stats import Outcome, Stats

__all__ = ["Service"]

_DIALECTS = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": COMPLETIONS,
    "/v1/responses": RESPONSES,
    "/v1/messages": MESSAGES,
}
_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>502 Bad Gateway</body>\r\n</html>\r\n"
)
_OUTCOMES = {401: Outcome.REFUSED, 429: Outcome.THROTTLED}
_Answers = tuple[Completion, ...]


class _Visit(msgspec.Struct, frozen=True):
    """A request in progress. `known` is False if nothing is served at its path; `arrived` is monotonic."""

    scope: Scope
    dialect: ServedDialect
    known: bool
    connection: Connection
    identity: str
    arrived: float


class Service:
    """Serves every POST below `/v1`, in the dialect of its path; those to unknown paths are counted too."""

    def __init__(
        self, settings: SimulatorSettings, stats: Stats, clock: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        now = clock()
        self._clock = clock
        self._wall = wall
        self._stats = stats
        self._behaviour = Behaviour(settings)
        self.gates = {key: KeyGate(settings, now) for key in settings.keys}
        self._serial = itertools.count(1)
        self._nonce = f"{settings.seed & 0xFFFF:04x}"

    def identity(self) -> str:
        """Return a unique id for a request."""
        return f"{self._nonce}{next(self._serial):012x}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = time.monotonic()
        path = scope["path"].rstrip("/")
        dialect = _DIALECTS.get(path)
        known = dialect is not None
        # At an unknown path, errors have the shape of the dialect that its name suggests.
        dialect = dialect or (MESSAGES if "/messages" in path else CHAT)
        conventions = dialect.conventions
        key = conventions.key(scope["headers"])
        row = self._stats.arrived(key, arrived)
        identity = self.identity()
        headers = [(conventions.identity_header, f"req_{identity}".encode())]
        connection = Connection(receive, send, headers)
        visit = _Visit(scope, dialect, known, connection, identity, arrived)
        outcome: Outcome = Outcome.DROPPED
        answers: _Answers = ()
        try:
            outcome, answers = await self._serve(visit, key)
        except ClientGoneError:
            pass
        finally:
            connection.close()
            self._stats.ended(row, outcome, answers)

    async def _serve(self, visit: _Visit, key: str) -> tuple[Outcome, _Answers]:
        gate = self.gates.get(key)
        body = await visit.connection.body()
        conventions = visit.dialect.conventions
        try:
            if gate is None or gate.refused:
                gate = None
                raise conventions.unknown_key(key)
            if gate.compat.html:
                await visit.connection.whole(502, _PAGE, b"text/html")
                return Outcome.ERROR, ()
            return await self._answer(visit, gate, self._let_in(visit, gate, body))
        except Fault as fault:
            if gate is not None:
                self._hint(visit, gate)
            if isinstance(fault, Throttled):
                visit.connection.headers.extend(conventions.rest(fault.seconds))
            await visit.connection.whole(fault.status, conventions.error(fault, visit.identity))
            return _OUTCOMES.get(fault.status, Outcome.ERROR), ()

    def _let_in(self, visit: _Visit, gate: KeyGate, body: bytes | None) -> Call:
        """The request, if it is admitted and valid; else raises Fault. Invalid ones are charged too."""
        call = _read(visit, body)
        tokens = 0
        if gate.counts_tokens and not isinstance(call, Fault):
            tokens = prompt_tokens(call.questions())
        wait = gate.admit(self._clock(), tokens)
        if wait is not None:
            raise Throttled(wait.seconds, wait.limit)
        if isinstance(call, Fault):
            raise call
        if gate.compat.refuse_stream_options and call.names_stream_options:
            raise Fault(400, "Unrecognized request argument supplied: stream_options", "stream_options")
        return call

    async def _answer(self, visit: _Visit, gate: KeyGate, call: Call) -> tuple[Outcome, _Answers]:
        questions = call.questions()
        first = self._behaviour.plan(questions[0], gate.error_rate)
        if first.fails:
            await visit.connection.until(visit.arrived + first.times[0])
            raise visit.dialect.conventions.failure(first.overloaded)
        plans = [first, *[self._behaviour.plan(question, 0.0) for question in questions[1:]]]
        reply = Reply(
            visit.identity, int(self._wall()), questions, tuple([plan.answer for plan in plans]), gate.compat
        )
        if gate.counts_tokens:
            gate.charge(reply.output_tokens)
        self._hint(visit, gate)
        if call.streamed and not gate.compat.json_for_stream:
            outcome = await _stream(visit, call.frames(reply), plans, reply)
        else:
            outcome = await _whole(visit, call, plans, reply)
        return outcome, reply.answers

    def _hint(self, visit: _Visit, gate: KeyGate) -> None:
        if not gate.limited:
            return
        limits_left = gate.limits_left(self._clock())
        visit.connection.headers.extend(visit.dialect.conventions.hints(limits_left, self._wall()))


def _read(visit: _Visit, body: bytes | None) -> Call | Fault:
    """The request, or why it cannot be served."""
    if not visit.known:
        return Fault(404, f"Invalid URL (POST {visit.scope['path'][:200]})")
    if body is None:
        return Fault(413, f"The body is larger than {MAX_BODY} bytes.")
    try:
        return visit.dialect.read(body, visit.scope["headers"])
    except Fault as fault:
        return fault


async def _whole(visit: _Visit, call: Call, plans: list[Plan], reply: Reply) -> Outcome:
    """Send the response in one piece, when the last of its parts is ready."""
    ready = max([plan.times[-1] for plan in plans])
    if ready > 0:
        await visit.connection.until(visit.arrived + ready)
    if reply.compat.error_body:
        conventions = visit.dialect.conventions
        await visit.connection.whole(
            200, conventions.error(conventions.failure(overloaded=True), visit.identity)
        )
        return Outcome.ERROR
    await visit.connection.whole(200, call.whole(reply))
    return Outcome.OK


async def _stream(visit: _Visit, frames: Frames, plans: list[Plan], reply: Reply) -> Outcome:
    """Send each chunk at its time. With no delays everything is sent in one piece."""
    connection = visit.connection
    whole = not reply.compat.breaks_streams
    if whole and plans[0].times[-1] <= 0:
        await connection.start_events()
        every = [
            frames.opening(),
            *[b"".join(frames.chunks(index)) for index in range(len(plans))],
            frames.end(),
        ]
        await connection.part(b"".join(every), last=True)
        return Outcome.OK
    schedule, end = _schedule(frames, plans), frames.end()
    if not whole:
        schedule, end = _broken(visit, frames, schedule, reply)
    await connection.until(visit.arrived + schedule[0][0])
    await connection.start_events()
    for at, frame in schedule:
        await connection.until(visit.arrived + at)
        await connection.part(frame)
    await connection.part(end, last=True)
    return Outcome.OK if whole else Outcome.ERROR


_Schedule = list[tuple[float, bytes]]


def _schedule(frames: Frames, plans: list[Plan]) -> _Schedule:
    """The times of all frames, in seconds after the request, in order."""
    tracks = [zip(plan.times, frames.chunks(index), strict=True) for index, plan in enumerate(plans)]
    schedule = list(tracks[0]) if len(tracks) == 1 else list(heapq.merge(*tracks, key=itemgetter(0)))
    opening, (first_at, first) = frames.opening(), schedule[0]
    if frames.opening_share < 1:
        schedule.insert(0, (first_at * frames.opening_share, opening))
    else:
        schedule[0] = (first_at, opening + first)
    return schedule


def _broken(visit: _Visit, frames: Frames, schedule: _Schedule, reply: Reply) -> tuple[_Schedule, bytes]:
    """The schedule up to half of the chunks, and what follows: nothing, or the dialect's own error."""
    kept = max(1, reply.output_tokens // 2)
    openings = len(schedule) - reply.output_tokens
    if reply.compat.truncated:
        return schedule[: openings + kept], b""
    throttles = reply.compat.throttle_in_stream
    fault = Throttled(1.0, "requests") if throttles else visit.dialect.conventions.failure(overloaded=True)
    return schedule[: openings + kept], frames.error(fault, kept)
