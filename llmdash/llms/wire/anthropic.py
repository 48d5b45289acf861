"""Anthropic's messages on the wire: bytes of a response body in, Deltas out; no I/O.

Follows the published reference of the Messages API, version 2023-06-01.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from llmdash.llms.messages import Delta, Usage
from llmdash.llms.wire.body_reader import BodyReader
from llmdash.llms.wire.content_blocks import Blocks, is_more_than_text
from llmdash.llms.wire.documents import as_json
from llmdash.llms.wire.usage import as_count

__all__ = ["MessageReader"]

_CACHED = "cache_read_input_tokens"
_CACHE_WRITES = "cache_creation_input_tokens"
_EVENTS = ("message_", "content_block_", "ping")
_INPUT = ("input_tokens", _CACHE_WRITES, _CACHED)


class _Part(msgspec.Struct, gc=False):
    """What is added to a block of content, or the end of a message."""

    type: str | None = None
    text: Any = None
    thinking: Any = None
    partial_json: Any = None
    signature: Any = None
    citation: Any = None
    stop_reason: Any = None


class _Message(msgspec.Struct, gc=False):
    content: Any = None
    stop_reason: Any = None
    usage: Any = None
    error: Any = None


class _Event(msgspec.Struct, gc=False):
    type: str | None = None
    index: Any = None
    delta: _Part | None = None
    content_block: Any = None
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
        self._blocks = Blocks()
        self._as_sent: list[Any] | None = None
        self._index: Any = None
        self._pieces: list[str] = []

    def _delta(self, data: bytes, at: float) -> Delta | None:
        event = self._decoded(data, _events)
        if event is None:
            return None
        kind = event.type
        if kind == "content_block_delta":
            return None if event.delta is None else self._content(event.index, event.delta, at)
        if kind == "content_block_start":
            return self._block(event.index, event.content_block, at)
        if kind == "message_delta":
            self._add_counts(event.usage)
            reason = None if event.delta is None else event.delta.stop_reason
            return None if reason is None else Delta(finish_reason=reason, at=at)
        if kind == "message_start" and event.message is not None:
            self._add_counts(event.message.usage)
        elif kind == "message_stop":
            self.done = True
        elif kind == "error" or event.error:
            raise self._errors.named(data)
        elif kind is None or not kind.startswith(_EVENTS):
            self._errors.refuse(as_json(data))
        return None

    def _content(self, index: Any, part: _Part, at: float) -> Delta | None:
        text = part.text
        if text.__class__ is str and text and not self._torn:
            if index == self._index:
                self._pieces.append(text)
            else:
                self._pieces = self._blocks.add(index, "text", text)
                self._index = index
            return Delta(text, "", None, None, at)
        self._index = None
        text, thought = self._well_formed(_string(text), _string(part.thinking), last=False)
        if text:
            self._blocks.add(index, "text", text)
        elif thought:
            self._blocks.add(index, "thinking", thought)
        else:
            if part.type == "input_json_delta":
                self._other_content()
            self._noted = self._noted or part.citation is not None
            self._blocks.add_other(index, part.partial_json, part.signature, part.citation)
            return None
        return Delta(text, thought, at=at)

    def _block(self, index: Any, block: Any, at: float) -> Delta | None:
        if not isinstance(block, dict):
            return None
        self._index = None
        self._blocks.begin(index, block)
        if is_more_than_text(block):
            self._other_content()
        text, thought = self._well_formed(
            _string(block.get("text")), _string(block.get("thinking")), last=False
        )
        return Delta(text, thought, at=at) if text or thought else None

    def _whole(self, body: bytes, at: float) -> Delta:
        message = self._document_of(body, _messages)
        if message.error:
            raise self._errors.failure(message.error)
        self._add_counts(message.usage)
        content = message.content
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        elif content is None and message.stop_reason is not None:
            content = []
        elif not isinstance(content, list):
            raise self._no_answer(body, "no content in it")
        blocks = [block for block in content if isinstance(block, dict)]
        self._as_sent = content
        self._more = any(map(is_more_than_text, blocks))
        self._noted = any(block.get("citations") for block in blocks)
        text = "".join(_string(block.get("text")) for block in blocks)
        thought = "".join(_string(block.get("thinking")) for block in blocks)
        return Delta(text, thought, message.stop_reason, None, at)

    def _message(self) -> dict[str, Any]:
        content = self._blocks.joined() if self._as_sent is None else self._as_sent
        return {"role": "assistant", "content": content}

    def _add_counts(self, usage: Any) -> None:
        counts = self._counts
        for name in (*_INPUT, "output_tokens"):
            count = as_count(usage, name)
            if count or (count == 0 and name not in counts):  # a total never shrinks to nothing
                counts[name] = count
        cached, written = counts.get(_CACHED, 0), counts.get(_CACHE_WRITES, 0)
        asked, said = counts.get("input_tokens", 0) + cached + written, counts.get("output_tokens", 0)
        if "output_tokens" in counts and (asked or said):
            self._count(Usage(asked, said, cached_tokens=cached, cache_write_tokens=written))


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
