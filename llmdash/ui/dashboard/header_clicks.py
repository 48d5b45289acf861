"""What a click on the header does, by the words under it."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["action_at"]

_PIECES: Final = re.compile(r"(?:[^\s│]|\s(?![\s│]))+")
"""Words parted by single blanks belong together."""
_ACTIONS: Final = (
    ("toggle_pause", re.compile(r"running|paused|draining|[●‖◐◫] ")),
    ("open('errors')", re.compile(r"[✗↻∅]|failed|retried|invalid")),
    ("open('graphs')", re.compile(r"req/s|tok/s|first token|in flight")),
    ("open('batches')", re.compile(r"◇|batched")),
    ("open('workers')", re.compile(r"\bworkers?\b")),
)


def action_at(text: str, x: int) -> str:
    """Return the action of the words at character `x` of a line of the header; empty where there is none.

    >>> action_at(" ✓ 3,380 done   ✗ 32 failed   ↻ 118 retried  │  41 in flight", 20)
    "open('errors')"
    """
    piece = next((found[0] for found in _PIECES.finditer(text) if found.start() <= x < found.end()), "")
    return next((action for action, words in _ACTIONS if words.search(piece)), "")
