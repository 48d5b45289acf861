"""The simulator without a server or a process: requests in any dialect, on a clock that the test holds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Scope

from llmdash.simulator.app import make_app
from llmdash.simulator.settings import SimulatorSettings
from tests.simulated import Reply
from tests.simulator.frames import PATHS, content_of

__all__ = ["KEYS", "InProcess", "exchanged"]

KEYS = ("key-a", "key-b")


class InProcess:
    """Calls the application as a server would. Delays pass in real time, `now` is the time of the limits."""

    def __init__(self, **settings: Any) -> None:
        chosen = {"keys": KEYS, "latency": 0.0, **settings}
        self.settings = SimulatorSettings(**chosen)
        self.now = 0.0
        self.app = make_app(self.settings, clock=lambda: self.now, wall=lambda: 1_767_225_600.0 + self.now)

    async def ask(
        self, dialect: str, text: str = "Tell me of the sea.", /, key: str = "", **fields: Any
    ) -> Reply:
        """Ask in any dialect, with the last key if none is named."""
        body = {"model": "m", **content_of(dialect, text), **fields}
        return await self.send("POST", PATHS[dialect], body, key or self.settings.keys[-1])

    async def report(self, path: str, query: str = "") -> Any:
        """What the control API says."""
        return (await self.send("GET", path, query=query)).json

    @property
    def keys(self) -> tuple[str, ...]:
        return self.settings.keys

    def fetch(
        self, path: str, body: Any = None, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send a request without a loop around it: a POST if there is a body."""
        method = "GET" if body is None else "POST"
        found = dict(headers or {})
        found.setdefault("Authorization", f"Bearer {key or self.keys[0]}")
        path, _, query = path.partition("?")
        return asyncio.run(self.send(method, path, body, query=query, headers=found))

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        key: str = "",
        query: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send any request; the body as JSON, or as it is if it is bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        usual = {"Authorization": f"Bearer {key}", "anthropic-version": "2023-06-01", "x-asked": "yes"}
        pairs = [(name.lower().encode(), value.encode()) for name, value in (headers or usual).items()]
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": pairs,
            "query_string": query.encode(),
        }
        sent = await exchanged(self.app, scope, data)
        names = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        return Reply(sent[0]["status"], names, b"".join(message["body"] for message in sent[1:]))


async def exchanged(app: ASGIApp, scope: Scope, data: bytes) -> list[Message]:
    """What the application sends for a request with this body."""
    sent: list[Message] = []
    waiting: list[Message] = [{"type": "http.request", "body": data}]

    async def receive() -> Message:
        if waiting:
            return waiting.pop()
        # The client stays for as long as the answer takes.
        await asyncio.Event().wait()
        raise AssertionError("nobody sets this event")

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent
