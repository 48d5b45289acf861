"""The differences of two texts, word by word, in bounded time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from llmdash.engine.model.comparison import Piece

__all__ = ["marked"]

_MOST_EDITS = 1_500
_WORD = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af]|[^\W\u2e80-\u9fff\uac00-\ud7af]+|\s+|[^\w\s]")
"""A word, the blanks between two, a sign, or a character of a script without blanks between its words."""


def marked(a: str, b: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...], bool]:
    """Return both texts in pieces, and whether their differences are marked word by word.

    What both texts begin and end with is the same. Where more than 1,500 words between are added or removed,
    all that is between differs. Linear in the texts for few differences, never above some million steps.
    """
    words_a, words_b = _WORD.findall(a), _WORD.findall(b)
    head = _same(words_a, words_b)
    tail = _same(words_a[: head - 1 if head else None : -1], words_b[: head - 1 if head else None : -1])
    inner = words_a[head : len(words_a) - tail], words_b[head : len(words_b) - tail]
    kept = _kept(*inner)
    sides = (
        tuple(_pieces(words, {head + pair[at] for pair in kept or ()}, head, len(words) - tail))
        for at, words in enumerate((words_a, words_b))
    )
    return next(sides), next(sides), kept is not None


def _same(a: Sequence[str], b: Sequence[str]) -> int:
    """How many words both begin with."""
    return next(
        (at for at, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1]), min(len(a), len(b))
    )


def _kept(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int]] | None:
    """The places of the words that the shortest edit from `a` to `b` keeps; None if it is too long.

    The greedy algorithm of Myers (1986), An O(ND) Difference Algorithm, Algorithmica 1, 251-266.
    """
    furthest = {1: 0}
    history: list[dict[int, int]] = []
    for edits in range(min(len(a) + len(b), _MOST_EDITS) + 1):
        reached = {}
        for diagonal in range(-edits, edits + 1, 2):
            down = diagonal == -edits or (
                diagonal != edits and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
            )
            x = furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1
            y = x - diagonal
            while x < len(a) and y < len(b) and a[x] == b[y]:
                x, y = x + 1, y + 1
            reached[diagonal] = x
            if x >= len(a) and y >= len(b):
                history.append(reached)
                return list(_way_back(history, len(a), len(b)))
        history.append(reached)
        furthest = reached
    return None


def _way_back(history: Sequence[dict[int, int]], x: int, y: int) -> Iterator[tuple[int, int]]:
    """The kept places, the last first: from the end, edit by edit."""
    for edits in range(len(history) - 1, 0, -1):
        before, diagonal = history[edits - 1], x - y
        down = diagonal == -edits or (
            diagonal != edits and before.get(diagonal - 1, -1) < before.get(diagonal + 1, -1)
        )
        from_x = before[diagonal + 1] if down else before[diagonal - 1]
        from_y = from_x - (diagonal + 1 if down else diagonal - 1)
        while x > from_x + (not down) and y > from_y + down:
            x, y = x - 1, y - 1
            yield x, y
        x, y = from_x, from_y
    while x > 0 and y > 0:
        x, y = x - 1, y - 1
        yield x, y


def _pieces(words: Sequence[str], kept: set[int], begin: int, end: int) -> Iterator[Piece]:
    """The words joined: those from `begin` to `end` that are not `kept` differ."""
    gathered: list[str] = []
    last = False
    for at, word in enumerate(words):
        differs = begin <= at < end and at not in kept
        if differs is not last and gathered:
            yield Piece("".join(gathered), last)
            gathered = []
        last = differs
        gathered.append(word)
    if gathered:
        yield Piece("".join(gathered), last)
