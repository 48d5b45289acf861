"""One request's connection: reads its body, sends the response, notices when the client disconnects."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

__all__ = [
    "MAX_BODY",
    "WIRE",
    "ClientGoneError",
    "Connection",
    "Headers",
    "KeptAnswer",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "Wire",
]

MAX_BODY = 16 * 1024 * 1024
"""The maximum size of a request body in bytes; larger ones get status 413."""

Headers = list[tuple[bytes, bytes]]
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

WIRE = "llmdash.wire"
"""The name of the extension of a scope that is the Wire below the request, where there is one."""

_EVENTS: Headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]


class Wire(Protocol):
    """The transport below a request, for what no HTTP server sends."""

    @property
    def closing(self) -> bool:
        """True once the connection is lost, or being closed."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes past the server, which then sends nothing."""

    def close(self) -> None:
        """Close the connection when everything is sent."""


class ClientGoneError(Exception):
    """The client closed its connection before the whole response was sent."""


class Connection:
    """The ASGI side of one request. `headers` are sent with every response; `wire` is what it comes on."""

    def __init__(self, receive: Receive, send: Send, headers: Headers, wire: Wire | None = None) -> None:
        self._receive = receive
        self._send = send
        self._wire = wire
        self.headers = headers
        self._gone: asyncio.Task[Message] | None = None

    async def body(self) -> bytes | None:
        """Return the request's body; None if it is too large. Raises ClientGoneError if it is cut."""
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
        raise ClientGoneError

    def wrap(self, around: Callable[[Send], Send]) -> None:
        """Send everything from now on through what `around` returns."""
        self._send = around(self._send)

    async def until(self, moment: float) -> None:
        """Wait until `moment` of the monotonic clock. Raises ClientGoneError once the client disconnects."""
        wait = moment - time.monotonic()
        if wait <= 0:
            return
        if self._gone is None:
            self._gone = asyncio.ensure_future(self._receive())
        done, _ = await asyncio.wait({self._gone}, timeout=wait)
        if done:
            raise ClientGoneError

    async def start(self, status: int, headers: Headers) -> None:
        """Send the status and the headers."""
        await self._send({"type": "http.response.start", "status": status, "headers": headers + self.headers})

    async def start_events(self) -> None:
        """Start a stream of server-sent events."""
        await self.start(200, _EVENTS)

    async def part(self, body: bytes, *, last: bool = False) -> None:
        """Send a piece of the body."""
        if self._gone is not None and self._gone.done():
            raise ClientGoneError
        # A killed client is first noticed by the transport, which complains about further writes.
        if self._wire is not None and self._wire.closing:
            raise ClientGoneError
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})

    async def whole(self, status: int, body: bytes, content_type: bytes = b"application/json") -> None:
        """Send a response in one piece."""
        about = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
        await self.start(status, about)
        await self.part(body, last=True)

    def close(self) -> None:
        """Stop listening for the client."""
        if self._gone is not None:
            self._gone.cancel()


class KeptAnswer(Connection):
    """The answer to a request that came on no connection: it is kept, and there when it is asked for."""

    def __init__(self) -> None:
        super().__init__(_nobody, self._keep, [])
        self.status = 0
        self.content = bytearray()

    async def _keep(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.content += message["body"]

    async def until(self, moment: float) -> None:
        """Return at once: nobody waits for it."""


async def _nobody() -> Message:
    return {"type": "http.request", "body": b""}
