"""Halves of surrogate pairs, as servers that cut an emoji in two send them: joined, or replaced."""

from __future__ import annotations

from typing import Any

__all__ = ["Halves", "TooDeep", "all_whole_pairs", "whole_pairs"]

MOST_LEVELS = 100


class TooDeep(ValueError):
    """A value is nested so deeply that what stores it would fail."""


class Halves:
    """Joins the halves of surrogate pairs (an emoji that the server cut in two) across chunks."""

    __slots__ = ("_high",)

    def __init__(self) -> None:
        self._high = ""

    def join(self, text: str, *, last: bool) -> str:
        """Return `text` after what was held back; a high half at its end is held back in turn, unless this is
        the last text. A half without its other becomes the replacement character.
        """
        text = self._high + text
        self._high = text[-1] if not last and text and "\ud800" <= text[-1] <= "\udbff" else ""
        if self._high:
            text = text[:-1]
        return whole_pairs(text)


def whole_pairs(text: str) -> str:
    """Return `text` with halves of surrogate pairs joined, or replaced where the other half is missing."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def all_whole_pairs(value: Any, levels: int = MOST_LEVELS) -> Any:
    """Return a JSON value with all texts in it such as UTF-8 can hold. Raises TooDeep."""
    if isinstance(value, str):
        return whole_pairs(value)
    if not isinstance(value, list | dict):
        return value
    if not levels:
        raise TooDeep(f"more than {MOST_LEVELS} levels of lists and objects")
    if isinstance(value, list):
        return [all_whole_pairs(one, levels - 1) for one in value]
    return {whole_pairs(name): all_whole_pairs(one, levels - 1) for name, one in value.items()}
