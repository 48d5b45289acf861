"""Answers of each dialect as bytes, in the shapes of the published references."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx

from llmdash.llms.anthropic import ChatAnthropic
from llmdash.llms.base import LLM
from llmdash.llms.completions import OpenAI
from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.transport.http import HttpClient
from tests.llms.canned import DONE, KEY


def typed(kind: str, **fields: Any) -> bytes:
    """An event that is named in its header and in its data."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def completion(text: str = "", finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
    return (
        b"data: " + json.dumps({"object": "text_completion", "choices": [choice], **more}).encode() + b"\n\n"
    )


def said(text: str) -> bytes:
    """A piece of text of the Responses API."""
    return typed("response.output_text.delta", item_id="m", output_index=0, content_index=0, delta=text)


def response(status: str | None = "completed", text: str = "Hello", **more: Any) -> dict[str, Any]:
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    usage = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
    return {"object": "response", "status": status, "output": [item], "usage": usage, **more}


def text_delta(text: str) -> bytes:
    """A piece of text of the Messages API."""
    return typed("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def message(reason: str | None = "end_turn", text: str = "Hello", **usage: int) -> dict[str, Any]:
    return {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": text}],
        "stop_reason": reason,
        "usage": {"input_tokens": 5, "output_tokens": 2, **usage},
    }


MESSAGE_START = typed("message_start", message={**message(None), "content": []})
MESSAGE_STOP = typed("message_stop")


def message_end(reason: str | None = "end_turn", **usage: int) -> bytes:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return typed("message_delta", delta=delta, usage={"output_tokens": 2, **usage})


class Wire(NamedTuple):
    """A dialect: what makes its model, a stream that says `Hello` (usage 5 and 2), the same as a document, a
    piece with the text `Hel` that more must follow, and its error inside a stream.
    """

    make: Callable[..., LLM]
    stream: tuple[bytes, ...]
    document: bytes
    beginning: bytes
    error: bytes
    finish: str


def _made(kind: Callable[..., LLM], **more: Any) -> Callable[..., LLM]:
    def make(transport: httpx.AsyncBaseTransport, **settings: Any) -> LLM:
        client = HttpClient(transport=transport)
        settings = {"max_retries": 0, "base_url": "https://llm.test/v1", **more, **settings}
        return kind("m", api_key=KEY, client=client, **settings)

    return make


ERROR = {"type": "overloaded_error", "code": "overloaded", "message": "too busy"}

WIRES = {
    "completions": Wire(
        _made(OpenAI),
        (
            completion("Hel"),
            completion("lo"),
            completion("", "stop"),
            b'data: {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}\n\n',
            DONE,
        ),
        json.dumps(
            {
                "choices": [{"index": 0, "text": "Hello", "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 5, "completion_tokens": 2},
            }
        ).encode(),
        completion("Hel"),
        b"data: " + json.dumps({"error": ERROR}).encode() + b"\n\n",
        "stop",
    ),
    "responses": Wire(
        _made(ChatOpenAI, use_responses_api=True),
        (
            typed("response.created", response=response("in_progress", "", output=[], usage=None)),
            typed("response.output_item.added", output_index=0, item={"type": "message", "content": []}),
            said("Hel"),
            said("lo"),
            typed("response.output_text.done", text="Hello"),
            typed("response.completed", response=response()),
        ),
        json.dumps(response()).encode(),
        said("Hel"),
        typed("error", code="overloaded", message="too busy", param=None),
        "stop",
    ),
    "messages": Wire(
        _made(ChatAnthropic),
        (
            MESSAGE_START,
            typed("content_block_start", index=0, content_block={"type": "text", "text": ""}),
            typed("ping"),
            text_delta("Hel"),
            text_delta("lo"),
            typed("content_block_stop", index=0),
            message_end(),
            MESSAGE_STOP,
        ),
        json.dumps(message()).encode(),
        MESSAGE_START + text_delta("Hel"),
        b"event: error\ndata: " + json.dumps({"type": "error", "error": ERROR}).encode() + b"\n\n",
        "end_turn",
    ),
}
