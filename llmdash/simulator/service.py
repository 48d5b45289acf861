"""How the simulator serves a request: admit, plan, answer with delays, count."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from llmdash.simulator.answers import Completion, Question
from llmdash.simulator.behaviour import Behaviour, Plan, thought
from llmdash.simulator.connection import (
    MAX_BODY,
    WIRE,
    ClientGoneError,
    Connection,
    Headers,
    KeptAnswer,
    Receive,
    Scope,
    Send,
)
from llmdash.simulator.dialects.base import Call, Reply, ServedDialect, prompt_tokens
from llmdash.simulator.dialects.served import DIALECTS
from llmdash.simulator.errors import ServedError, Throttled
from llmdash.simulator.executions import Executed, Executions, Way
from llmdash.simulator.faults.base import Asking, Compose, Fault, Refuse, Rewrite
from llmdash.simulator.faults.picker import Drawn, FaultPicker
from llmdash.simulator.gates import KeyGate
from llmdash.simulator.recorder import Recorder, RequestRecord
from llmdash.simulator.sending import Sender, as_served
from llmdash.simulator.settings import SimulatorSettings
from llmdash.simulator.stats import Outcome, Stats

__all__ = ["Service"]

_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>502 Bad Gateway</body>\r\n</html>\r\n"
)
_OUTCOMES = {401: Outcome.REFUSED, 429: Outcome.THROTTLED}
_Answers = tuple[Completion, ...]
_THOUGHT_TOKENS = 22  # the reasoning of a key whose server is to reason, whatever the settings


class _Visit(msgspec.Struct, frozen=True):
    """A request in progress. `known` is False if nothing is served at its path; `arrived` is monotonic.

    `way` is how it came.
    """

    scope: Scope
    dialect: ServedDialect
    known: bool
    connection: Connection
    identity: str
    arrived: float
    record: RequestRecord
    way: Way = "live"


class Service:
    """Serves every POST below `/v1`, in the dialect of its path; those to unknown paths are counted too."""

    def __init__(
        self, settings: SimulatorSettings, stats: Stats, clock: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        now = clock()
        self._clock = clock
        self._wall = wall
        self._stats = stats
        self._settings = settings
        self._behaviour = Behaviour(settings)
        self._picker = FaultPicker(settings.seed, settings.faults)
        self._reasoning = thought(settings.reasoning)
        self.recorder = Recorder()
        self.executions = Executions()
        self._places = {key: place for place, key in enumerate(settings.keys)}
        self.gates = {key: KeyGate(settings, now) for key in settings.keys}
        self._serial = itertools.count(1)
        self._nonce = f"{settings.seed & 0xFFFF:04x}"

    def identity(self) -> str:
        """Return a unique id for a request."""
        return f"{self._nonce}{next(self._serial):012x}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = time.monotonic()
        path = scope["path"].rstrip("/")
        dialect = DIALECTS.get(path)
        known = dialect is not None
        # At an unknown path, errors have the shape of the dialect that its name suggests.
        dialect = dialect or DIALECTS["/v1/messages" if "/messages" in path else "/v1/chat/completions"]
        conventions = dialect.conventions
        key = conventions.key(scope["headers"])
        row = self._stats.arrived(key, arrived)
        identity = self.identity()
        headers = [(conventions.identity_header, f"req_{identity}".encode())]
        connection = Connection(receive, send, headers, scope.get("extensions", {}).get(WIRE))
        record = self.recorder.arrived(path, self._places.get(key), scope["headers"], arrived)
        visit = _Visit(scope, dialect, known, connection, identity, arrived, record)
        outcome: Outcome = Outcome.DROPPED
        answers: _Answers = ()
        try:
            outcome, answers = await self._serve(visit, key)
        except ClientGoneError:
            pass
        finally:
            connection.close()
            self._stats.ended(row, outcome, answers)
            record.outcome = outcome

    def place(self, key: str) -> int | None:
        """Return the place of a key among those of the settings; None for any other."""
        return self._places.get(key)

    async def execute(self, path: str, key: str, headers: Headers, body: bytes) -> Executed:
        """Answer a request of a batch of `key` as one that comes live, at once and beyond its limits.

        Faults of HTTP itself are none of it.
        """
        identity = self.identity()
        kept = KeptAnswer()
        record = RequestRecord(0, 0.0, path, self._places.get(key), headers)
        scope: Scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
        visit = _Visit(scope, DIALECTS[path], True, kept, identity, 0.0, record, "batch")
        gate = self.gates[key].unlimited()
        await self._attend(visit, key, gate, body)
        return Executed(kept.status, bytes(kept.content), identity)

    async def _serve(self, visit: _Visit, key: str) -> tuple[Outcome, _Answers]:
        gate = self.gates.get(key)
        body = await visit.connection.body()
        self.recorder.sent(visit.record, body or b"")
        self._bend(visit, key, body)
        return await self._attend(visit, key, gate, body)

    async def _attend(
        self, visit: _Visit, key: str, gate: KeyGate | None, body: bytes | None
    ) -> tuple[Outcome, _Answers]:
        conventions = visit.dialect.conventions
        try:
            if gate is None or gate.refused:
                gate = None
                raise conventions.unknown_key(key)
            if gate.compat.html:
                await visit.connection.whole(502, _PAGE, b"text/html")
                return Outcome.ERROR, ()
            call = self._let_in(visit, gate, body)
            return await self._answer(visit, gate, call, self._drawn(visit, key, call, body or b""))
        except ServedError as error:
            if gate is not None:
                self._hint(visit, gate)
            if isinstance(error, Throttled):
                visit.connection.headers.extend(conventions.rest(error.seconds))
            await visit.connection.whole(error.status, conventions.error(error, visit.identity))
            return _OUTCOMES.get(error.status, Outcome.ERROR), ()

    def _bend(self, visit: _Visit, key: str, body: bytes | None) -> None:
        """Have the faults of HTTP change everything that will be sent."""
        if self._picker.idle or body is None:
            return
        for fault, wrap in self._picker.wraps(self._asking(visit, key, body, ""), body):
            self._count(visit, fault)
            visit.connection.wrap(partial(wrap.around, visit.scope))

    def _drawn(self, visit: _Visit, key: str, call: Call, body: bytes) -> Drawn | None:
        """The fault that this request is served, if any."""
        if self._picker.idle:
            return None
        asking = self._asking(visit, key, body, call.questions()[0].text)
        drawn = self._picker.draw(asking, body, self._clock())
        if drawn is not None:
            self._count(visit, drawn.fault)
        return drawn

    def _count(self, visit: _Visit, fault: Fault) -> None:
        visit.record.faults.append(fault.name)
        self._stats.served(fault.name)

    def _asking(self, visit: _Visit, key: str, body: bytes, prompt: str) -> Asking:
        fields = _fields(body)
        return Asking(
            visit.dialect.name,
            bool(fields.get("stream")),
            fields,
            prompt,
            key if visit.way == "live" else f"{key} in batches",  # one rests without the other
            self._places.get(key) == len(self._places) - 1,
        )

    def _let_in(self, visit: _Visit, gate: KeyGate, body: bytes | None) -> Call:
        """The request, if it is admitted and valid; else raises ServedError. Invalid ones are charged too."""
        call = self._read(visit, body)
        tokens = 0
        if gate.counts_tokens and not isinstance(call, ServedError):
            tokens = prompt_tokens(call.questions())
        wait = gate.admit(self._clock(), tokens)
        if wait is not None:
            raise Throttled(wait.seconds, wait.limit)
        if isinstance(call, ServedError):
            raise call
        if visit.way == "batch" and call.streamed:
            raise ServedError(400, "Streaming is not supported in batches.", "stream")
        if gate.compat.refuse_stream_options and call.names_stream_options:
            raise ServedError(400, "Unrecognized request argument supplied: stream_options", "stream_options")
        return call

    def _read(self, visit: _Visit, body: bytes | None) -> Call | ServedError:
        """The request, or why it cannot be served."""
        if not visit.known:
            return ServedError(404, f"Invalid URL (POST {visit.scope['path'][:200]})")
        if body is None:
            return ServedError(413, f"The body is larger than {MAX_BODY} bytes.")
        try:
            if self._settings.strict:
                visit.dialect.strict(_fields(body))
            return visit.dialect.read(body, visit.scope["headers"])
        except ServedError as error:
            return error

    async def _answer(
        self, visit: _Visit, gate: KeyGate, call: Call, drawn: Drawn | None
    ) -> tuple[Outcome, _Answers]:
        action = drawn.action if drawn is not None else None
        questions = call.questions()
        self._stats.asked(questions[0].model)
        sender = Sender(visit.connection, visit.arrived)
        if drawn is not None and isinstance(action, Refuse):
            refusal = self._picker.refusal(drawn.asking, action, self._clock())
            await sender.refusal(refusal)
            return _OUTCOMES.get(refusal.status, Outcome.ERROR), ()
        plans = await self._plans(visit, gate, questions)
        if visit.dialect.answers:
            self.executions.count(questions, visit.way)
        reply = Reply(
            visit.identity,
            int(self._wall()),
            questions,
            tuple([plan.answer for plan in plans]),
            gate.compat,
            self._settings.cached,
        )
        if isinstance(action, Compose):
            reply = action.change(reply)
        if gate.counts_tokens:
            gate.charge(reply.output_tokens)
        self._hint(visit, gate)
        outcome = await _send(sender, visit, call, plans, reply, drawn)
        return outcome, reply.answers if visit.dialect.answers else ()

    async def _plans(self, visit: _Visit, gate: KeyGate, questions: tuple[Question, ...]) -> list[Plan]:
        """A plan for each question; raises ServedError, at its time, if the request fails by chance."""
        reasoning = self._reasoning or thought(_THOUGHT_TOKENS if gate.compat.reasons else 0)
        first = self._behaviour.plan(questions[0], gate.error_rate, reasoning)
        if first.fails:
            await visit.connection.until(visit.arrived + first.times[0])
            raise visit.dialect.conventions.failure(first.overloaded)
        return [first, *[self._behaviour.plan(question, 0.0, reasoning) for question in questions[1:]]]

    def _hint(self, visit: _Visit, gate: KeyGate) -> None:
        if not gate.limited:
            return
        limits_left = gate.limits_left(self._clock())
        visit.connection.headers.extend(visit.dialect.conventions.hints(limits_left, self._wall()))


def _fields(body: bytes) -> dict[str, Any]:
    """The fields of a request; none if its body is no JSON object, which its dialect refuses."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}


async def _send(
    sender: Sender, visit: _Visit, call: Call, plans: list[Plan], reply: Reply, drawn: Drawn | None
) -> Outcome:
    """Send the answer as it was asked for, changed by a fault or by what the server deviates in."""
    streamed = call.streamed and not reply.compat.json_for_stream
    conventions = visit.dialect.conventions
    if drawn is not None and isinstance(drawn.action, Rewrite):
        served = as_served(call, reply, plans, streamed=streamed)
        await sender.served(drawn.action.change(drawn.asking, served))
    elif streamed and reply.compat.breaks_streams:
        await sender.broken(call.frames(reply), plans, reply, conventions)
        return Outcome.ERROR
    elif streamed:
        await sender.stream(call.frames(reply), plans)
    elif reply.compat.error_body:
        await sender.whole(conventions.error(conventions.failure(overloaded=True), visit.identity), plans)
        return Outcome.ERROR
    else:
        await sender.whole(call.whole(reply), plans)
    return Outcome.ERROR if drawn is not None and drawn.fault.spoils else Outcome.OK
