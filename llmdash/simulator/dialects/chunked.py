"""Streams of chunks with choices, as chat completions and completions have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from llmdash.simulator.dialects.base import THOUGHT, Fault, Reply, encode, encode_each
from llmdash.simulator.dialects.openai import DONE, OpenAIConventions, StreamOptions

__all__ = ["ChunkFrames", "ChunkShape", "ChunkedRequest"]


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


def usage(reply: Reply) -> dict[str, int]:
    """Return the tokens of a reply, by OpenAI's names."""
    into, out = reply.input_tokens, reply.output_tokens
    return {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}


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
        """The role is sent together with the first chunk, reasoning before it."""
        return 0.5 if self._reasons else 1.0

    @property
    def _reasons(self) -> bool:
        return bool(self.shape.role and self.reply.compat.reasoning_fields)

    def _around(self, index: int) -> tuple[bytes, bytes]:
        """What comes before and after the content of a chunk."""
        before = b'%b,"choices":[{"index":%d,' % (self.head, index)
        tail = b',"usage":null}\n\n' if self.usage_apart else b"}\n\n"
        return before, b',"logprobs":null,"finish_reason":null}]' + tail

    def opening(self) -> bytes:
        if not self.shape.role:
            return b""
        before, after = self._around(0)
        role = before + self.shape.role + after
        if not self._reasons:
            return role
        frames = [role]
        for name in self.reply.compat.reasoning_fields:
            frames += [before + b'"delta":' + encode({name: thought}) + after for thought in THOUGHT]
        return b"".join(frames)

    def chunks(self, index: int) -> list[bytes]:
        before, after = self._around(index)
        before += self.shape.before
        after = self.shape.after + after
        return [before + text + after for text in encode_each(self.reply.answers[index].chunks)]

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

    def error(self, fault: Fault, sent: int) -> bytes:
        return b"data: " + OpenAIConventions().error(fault, self.reply.identity) + b"\n\n"


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
