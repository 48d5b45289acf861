"""OpenAI's Responses: `POST /v1/responses`, streamed as typed events with sequence numbers."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from llmdash.simulator.answers import Question, Tool
from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.base import Reply, ServedDialect, decode, encode
from llmdash.simulator.dialects.openai import (
    Limit,
    OpenAIConventions,
    OpenMessage,
    callable_tools,
    schema_of,
    tool_of,
)
from llmdash.simulator.dialects.response_events import ResponseFrames, ResponseWriter
from llmdash.simulator.errors import ServedError
from llmdash.simulator.strictness import strict_responses

__all__ = ["RESPONSES"]

_FIELDS = ("input", "instructions", "model", "stream", "max_output_tokens")


class _Item(OpenMessage):
    """An item of the input: a message, or what came of a call of a tool."""

    type: str = "message"


class _ResponsesRequest(msgspec.Struct):
    """Items of the input that are not messages count as empty ones."""

    model: str
    input: str | Annotated[list[_Item], msgspec.Meta(min_length=1)]
    instructions: str | None = None
    stream: bool | None = False
    max_output_tokens: Limit = None
    previous_response_id: str | None = None
    stream_options: msgspec.Raw | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    text: dict[str, Any] | None = None

    @property
    def streamed(self) -> bool:
        return bool(self.stream)

    @property
    def names_stream_options(self) -> bool:
        return self.stream_options is not None

    def questions(self) -> tuple[Question, ...]:
        items = [_Item("user", self.input)] if isinstance(self.input, str) else self.input
        before = [("system", self.instructions)] if self.instructions else []
        messages = (*before, *[(item.role, item.flat()) for item in items])
        form = (self.text or {}).get("format")
        return (
            Question(
                self.model,
                messages,
                self.max_output_tokens,
                self.streamed,
                self._tools(items),
                schema_of(form if isinstance(form, dict) else None),
                sum([item.parts for item in items]),
            ),
        )

    def _tools(self, items: list[_Item]) -> tuple[Tool, ...]:
        if not self.tools:
            return ()
        tools = [tool for tool in map(tool_of, self.tools) if tool is not None]
        results = [item.type == "function_call_output" for item in items]
        return callable_tools(tools, self.tool_choice, any(results), results[-1])

    def whole(self, reply: Reply) -> bytes:
        return encode(ResponseWriter(reply, self.instructions, self.max_output_tokens).finished())

    def frames(self, reply: Reply) -> ResponseFrames:
        return ResponseFrames(ResponseWriter(reply, self.instructions, self.max_output_tokens))


_decoder = msgspec.json.Decoder(_ResponsesRequest)


def _read(body: bytes, headers: Headers) -> _ResponsesRequest:
    request: _ResponsesRequest = decode(_decoder, body, _FIELDS)
    if request.previous_response_id is not None:
        # True of every id: nothing is stored.
        text = f"Previous response with id '{request.previous_response_id[:100]}' not found."
        raise ServedError(400, text, "previous_response_id", "previous_response_not_found")
    return request


RESPONSES = ServedDialect("responses", OpenAIConventions(), _read, strict_responses)
"""OpenAI's Responses."""
