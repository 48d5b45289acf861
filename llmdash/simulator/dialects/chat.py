"""Chat completions: `POST /v1/chat/completions`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from llmdash.simulator.answers import Question, Tool
from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.base import Reply, ServedDialect, decode
from llmdash.simulator.dialects.chunked import ChunkedRequest, ChunkFrames, ChunkShape, call_of
from llmdash.simulator.dialects.openai import (
    Limit,
    OpenAIConventions,
    OpenMessage,
    callable_tools,
    schema_of,
    tool_of,
)
from llmdash.simulator.strictness import strict_chat

__all__ = ["CHAT"]

_SHAPE = ChunkShape(
    prefix="chatcmpl-",
    object="chat.completion.chunk",
    before=b'"delta":{"content":',
    after=b"}",
    empty=b'"delta":{}',
    role=b'"delta":{"role":"assistant","content":"","refusal":null}',
)
_FIELDS = ("messages", "model", "stream", "max_tokens", "max_completion_tokens")


class _Message(OpenMessage):
    role: str = msgspec.field()


class _DescribedTool(msgspec.Struct):
    type: str = "function"
    function: dict[str, Any] | None = None


class _ChatRequest(ChunkedRequest, kw_only=True):
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    max_tokens: Limit = None
    max_completion_tokens: Limit = None
    tools: list[_DescribedTool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None

    def questions(self) -> tuple[Question, ...]:
        messages = tuple([(message.role, message.flat()) for message in self.messages])
        most = self.max_completion_tokens or self.max_tokens
        return (
            Question(
                self.model,
                messages,
                most,
                self.streamed,
                self._tools() if self.tools else (),
                schema_of(self.response_format, "json_schema"),
                sum([message.parts for message in self.messages]),
            ),
        )

    def _tools(self) -> tuple[Tool, ...]:
        described = [tool.function for tool in self.tools or () if tool.function is not None]
        tools = [tool for tool in map(tool_of, described) if tool is not None]
        results = [message.role == "tool" for message in self.messages]
        return callable_tools(tools, self.tool_choice, any(results), results[-1])

    def whole(self, reply: Reply) -> bytes:
        answer = reply.answers[0]
        message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
        if answer.calls:
            message["content"] = answer.text or None
            message["tool_calls"] = [
                call_of(call, reply, place, call.arguments) for place, call in enumerate(answer.calls)
            ]
        if answer.reasoning:
            message.update(dict.fromkeys(reply.compat.reasoning_fields, "".join(answer.reasoning)))
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish_reason()}
        return self.body(reply, _SHAPE, "chat.completion", [choice])

    def frames(self, reply: Reply) -> ChunkFrames:
        return self.chunks(reply, _SHAPE)


_decoder = msgspec.json.Decoder(_ChatRequest)


def _read(body: bytes, headers: Headers) -> _ChatRequest:
    request: _ChatRequest = decode(_decoder, body, _FIELDS)
    return request


CHAT = ServedDialect("chat", OpenAIConventions(), _read, strict_chat)
"""OpenAI's chat completions."""
