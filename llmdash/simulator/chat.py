"""The way of one chat request through the simulator: let in, planned, answered in its own time, counted."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from llmdash.simulator.behaviour import Behaviour, Plan
from llmdash.simulator.limits import Admission, KeyGate
from llmdash.simulator.settings import SimulatorSettings
from llmdash.simulator.stats import Outcome, Stats
from llmdash.simulator.wire import BadRequestError, ChatRequest, StreamFrames, completion, error, parse_chat

__all__ = ["Chat", "Headers", "bearer", "unknown_key"]

MAX_BODY = 16 * 1024 * 1024
"""Bytes a request body may have; larger ones get status 413."""

Headers = list[tuple[bytes, bytes]]
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_JSON: Headers = [(b"content-type", b"application/json")]
_EVENTS: Headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]


def bearer(scope: Scope) -> str:
    """The key a request bears; empty if it bears none."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, key = value.decode("latin-1").partition(" ")
            return key.strip() if scheme.lower() == "bearer" else ""
    return ""


def unknown_key(key: str) -> bytes:
    """The body of a 401."""
    if not key:
        text = "You didn't provide an API key. Send it in an Authorization header, as in 'Bearer YOUR_KEY'."
    else:
        text = f"Incorrect API key provided: {key[:3]}***{key[-2:] if len(key) > 8 else ''}."
    return error(text, "invalid_request_error", "invalid_api_key")


class _ClientGoneError(Exception):
    """The client closed its connection before the answer was sent whole."""


class _Wire:
    """One request's connection: reads its body, sends its answer, notices when the client goes away."""

    def __init__(self, receive: Receive, send: Send, headers: Headers) -> None:
        self._receive = receive
        self._send = send
        self.headers = headers
        self._gone: asyncio.Task[Message] | None = None

    async def body(self) -> bytes | None:
        """The request's body; None if it is too large. Raises _ClientGoneError if it never comes whole."""
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            return bytes(message.get("body", b""))
        parts = bytearray()
        while message["type"] == "http.request":
            parts += message.get("body", b"")
            if len(parts) > MAX_BODY:
                return None
            if not message.get("more_body"):
                return bytes(parts)
            message = await self._receive()
        raise _ClientGoneError

    async def until(self, moment: float) -> None:
        """Wait for a moment of the monotonic clock; raises _ClientGoneError once the client goes away."""
        wait = moment - time.monotonic()
        if wait <= 0:
            return
        if self._gone is None:
            self._gone = asyncio.ensure_future(self._receive())
        done, _ = await asyncio.wait({self._gone}, timeout=wait)
        if done:
            raise _ClientGoneError

    async def start(self, status: int, headers: Headers) -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": headers + self.headers})

    async def part(self, body: bytes, *, last: bool = False) -> None:
        if self._gone is not None and self._gone.done():
            raise _ClientGoneError
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})

    async def whole(self, status: int, body: bytes, headers: Headers | None = None) -> None:
        """Send an answer in one piece."""
        length = (b"content-length", b"%d" % len(body))
        await self.start(status, [*_JSON, length, *(headers or [])])
        await self.part(body, last=True)

    def close(self) -> None:
        if self._gone is not None:
            self._gone.cancel()


