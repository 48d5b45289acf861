"""Puts a chat message together that is more than text: tool calls, audio, images, probabilities, sources."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from llmdash.llms.wire.documents import malformed

__all__ = ["MessageParts", "is_more_than_text", "join_in"]

MOST_PARTS = 1000
_TEXTS = ("arguments", "input", "data", "transcript")
"""Fields whose text comes in pieces."""

_TOOLS = ("function", "custom")


class _Pieces:
    """An object that arrives in pieces: texts add up, of everything else the first word counts."""

    __slots__ = ("fields", "texts")

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.texts: dict[str, list[str]] = {}

    def add(self, piece: dict[str, Any]) -> None:
        for name, value in piece.items():
            if name in _TEXTS and value is not None:
                self.fields.setdefault(name, "")
                self.texts.setdefault(name, []).append(_as_text(value))
            elif name == "name" and isinstance(value, str) and value != self.fields.get("name"):
                self.fields["name"] = self.fields.get("name", "") + value
            elif value is not None:
                self.fields.setdefault(name, value)

    def joined(self) -> dict[str, Any]:
        return self.fields | {name: _joined(name, texts) for name, texts in self.texts.items()}


class _Call:
    """One tool call."""

    __slots__ = ("fields", "tool")

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.tool: dict[str, _Pieces] = {}

    def add(self, piece: dict[str, Any]) -> None:
        for name, value in piece.items():
            if name in _TOOLS and isinstance(value, dict):
                self.tool.setdefault(name, _Pieces()).add(value)
            elif name != "index" and value not in (None, ""):
                self.fields.setdefault(name, value)

    def whole(self) -> bool:
        """Whether the arguments so far are a whole object."""
        return any(_is_object(tool.joined().get("arguments")) for tool in self.tool.values())

    def named(self) -> bool:
        return any(tool.fields.get("name") for tool in self.tool.values())

    def joined(self) -> dict[str, Any]:
        kind = next(iter(self.tool), "function")
        return {"type": kind} | self.fields | {name: tool.joined() for name, tool in self.tool.items()}


class MessageParts:
    """Collects what the chunks of one answer add to its message, besides text.

    Tool calls are told apart by their index; where servers give none, or the same to all, by their id, and
    by a name that comes when the call before is whole. Raises Failure for a flood of them.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[Any, _Call] = {}
        self._function: _Pieces | None = None
        self._audio: _Pieces | None = None
        self._images: list[Any] = []
        self._parts: list[Any] = []
        self.about_text: dict[str, Any] = {}
        """What is said about the text: `logprobs`, the sources of a search."""

    def add_calls(self, pieces: Any) -> None:
        """Add the `tool_calls` of a chunk."""
        for piece in pieces if isinstance(pieces, list) else [pieces]:
            if isinstance(piece, dict):
                self._call_of(piece).add(piece)

    def add_function(self, piece: Any) -> None:
        """Add the `function_call` of a chunk."""
        if isinstance(piece, dict):
            self._function = self._function or _Pieces()
            self._function.add(piece)

    def add_audio(self, piece: Any) -> None:
        """Add the `audio` of a chunk."""
        if isinstance(piece, dict):
            self._audio = self._audio or _Pieces()
            self._audio.add(piece)

    def add_images(self, images: Any) -> None:
        """Add the `images` of a chunk."""
        self._images += images if isinstance(images, list) else [images]
        self._limit(self._images)

    def add_content(self, parts: list[Any]) -> None:
        """Add the parts of a content that are no text."""
        self._parts += [part for part in parts if is_more_than_text(part)]
        self._limit(self._parts)

    def message(self, text: str) -> dict[str, Any]:
        """Return the message of the assistant."""
        content: Any = text or None
        if self._parts:
            content = [*([{"type": "text", "text": text}] if text else []), *self._parts]
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if self._calls:
            message["tool_calls"] = [call.joined() for call in self._calls]
        if self._function is not None:
            message["function_call"] = self._function.joined()
        if self._audio is not None:
            message["audio"] = self._audio.joined()
        if self._images:
            message["images"] = self._images
        return message | self.about_text

    def _call_of(self, piece: dict[str, Any]) -> _Call:
        """The call that a piece belongs to; a new one where it begins one."""
        index = piece.get("index")
        known = self._by_index.get(index) if type(index) is int else self._calls[-1] if self._calls else None
        if type(index) is not int and known is not None and piece.get("id"):
            known = next((call for call in self._calls if call.fields.get("id") == piece["id"]), known)
        if known is None or _begins_another(known, piece, indexed=type(index) is int):
            known = _Call()
            self._calls.append(known)
            self._limit(self._calls)
        if type(index) is int:
            self._by_index[index] = known
        return known

    def _limit(self, parts: list[Any]) -> None:
        if len(parts) > MOST_PARTS:
            raise malformed(f"more than {MOST_PARTS:,} tool calls or images")


def join_in(whole: dict[str, Any], piece: dict[str, Any]) -> None:
    """Add a piece to what it is a piece of: lists go on, of everything else the last word counts."""
    for name, value in piece.items():
        before = whole.get(name)
        if isinstance(before, list) and isinstance(value, list):
            before += value
        elif isinstance(before, dict) and isinstance(value, dict):
            join_in(before, value)
        elif value is not None:
            whole[name] = value


def _begins_another(known: _Call, piece: dict[str, Any], *, indexed: bool) -> bool:
    """Whether a piece begins a call of its own, rather than to go on with `known`."""
    tools = (piece.get(name) for name in _TOOLS)
    tool: dict[str, Any] = next((one for one in tools if isinstance(one, dict)), {})
    if not tool.get("name") or not known.named():
        return False
    identity, before = piece.get("id"), known.fields.get("id")
    if identity and before:
        return bool(identity != before)
    return not indexed and known.whole()


def is_more_than_text(part: Any) -> bool:
    """Return whether a part of a content holds something that is neither text nor reasoning."""
    return isinstance(part, dict) and part.get("type") not in (
        None,
        "text",
        "output_text",
        "thinking",
        "refusal",
    )


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except RecursionError:
        return ""


def _joined(name: str, texts: list[str]) -> str:
    """Pieces of base64 may each have an end of their own, which must not stay in the middle."""
    if name == "data" and any(text.endswith("=") for text in texts[:-1]):
        try:
            return base64.b64encode(b"".join(map(base64.b64decode, texts))).decode()
        except (ValueError, binascii.Error):
            pass
    return "".join(texts)


def _is_object(text: Any) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (TypeError, ValueError, RecursionError):
        return False
