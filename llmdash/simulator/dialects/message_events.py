"""Anthropic's message and its events: blocks of thinking, of text, and uses of tools."""

from __future__ import annotations

from typing import Any

import msgspec

from llmdash.simulator.dialects.anthropic_conventions import AnthropicConventions
from llmdash.simulator.dialects.base import Reply, Segment, encode, encode_each, event, laid_out, segments
from llmdash.simulator.errors import ServedError

__all__ = ["MessageFrames", "whole_message"]

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_DELTAS = {
    "text": b'"text_delta","text"',
    "reasoning": b'"thinking_delta","thinking"',
    "call": b'"input_json_delta","partial_json"',
}
_SIGNATURE = "c2lt"


def _block(part: Segment, reply: Reply, text: str) -> dict[str, Any]:
    """A block of a message, with the text that it has so far."""
    if part.kind == "reasoning":
        return {"type": "thinking", "thinking": text, "signature": _SIGNATURE if text else ""}
    if part.kind == "call":
        called = {"id": f"toolu_{reply.identity}{part.place}", "name": part.name}
        return {"type": "tool_use", **called, "input": msgspec.json.decode(text) if text else {}}
    return {"type": "text", "text": text}


def whole_message(reply: Reply) -> bytes:
    """Return the body of a plain answer."""
    content = [_block(part, reply, part.text) for part in segments(reply.answers[0])]
    return encode(_message(reply, content, _stop_reason(reply), reply.spent.output))


def _message(reply: Reply, content: list[dict[str, Any]], reason: str | None, output: int) -> dict[str, Any]:
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
        message["usage"] = _usage(reply, output)
    return message


def _stop_reason(reply: Reply) -> str | None:
    reason = reply.finish_reason()
    return reason if reason is None else _STOP_REASONS.get(reason, reason)


def _usage(reply: Reply, output: int) -> dict[str, int]:
    """The tokens; those of the input are without those of the cache."""
    spent = reply.spent
    return {
        "input_tokens": spent.input - spent.cached - spent.written,
        "cache_creation_input_tokens": spent.written,
        "cache_read_input_tokens": spent.cached,
        "output_tokens": output,
    }


def _event(kind: str, **fields: Any) -> bytes:
    return event(kind, encode({"type": kind, **fields}))


class MessageFrames:
    """The events of one streamed message: a block each for its reasoning, its text, its calls of tools."""

    opening_share = 0.3
    """The message is announced well before its text begins."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._parts = segments(reply.answers[0])
        self._chunks, self._closing = laid_out(self._parts, self._begin, self._pieces, self._finish)

    def opening(self) -> bytes:
        start = _event("message_start", message=_message(self._reply, [], None, 1))
        return start + self._begin(self._parts[0]) + _event("ping")

    def _begin(self, part: Segment) -> bytes:
        return _event("content_block_start", index=part.place, content_block=_block(part, self._reply, ""))

    def _pieces(self, part: Segment) -> list[bytes]:
        before = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,' % part.place
        before += b'"delta":{"type":%b:' % _DELTAS[part.kind]
        return [before + text + b"}}\n\n" for text in encode_each(part.pieces)]

    def _finish(self, part: Segment) -> bytes:
        signed = b""
        if part.kind == "reasoning":
            delta = {"type": "signature_delta", "signature": _SIGNATURE}
            signed = _event("content_block_delta", index=part.place, delta=delta)
        return signed + _event("content_block_stop", index=part.place)

    def chunks(self, index: int) -> list[bytes]:
        return self._chunks

    def end(self) -> bytes:
        delta = {"stop_reason": _stop_reason(self._reply), "stop_sequence": None}
        spent = {}
        if not self._reply.compat.no_usage:
            spent = {"usage": _usage(self._reply, self._reply.spent.output)}
        return self._closing + _event("message_delta", delta=delta, **spent) + _event("message_stop")

    def error(self, error: ServedError, sent: int) -> bytes:
        return event("error", AnthropicConventions().error(error, self._reply.identity))