class Chat:
    """Serves `POST /v1/chat/completions`; every other POST to `/v1` is counted here too, as an error."""

    def __init__(self, settings: SimulatorSettings, stats: Stats, clock: Callable[[], float]) -> None:
        now = clock()
        self._clock = clock
        self._stats = stats
        self._behaviour = Behaviour(settings)
        self.gates = {key: KeyGate(settings.rpm, settings.error_rate, now) for key in settings.keys}
        self._serial = itertools.count(1)
        self._nonce = f"{settings.seed & 0xFFFF:04x}"

    def identity(self) -> str:
        """An id that no other request has."""
        return f"{self._nonce}{next(self._serial):012x}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = time.monotonic()
        key = bearer(scope)
        row = self._stats.arrived(key, arrived)
        identity = self.identity()
        wire = _Wire(receive, send, [(b"x-request-id", f"req_{identity}".encode())])
        outcome, right = Outcome.DROPPED, None
        try:
            outcome, right = await self._serve(scope, wire, key, identity, arrived)
        except _ClientGoneError:
            pass
        finally:
            wire.close()
            self._stats.ended(row, outcome, right)

    async def _serve(
        self, scope: Scope, wire: _Wire, key: str, identity: str, arrived: float
    ) -> tuple[Outcome, bool | None]:
        gate = self.gates.get(key)
        admission = gate.admit(self._clock()) if gate is not None else Admission(known=False)
        wire.headers.extend(admission.headers)
        body = await wire.body()
        if gate is None or not admission.known:
            await wire.whole(401, unknown_key(key))
            return Outcome.REFUSED, None
        if admission.retry_after is not None:
            await _throttle(wire, admission.retry_after)
            return Outcome.THROTTLED, None
        request = await _read(scope, wire, body)
        if request is None:
            return Outcome.ERROR, None
        plan = self._behaviour.plan(request.question, gate.error_rate)
        return await self._answer(wire, identity, request, plan, arrived)

    async def _answer(
        self, wire: _Wire, identity: str, request: ChatRequest, plan: Plan, arrived: float
    ) -> tuple[Outcome, bool | None]:
        if plan.fails:
            await wire.until(arrived + plan.times[0])
            text = "The server had an error while processing your request. Sorry about that!"
            await wire.whole(500, error(text, "server_error", None))
            return Outcome.ERROR, None
        created = int(time.time())
        question = request.question
        if request.stream:
            frames = StreamFrames(f"chatcmpl-{identity}", created, question, plan.answer, request.wants_usage)
            await _stream(wire, frames, plan.times, arrived)
        else:
            await wire.until(arrived + plan.times[-1])
            await wire.whole(200, completion(f"chatcmpl-{identity}", created, question, plan.answer))
        return Outcome.OK, plan.answer.right


async def _throttle(wire: _Wire, retry_after: float) -> None:
    """Status 429; both headers are rounded up, so that a request sent then is let in."""
    milliseconds = math.ceil(retry_after * 1000)
    text = f"Rate limit reached for requests. Please try again in {milliseconds / 1000:.3f}s."
    hints: Headers = [
        (b"retry-after", b"%d" % math.ceil(milliseconds / 1000)),
        (b"retry-after-ms", b"%d" % milliseconds),
    ]
    await wire.whole(429, error(text, "requests", "rate_limit_exceeded"), hints)


async def _read(scope: Scope, wire: _Wire, body: bytes | None) -> ChatRequest | None:
    """The request, if it can be served; else its error is sent."""
    kind = "invalid_request_error"
    path = scope["path"].rstrip("/")
    if path != "/v1/chat/completions":
        text = f"Invalid URL (POST {scope['path'][:200]})"
        await wire.whole(404, error(text, kind, "unknown_url"))
    elif body is None:
        await wire.whole(413, error(f"The body is larger than {MAX_BODY} bytes.", kind, None))
    else:
        try:
            return parse_chat(body)
        except BadRequestError as fault:
            await wire.whole(400, error(str(fault), kind, None, fault.param))
    return None


async def _stream(wire: _Wire, frames: StreamFrames, times: tuple[float, ...], arrived: float) -> None:
    """Send each chunk at its time. With no delays everything goes out in one piece."""
    content = frames.content()
    if times[-1] <= 0:
        await wire.start(200, _EVENTS)
        await wire.part(b"".join(content) + frames.end(), last=True)
        return
    await wire.until(arrived + times[0])
    await wire.start(200, _EVENTS)
    for frame, at in zip(content, times, strict=True):
        await wire.until(arrived + at)
        await wire.part(frame)
    await wire.part(frames.end(), last=True)
