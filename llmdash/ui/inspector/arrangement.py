"""How the panels of the inspector share the height, in cells."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["WIDE", "Heights", "arrange"]

WIDE: Final = 100
"""From this many columns on, prompt and answer are side by side."""
_FRAME: Final = 2
_LEAST_TEXTS: Final = 8
_LEAST_PROMPT: Final = 6
_LEAST_ANSWER: Final = 8


class Heights(NamedTuple):
    """The height of each panel, borders included; all may be more than the screen has: then it scrolls."""

    is_wide: bool
    texts: int
    prompt: int
    answer: int
    attempts: int
    chunks: int
    headers: int


def arrange(width: int, height: int, attempts: int, chunks: int, headers: int) -> Heights:
    """Return the heights for a screen with `height` lines, and panels with that many lines to show."""
    most = max(4, height // 3)
    below = [
        _FRAME + max(1, min(attempts, max(3, height // 5))),
        _FRAME + max(1, min(chunks, most)),
        _FRAME + max(1, min(headers, max(4, height // 4))),
    ]
    left = height - sum(below)
    if width >= WIDE:
        texts = max(_LEAST_TEXTS, left)
        return Heights(True, texts, texts, texts, *below)
    texts = max(_LEAST_PROMPT + _LEAST_ANSWER, left)
    prompt = max(_LEAST_PROMPT, texts // 3)
    return Heights(False, texts, prompt, texts - prompt, *below)
