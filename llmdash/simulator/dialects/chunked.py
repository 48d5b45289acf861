"""Streams of chunks with choices, as chat completions and completions have them."""

from __future__ import annotations

from typing import Any

import msgspec

from llmdash.lean_dataclass import dataclass
from llmdash.simulator.answers import ToolCall
from llmdash.simulator.dialects.base import Reply, encode, encode_each
from llmdash.simulator.dialects.openai import DONE, OpenAIConventions, StreamOptions
from llmdash.simulator.errors import ServedError

__all__ = ["ChunkFrames", "ChunkShape", "ChunkedRequest", "call_of", "usage"]


@dataclass(frozen=True, slots=True)
class ChunkShape:
    """What a dialect's chunks look like, as JSON within a choice.

    A text goes between `before` and `after`; `empty` is a choice without text; `role` is the first chunk's
    choice, before there is text, if there is one.
    """

    prefix: str
    object: str
    before: bytes
    after: bytes
    empty: bytes
    role: bytes = b""


def usage(reply: Reply) -> dict[str, Any]:
    """Return the tokens of a reply, by OpenAI's names; details only where there are any."""
    spent = reply.spent
    total = spent.total if spent.total is not None else spent.input + spent.output
    found: dict[str, Any] = {
        "prompt_tokens": spent.input,
        "completion_tokens": spent.output,
        "total_tokens": total,
    }
    if spent.cached:
        found["prompt_tokens_details"] = {"cached_tokens": spent.cached}
    if spent.reasoning:
        found["completion_tokens_details"] = {"reasoning_tokens": spent.reasoning}
    return found


def call_of(call: ToolCall, reply: Reply, place: int, arguments: str) -> dict[str, Any]:
    """Return a call of a tool as a message has it."""
    function = {"name": call.name, "arguments": arguments}
    return {"id": f"call_{reply.identity}{place}", "type": "function", "function": function}


class ChunkFrames(msgspec.Struct, frozen=True):
    """The server-sent events of one streamed reply.

    `head` is what every chunk begins with, up to its choices; with `usage_apart` the usage comes in a chunk
    of its own, and is null in all others.
    """

    reply: Reply
    shape: ChunkShape
    head: bytes
    usage_apart: bool

    @property
    def opening_share(self) -> float:
        """The role is sent together with the first chunk."""
        return 1.0

    def _around(self, index: int) -> tuple[bytes, bytes]:
        """What comes before and after the content of a chunk."""
        before = b'%b,"choices":[{"index":%d,' % (self.head, index)
        tail = b',"usage":null}\n\n' if self.usage_apart else b"}\n\n"
        return before, b',"logprobs":null,"finish_reason":null}]' + tail

    def opening(self) -> bytes:
        if not self.shape.role:
            return b""
        before, after = self._around(0)
        return before + self.shape.role + after

    def chunks(self, index: int) -> list[bytes]:
        answer = self.reply.answers[index]
        before, after = self._around(index)
        text_before = before + self.shape.before
        text_after = self.shape.after + after
        frames = [text_before + text + text_after for text in encode_each(answer.chunks)]
        if answer.reasoning or answer.calls:
            return [*self._reasoning(index), *frames, *self._calls(index)]
        return frames

    def _reasoning(self, index: int) -> list[bytes]:
        """The chunks of reasoning; a dialect without a place for it sends empty ones."""
        before, after = self._around(index)
        reasoning = self.reply.answers[index].reasoning
        if not self.shape.role:
            return [b""] * len(reasoning)
        names = self.reply.compat.reasoning_fields
        return [before + b'"delta":' + encode(dict.fromkeys(names, thought)) + after for thought in reasoning]

    def _calls(self, index: int) -> list[bytes]:
        """The calls of tools: the name with the first piece of the arguments."""
        before, after = self._around(index)
        frames: list[bytes] = []
        for place, call in enumerate(self.reply.answers[index].calls):
            named = {"index": place, **call_of(call, self.reply, place, "")}
            begin = before + b'"delta":' + encode({"tool_calls": [named]}) + after
            for piece in call.pieces:
                delta = {"tool_calls": [{"index": place, "function": {"arguments": piece}}]}
                frames.append(begin + before + b'"delta":' + encode(delta) + after)
                begin = b""
        return frames

    def end(self) -> bytes:
        """Return the finish reasons, the usage if it was requested, and `[DONE]`."""
        last = len(self.reply.answers) - 1
        frames = [self._finish(index, last) for index in range(last + 1)]
        if self.usage_apart:
            frames.append(self.head + b',"choices":[],"usage":' + encode(usage(self.reply)) + b"}\n\n")
        if not self.reply.compat.no_done:
            frames.append(DONE)
        return b"".join(frames)

    def _finish(self, index: int, last: int) -> bytes:
        before, _ = self._around(index)
        reason = encode(self.reply.finish_reason(index))
        spent = self._usage_beside() if index == last else b""
        if self.usage_apart:
            spent = b',"usage":null'
        return (
            before
            + self.shape.empty
            + b',"logprobs":null,"finish_reason":'
            + reason
            + b"}]"
            + spent
            + b"}\n\n"
        )

    def _usage_beside(self) -> bytes:
        compat = self.reply.compat
        if compat.usage_beside_choices and not compat.no_usage:
            return b',"usage":' + encode(usage(self.reply))
        return b""

    def error(self, error: ServedError, sent: int) -> bytes:
        return b"data: " + OpenAIConventions().error(error, self.reply.identity) + b"\n\n"


class ChunkedRequest(msgspec.Struct, kw_only=True):
    """What requests have in common that are answered with choices, in one body or in chunks."""

    model: str
    stream: bool | None = False
    stream_options: StreamOptions | None = None

    @property
    def streamed(self) -> bool:
        return bool(self.stream)

    @property
    def names_stream_options(self) -> bool:
        return self.stream_options is not None

    def body(self, reply: Reply, shape: ChunkShape, name: str, choices: list[dict[str, Any]]) -> bytes:
        """Return the whole answer in one body, which is called `name`."""
        usage_field = {} if reply.compat.no_usage else {"usage": usage(reply)}
        return encode(
            {
                "id": f"{shape.prefix}{reply.identity}",
                "object": name,
                "created": reply.created,
                "model": reply.model,
                "choices": choices,
                **usage_field,
                "system_fingerprint": "fp_simulator",
            }
        )

    def chunks(self, reply: Reply, shape: ChunkShape) -> ChunkFrames:
        """Return the answer as server-sent events; usage comes last, if it was asked for."""
        wants_usage = self.stream_options is not None and self.stream_options.include_usage
        return _chunk_frames(reply, shape, wants_usage)


def _chunk_frames(reply: Reply, shape: ChunkShape, wants_usage: bool) -> ChunkFrames:
    """Return the events of `reply`; `wants_usage` is the request's `include_usage`."""
    head = {
        "id": shape.prefix + reply.identity,
        "object": shape.object,
        "created": reply.created,
        "model": reply.model,
        "system_fingerprint": "fp_simulator",
    }
    compat = reply.compat
    usage_apart = wants_usage and not (compat.no_usage or compat.usage_beside_choices)
    return ChunkFrames(reply, shape, b"data: " + encode(head)[:-1], usage_apart)
