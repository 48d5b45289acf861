"""Splits text into pieces such as a model's tokens: words with the space before them, short numbers, runs of
signs.
"""

from __future__ import annotations

import re

__all__ = ["estimate_tokens", "split_chunks"]

_PIECE = re.compile(r" ?[^\W\d]{1,10}| ?\d{1,3}| ?[^\w\s]{1,3}|\s{1,8}")


def split_chunks(text: str) -> tuple[str, ...]:
    """Return `text` in pieces; joined they are `text` again."""
    return tuple(_PIECE.findall(text))


def estimate_tokens(text: str) -> int:
    """Return the estimated tokens of a text: a quarter of its UTF-8 length, rounded up."""
    length = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return -(-length // 4)
