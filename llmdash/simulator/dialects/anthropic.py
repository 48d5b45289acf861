"""Anthropic's messages: `POST /v1/messages` (its published API reference, version 2023-06-01)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec

from llmdash.simulator.answers import Question
from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.base import (
    THOUGHT,
    Fault,
    Reply,
    ServedDialect,
    decode,
    encode,
    encode_each,
    event,
)
from llmdash.simulator.dialects.openai import bearer
from llmdash.simulator.limits import LimitsLeft

__all__ = ["MESSAGES", "AnthropicConventions"]

_FIELDS = ("max_tokens", "messages", "system", "model", "stream")
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", None: None}
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class AnthropicConventions:
    """Keys in `x-api-key` or as a bearer token, errors as `{"type": "error", "error": {...}}`."""

    identity_header = b"request-id"

    def key(self, headers: Headers) -> str:
        for name, value in headers:
            if name == b"x-api-key":
                return value.decode("latin-1").strip()
        return bearer(headers)

    def unknown_key(self, key: str) -> Fault:
        return Fault(401, "invalid x-api-key" if key else "x-api-key header is required")

    def failure(self, overloaded: bool) -> Fault:
        return Fault(529, "Overloaded") if overloaded else Fault(500, "Internal server error")

    def error(self, fault: Fault, identity: str) -> bytes:
        body = {"type": _KINDS.get(fault.status, "api_error"), "message": str(fault)}
        return encode({"type": "error", "error": body, "request_id": f"req_{identity}"})

    def hints(self, limits_left: LimitsLeft, wall: float) -> Headers:
        """Return the headers; the one token limit is that of the input, of the output, and of both."""
        headers: Headers = []
        tokens = limits_left.tokens
        for name, level in (
            (b"requests", limits_left.requests),
            (b"tokens", tokens),
            (b"input-tokens", tokens),
            (b"output-tokens", tokens),
        ):
            if level is not None:
                headers += [
                    (b"anthropic-ratelimit-" + name + b"-limit", b"%d" % level.limit),
                    (b"anthropic-ratelimit-" + name + b"-remaining", b"%d" % level.remaining),
                    (b"anthropic-ratelimit-" + name + b"-reset", _moment(wall + level.reset_s)),
                ]
        return headers

    def rest(self, seconds: float) -> Headers:
        return [(b"retry-after", b"%d" % math.ceil(seconds))]


def _moment(wall: float) -> bytes:
    """A Unix time in the format of RFC 3339, in UTC, rounded up to whole seconds."""
    return datetime.fromtimestamp(math.ceil(wall), UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()


class _Part(msgspec.Struct):
    type: str
    text: str = ""


def _flat(content: str | list[_Part]) -> str:
    return content if isinstance(content, str) else "".join(part.text for part in content)


class _Message(msgspec.Struct):
    role: Literal["user", "assistant"]
    content: str | list[_Part]


class _MessagesRequest(msgspec.Struct):
    model: str
    max_tokens: Annotated[int, msgspec.Meta(ge=1)]
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    system: str | list[_Part] | None = None
    stream: bool | None = False

    @property
    def streamed(self) -> bool:
        return bool(self.stream)

    @property
    def names_stream_options(self) -> bool:
        return False

    def questions(self) -> tuple[Question, ...]:
        before = [("system", _flat(self.system))] if self.system else []
        said = [(message.role, _flat(message.content)) for message in self.messages]
        return (Question(self.model, (*before, *said), self.max_tokens, self.streamed),)

    def whole(self, reply: Reply) -> bytes:
        content: list[dict[str, str]] = [{"type": "text", "text": reply.answers[0].text}]
        if reply.compat.reasoning_fields:
            content.insert(0, {"type": "thinking", "thinking": "".join(THOUGHT), "signature": "c2lt"})
        reason = _STOP_REASONS[reply.finish_reason()]
        return encode(_message(reply, content, reason, reply.output_tokens))

    def frames(self, reply: Reply) -> _MessageFrames:
        return _MessageFrames(reply)


def _message(reply: Reply, content: list[dict[str, str]], reason: str | None, output: int) -> dict[str, Any]:
    message: dict[str, Any] = {
        "id": f"msg_{reply.identity}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
    }
    if not reply.compat.no_usage:
        message["usage"] = {
            "input_tokens": reply.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output,
        }
    return message


def _event(kind: str, **fields: Any) -> bytes:
    return event(kind, encode({"type": kind, **fields}))


@dataclass(frozen=True, slots=True)
class _MessageFrames:
    """The events of one streamed message; a thinking block comes before the text if there is reasoning."""

    reply: Reply

    @property
    def opening_share(self) -> float:
        """The message is announced well before its text begins."""
        return 0.3

    @property
    def _text_index(self) -> int:
        return 1 if self.reply.compat.reasoning_fields else 0

    def opening(self) -> bytes:
        start = _event("message_start", message=_message(self.reply, [], None, 1))
        block = {"type": "text", "text": ""}
        begin = _event("content_block_start", index=self._text_index, content_block=block)
        return start + self._thinking() + begin + _event("ping")

    def _thinking(self) -> bytes:
        if not self.reply.compat.reasoning_fields:
            return b""
        block = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": thought} for thought in THOUGHT]
        deltas.append({"type": "signature_delta", "signature": "c2lt"})
        return b"".join(
            [
                _event("content_block_start", index=0, content_block=block),
                *(_event("content_block_delta", index=0, delta=delta) for delta in deltas),
                _event("content_block_stop", index=0),
            ]
        )

    def chunks(self, index: int) -> list[bytes]:
        before = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,' % self._text_index
        )
        before += b'"delta":{"type":"text_delta","text":'
        return [before + text + b"}}\n\n" for text in encode_each(self.reply.answers[index].chunks)]

    def end(self) -> bytes:
        delta = {"stop_reason": _STOP_REASONS[self.reply.finish_reason()], "stop_sequence": None}
        spent = {} if self.reply.compat.no_usage else {"usage": {"output_tokens": self.reply.output_tokens}}
        return (
            _event("content_block_stop", index=self._text_index)
            + _event("message_delta", delta=delta, **spent)
            + _event("message_stop")
        )

    def error(self, fault: Fault, sent: int) -> bytes:
        return event("error", AnthropicConventions().error(fault, self.reply.identity))


_decoder = msgspec.json.Decoder(_MessagesRequest)


def _read(body: bytes, headers: Headers) -> _MessagesRequest:
    if not any(name == b"anthropic-version" and value for name, value in headers):
        raise Fault(400, "anthropic-version: header is required")
    request: _MessagesRequest = decode(_decoder, body, _FIELDS)
    return request


MESSAGES = ServedDialect(AnthropicConventions(), _read)
"""Anthropic's messages."""
