"""Completions, the older format: `POST /v1/completions`, a prompt or a list of them, a choice for each."""

from __future__ import annotations

from typing import Annotated

import msgspec

from llmdash.simulator.answers import Question
from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.base import Reply, ServedDialect, decode
from llmdash.simulator.dialects.chunked import ChunkedRequest, ChunkFrames, ChunkShape
from llmdash.simulator.dialects.openai import Limit, OpenAIConventions
from llmdash.simulator.errors import ServedError
from llmdash.simulator.strictness import strict_completions

__all__ = ["COMPLETIONS"]

_SHAPE = ChunkShape(
    prefix="cmpl-", object="text_completion", before=b'"text":', after=b"", empty=b'"text":""'
)
_FIELDS = ("prompt", "model", "stream", "max_tokens", "n")
_Prompts = Annotated[list[str], msgspec.Meta(min_length=1)]
_MOST_CHOICES = 2048


class _CompletionRequest(ChunkedRequest, kw_only=True):
    """Prompts are text; `n` choices each. Without `max_tokens` an answer is not cut."""

    prompt: str | _Prompts
    max_tokens: Limit = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None

    def questions(self) -> tuple[Question, ...]:
        prompts = [self.prompt] if isinstance(self.prompt, str) else self.prompt
        return tuple(
            Question(self.model, (("user", prompt),), self.max_tokens, self.streamed)
            for prompt in prompts
            for _ in range(self.n or 1)
        )

    def whole(self, reply: Reply) -> bytes:
        choices = [
            {
                "text": answer.text,
                "index": index,
                "logprobs": None,
                "finish_reason": reply.finish_reason(index),
            }
            for index, answer in enumerate(reply.answers)
        ]
        return self.body(reply, _SHAPE, "text_completion", choices)

    def frames(self, reply: Reply) -> ChunkFrames:
        return self.chunks(reply, _SHAPE)


_decoder = msgspec.json.Decoder(_CompletionRequest)


def _read(body: bytes, headers: Headers) -> _CompletionRequest:
    request: _CompletionRequest = decode(_decoder, body, _FIELDS)
    if isinstance(request.prompt, list) and len(request.prompt) * (request.n or 1) > _MOST_CHOICES:
        raise ServedError(
            400, f"More than {_MOST_CHOICES} choices in one request; send fewer prompts.", "prompt"
        )
    return request


COMPLETIONS = ServedDialect("completions", OpenAIConventions(), _read, strict_completions)
"""OpenAI's text completions."""
