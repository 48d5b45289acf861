"""Puts the content of a message of Anthropic together: its blocks, from the pieces of a stream."""

from __future__ import annotations

import json
from typing import Any

from llmdash.llms.wire.documents import malformed

__all__ = ["Blocks", "is_more_than_text"]

MOST_BLOCKS = 1000
_PLAIN = (None, "text", "thinking", "redacted_thinking")


class _Block:
    """One block: as it began, and the pieces of its text, thoughts, input and signature."""

    __slots__ = ("citations", "fields", "pieces")

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields
        self.pieces: dict[str, list[str]] = {}
        self.citations: list[Any] = []

    def joined(self) -> dict[str, Any]:
        found = dict(self.fields)
        for name, pieces in self.pieces.items():
            text = "".join(pieces)
            begun = found.get(name)
            found[name] = _input_of(text) if name == "input" else (begun or "") + text
        if self.citations:
            found["citations"] = [*(found.get("citations") or ()), *self.citations]
        return found


class Blocks:
    """Collects the blocks of one message, by their index. Raises Failure for a flood of them."""

    def __init__(self) -> None:
        self._blocks: dict[Any, _Block] = {}

    def begin(self, index: Any, fields: dict[str, Any]) -> None:
        """Begin a block."""
        if len(self._blocks) >= MOST_BLOCKS:
            raise malformed(f"more than {MOST_BLOCKS:,} blocks of content")
        self._blocks[_key(index)] = _Block(fields)

    def add(self, index: Any, name: str, piece: str) -> list[str]:
        """Add a piece of text to the field `name` of a block. Returns all its pieces, to add others to."""
        key = _key(index)
        if key not in self._blocks:
            self.begin(index, {"type": name})
        pieces = self._blocks[key].pieces.setdefault(name, [])
        pieces.append(piece)
        return pieces

    def add_other(self, index: Any, partial_json: Any, signature: Any, citation: Any) -> None:
        """Add to a block what is neither text nor reasoning."""
        if isinstance(partial_json, str) and partial_json:
            self.add(index, "input", partial_json)
        if isinstance(signature, str) and signature:
            self.add(index, "signature", signature)
        block = self._blocks.get(_key(index))
        if citation is not None and block is not None:
            block.citations.append(citation)

    def joined(self) -> list[dict[str, Any]]:
        """Return the blocks as a message holds them."""
        return [block.joined() for block in self._blocks.values()]


def is_more_than_text(block: dict[str, Any]) -> bool:
    """Return whether a block is neither text nor reasoning: a tool call, the result of a search."""
    return block.get("type") not in _PLAIN


def _key(index: Any) -> Any:
    return index if type(index) is int else None


def _input_of(text: str) -> Any:
    """The arguments of a tool call; as text where the answer ended within them."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
