"""Chat completions: `POST /v1/chat/completions`."""

from __future__ import annotations

from typing import Annotated

import msgspec

from llmdash.simulator.answers import Question
from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.base import THOUGHT, Reply, ServedDialect, decode, encode
from llmdash.simulator.dialects.chunked import ChunkFrames, ChunkShape, chunk_frames, usage_fields
from llmdash.simulator.dialects.openai import Limit, OpenAIConventions, OpenMessage, StreamOptions

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


class _ChatRequest(msgspec.Struct):
    model: str
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: Limit = None
    max_completion_tokens: Limit = None

    @property
    def streamed(self) -> bool:
        return bool(self.stream)

    @property
    def names_stream_options(self) -> bool:
        return self.stream_options is not None

    def questions(self) -> tuple[Question, ...]:
        messages = tuple((message.role, message.flat()) for message in self.messages)
        most = self.max_completion_tokens or self.max_tokens
        return (Question(self.model, messages, most, self.streamed),)

    def whole(self, reply: Reply) -> bytes:
        message = {"role": "assistant", "content": reply.answers[0].text, "refusal": None}
        for name in reply.compat.reasoning_fields:
            message[name] = "".join(THOUGHT)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish_reason()}
        return encode(
            {
                "id": f"chatcmpl-{reply.identity}",
                "object": "chat.completion",
                "created": reply.created,
                "model": reply.model,
                "choices": [choice],
                **usage_fields(reply),
                "system_fingerprint": "fp_simulator",
            }
        )

    def frames(self, reply: Reply) -> ChunkFrames:
        wants_usage = self.stream_options is not None and self.stream_options.include_usage
        return chunk_frames(reply, _SHAPE, wants_usage)


_decoder = msgspec.json.Decoder(_ChatRequest)


def _read(body: bytes, headers: Headers) -> _ChatRequest:
    request: _ChatRequest = decode(_decoder, body, _FIELDS)
    return request


CHAT = ServedDialect(OpenAIConventions(), _read)
"""OpenAI's chat completions."""
