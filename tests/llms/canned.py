"""A network that answers from memory: what was sent is kept, what comes back is given piece by piece."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import httpx

from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.transport.timeouts import Timeouts

KEY = "sk-canary-0123456789abcdefghij"
DONE = b"data: [DONE]\n\n"


class Body(httpx.AsyncByteStream):
    """The given pieces; an exception among them is raised in its turn, a number is seconds to wait."""

    def __init__(self, pieces: Iterable[bytes | Exception | float]) -> None:
        self._pieces = pieces
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, bytes):
                yield piece
            else:
                await asyncio.sleep(piece)

    async def aclose(self) -> None:
        self.closed = True


class Canned(httpx.AsyncBaseTransport):
    """Gives its answers one after the other, the last one for ever, and keeps the requests."""

    def __init__(self, *answers: Callable[[], httpx.Response]) -> None:
        self.answers = answers
        self.requests: list[httpx.Request] = []
        self.given: list[httpx.Response] = []
        self.asked = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.given.append(self.answers[min(len(self.requests), len(self.answers)) - 1]())
        self.asked.set()
        return self.given[-1]

    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests]


def answer(
    *pieces: bytes | Exception | float, status: int = 200, **headers: str
) -> Callable[[], httpx.Response]:
    """An answer of these pieces; header names are written with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: httpx.Response(status, headers=named, stream=Body(pieces))


def endless(pieces: Callable[[], Iterable[bytes | float]], status: int = 200) -> Callable[[], httpx.Response]:
    """An answer whose pieces are made anew for each request, as they are asked for."""
    return lambda: httpx.Response(status, stream=Body(pieces()))


def document(content: Any, status: int = 200, **headers: str) -> Callable[[], httpx.Response]:
    return answer(json.dumps(content).encode(), status=status, content_type="application/json", **headers)


def event(content: Any) -> bytes:
    return b"data: " + json.dumps(content).encode() + b"\n\n"


def chunk(text: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One chunk of a chat completion; `more` goes beside its choices."""
    delta = {} if text is None else {"content": text}
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more})


def part(**fields: Any) -> bytes:
    """One chunk whose delta has these fields."""
    return event({"choices": [{"index": 0, "delta": fields, "finish_reason": None}]})


def usage(asked: int, said: int) -> bytes:
    return event({"choices": [], "usage": {"prompt_tokens": asked, "completion_tokens": said}})


def chat(
    transport: httpx.AsyncBaseTransport, *, timeouts: Timeouts | None = None, **options: Any
) -> ChatOpenAI:
    options.setdefault("base_url", "https://llm.test/v1")
    options.setdefault("max_retries", 0)
    client = HttpClient(timeouts=timeouts, transport=transport)
    return ChatOpenAI("m", api_key=KEY, client=client, **options)
