"""Chat completions: `POST /v1/chat/completions`."""

from __future__ import annotations

from typing import Annotated

import msgspec

from llmdash.simulator.answers import Question
from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.base import THOUGHT, Reply, ServedDialect, decode
from llmdash.simulator.dialects.chunked import ChunkedRequest, ChunkFrames, ChunkShape
from llmdash.simulator.dialects.openai import Limit, OpenAIConventions, OpenMessage

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


class _ChatRequest(ChunkedRequest, kw_only=True):
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    max_tokens: Limit = None
    max_completion_tokens: Limit = None

    def questions(self) -> tuple[Question, ...]:
        messages = tuple((message.role, message.flat()) for message in self.messages)
        most = self.max_completion_tokens or self.max_tokens
        return (Question(self.model, messages, most, self.streamed),)

    def whole(self, reply: Reply) -> bytes:
        message = {"role": "assistant", "content": reply.answers[0].text, "refusal": None}
        for name in reply.compat.reasoning_fields:
            message[name] = "".join(THOUGHT)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish_reason()}
        return self.body(reply, _SHAPE, "chat.completion", [choice])

    def frames(self, reply: Reply) -> ChunkFrames:
        return self.chunks(reply, _SHAPE)


_decoder = msgspec.json.Decoder(_ChatRequest)


def _read(body: bytes, headers: Headers) -> _ChatRequest:
    request: _ChatRequest = decode(_decoder, body, _FIELDS)
    return request


CHAT = ServedDialect(OpenAIConventions(), _read)
"""OpenAI's chat completions."""
