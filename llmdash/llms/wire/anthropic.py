"""Anthropic's messages on the wire: bytes of a response body in, Deltas out; no I/O.

Follows the published reference of the Messages API, version 2023-06-01.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from llmdash.llms.messages import Delta, Usage
from llmdash.llms.wire.body_reader import BodyReader, as_count

__all__ = ["MessageReader"]

_INPUT = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


class _Part(msgspec.Struct, gc=False):
    """A block of content or what is added to one, or the end of a message."""

    type: str | None = None
    text: Any = None
    thinking: Any = None
    stop_reason: str | None = None


class _Message(msgspec.Struct, gc=False):
    content: list[_Part] | None = None
    stop_reason: str | None = None
    usage: Any = None
    error: Any = None


class _Event(msgspec.Struct, gc=False):
    type: str | None = None
    delta: _Part | None = None
    content_block: _Part | None = None
    message: _Message | None = None
    usage: Any = None
    error: Any = None


_events = msgspec.json.Decoder(_Event)
_messages = msgspec.json.Decoder(_Message)


class MessageReader(BodyReader):
    """Reads messages. The finish reason is the stop reason as given (`end_turn`, `max_tokens`, ...).

    Token counts are totals: the last one counts. Input read from a cache or written to it counts as input.
    """

    def __init__(self, headers: Mapping[str, str], redact: Callable[[str], str]) -> None:
        super().__init__(headers, redact)
        self._counts: dict[str, int] = {}

    def _delta(self, data: bytes, at: float) -> Delta | None:
        event = self._decoded(data, _events)
        kind = event.type
        if kind == "content_block_delta":
            return self._content(event.delta, at)
        if kind == "content_block_start":
            return self._content(event.content_block, at)
        if kind == "message_delta":
            self._count(event.usage)
            reason = event.delta.stop_reason if event.delta is not None else None
            return self._last(reason or None, at)
        if kind == "message_start" and event.message is not None:
            self._count(event.message.usage)
        if kind == "message_stop":
            self.done = True
            return None if self.finished else self._last("stop", at)
        if kind == "error" or event.error:
            raise self._named_error(data)
        return None

    def _content(self, part: _Part | None, at: float) -> Delta | None:
        if part is None:
            return None
        text, thought = self._well_formed(_string(part.text), _string(part.thinking), last=False)
        if not (text or thought):
            self.heard = self.heard or part.type == "input_json_delta"  # no text, but not a stall either
            return None
        return Delta(text, thought, at=at)

    def _last(self, reason: str | None, at: float) -> Delta:
        text, thought = self._well_formed("", "", last=reason is not None)
        return Delta(text, thought, reason, self._usage(), at)

    def _whole(self, body: bytes, at: float) -> Delta:
        message = self._decoded(body, _messages)
        if message.error:
            raise self._error(message.error)
        if message.content is None:
            raise self._no_answer(body, "no content in it")
        self._count(message.usage)
        text = "".join(_string(part.text) for part in message.content)
        thought = "".join(_string(part.thinking) for part in message.content)
        text, thought = self._well_formed(text, thought, last=True)
        return Delta(text, thought, message.stop_reason or "stop", self._usage(), at)

    def _count(self, usage: Any) -> None:
        for name in (*_INPUT, "output_tokens"):
            count = as_count(usage, name)
            if count is not None:
                self._counts[name] = count

    def _usage(self) -> Usage | None:
        if "output_tokens" not in self._counts:
            return None
        return Usage(sum(self._counts.get(name, 0) for name in _INPUT), self._counts["output_tokens"])


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
