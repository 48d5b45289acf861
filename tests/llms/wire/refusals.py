"""One refusal in all the ways in which it can arrive: as an error response, in a 200, in a stream; in every
dialect.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from llmdash.llms import Failure
from llmdash.llms.anthropic import ChatAnthropic
from llmdash.llms.base import LLM
from llmdash.llms.completions import OpenAI
from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.transport.http import HttpClient
from tests.llms.canned import DONE, KEY, Canned, answer, chunk, event
from tests.llms.wire.wires import (
    MESSAGE_START,
    MESSAGE_STOP,
    completion,
    message,
    message_end,
    response,
    said,
    text_delta,
    typed,
)


class Speech(NamedTuple):
    """How a dialect says a text: in pieces, as a document."""

    make: Callable[..., LLM[Any, Any]]
    before: bytes
    piece: Callable[[str], bytes]
    after: bytes
    document: Callable[[str], dict[str, Any]]


def _made(kind: Callable[..., LLM[Any, Any]], **more: Any) -> Callable[..., LLM[Any, Any]]:
    def make(transport: httpx.AsyncBaseTransport, **settings: Any) -> LLM[Any, Any]:
        settings = {"max_retries": 0, "base_url": "https://llm.test/v1", "api_key": KEY, **more, **settings}
        client = settings.pop("client", None) or HttpClient(transport=transport)
        return kind("m", client=client, **settings)

    return make


def _chat(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}]}


def _completed(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "text": text, "finish_reason": "stop"}]}


SPEECH = {
    "chat": Speech(_made(ChatOpenAI), b"", chunk, chunk("", "stop") + DONE, _chat),
    "completions": Speech(_made(OpenAI), b"", completion, completion("", "stop") + DONE, _completed),
    "responses": Speech(
        _made(ChatOpenAI, use_responses_api=True),
        b"",
        said,
        typed("response.completed", response=response(text="")),
        lambda text: response(text=text),
    ),
    "messages": Speech(
        _made(ChatAnthropic),
        MESSAGE_START,
        text_delta,
        message_end() + MESSAGE_STOP,
        lambda text: message(text=text),
    ),
}


def in_stream(dialect: str, error: dict[str, Any]) -> bytes:
    """`error` as an event of a stream."""
    if dialect == "responses":
        return typed("error", **{name: value for name, value in error.items() if name != "type"})
    if dialect == "messages":
        return typed("error", error=error)
    return event({"error": error})


class Way(NamedTuple):
    """`send(status, error)` is what a server sends: with that status, or inside a 200."""

    dialect: str
    streaming: bool
    inside: bool
    send: Callable[[int, dict[str, Any]], Callable[[], httpx.Response]]


def _ways() -> Iterator[Way]:
    for dialect in SPEECH:
        for streaming in (True, False):
            yield Way(dialect, streaming, False, lambda status, error: _document(status, error))
        yield Way(dialect, False, True, lambda status, error: _document(200, error))
        streamed = lambda status, error, dialect=dialect: answer(in_stream(dialect, error))  # noqa: E731
        yield Way(dialect, True, True, streamed)


def _document(status: int, error: dict[str, Any]) -> Callable[[], httpx.Response]:
    return answer(json.dumps({"error": error}).encode(), status=status)


WAYS = list(_ways())
WITH_STATUS = [way for way in WAYS if not way.inside]


async def refused(
    way: Way, status: int, error: dict[str, Any], prompt: str = "hi", **settings: Any
) -> Failure:
    """The Failure of a call that is refused in this way."""
    llm = SPEECH[way.dialect].make(Canned(way.send(status, error)), streaming=way.streaming, **settings)
    with pytest.raises(Failure) as caught:
        await llm.ainvoke(prompt)
    return caught.value
