"""Reading a stream of server-sent events off the raw bytes of an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from tests.simulated import Reply

__all__ = ["PATHS", "Event", "Fetching", "ask", "content_of", "events_of"]

PATHS = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
}
"""The path of each dialect that asks a model."""


class Fetching(Protocol):
    """A simulator, in a process of its own or here."""

    @property
    def keys(self) -> tuple[str, ...]: ...

    def fetch(
        self, path: str, body: Any = None, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply: ...


class Event(NamedTuple):
    """One event: its name (empty if it has none), and its data (text if it is not JSON)."""

    name: str
    data: Any


def events_of(reply: Reply) -> list[Event]:
    """The events of a streamed answer; the body has to end with one that is whole."""
    assert reply.headers["content-type"].startswith("text/event-stream"), reply
    assert reply.body.endswith(b"\n\n")
    return [_event(frame) for frame in reply.body.decode().removesuffix("\n\n").split("\n\n")]


def _event(frame: str) -> Event:
    fields = dict(line.split(": ", 1) for line in frame.split("\n"))
    data = fields["data"]
    return Event(fields.get("event", ""), data if data == "[DONE]" else json.loads(data))


def ask(running: Fetching, dialect: str, text: str, /, key: str | None = None, **fields: Any) -> Reply:
    """Ask the same in any dialect."""
    key = key or running.keys[0]
    headers = {"Authorization": f"Bearer {key}"}
    if dialect == "messages":
        headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
    body = {"model": "m", **content_of(dialect, text), **fields}
    return running.fetch(PATHS[dialect], body, headers=headers)


def content_of(dialect: str, text: str) -> dict[str, Any]:
    """The fields of a request that say `text`."""
    if dialect == "completions":
        return {"prompt": text}
    if dialect == "responses":
        return {"input": text}
    messages = [{"role": "user", "content": text}]
    return {"max_tokens": 500, "messages": messages} if dialect == "messages" else {"messages": messages}
