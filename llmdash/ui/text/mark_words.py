"""Marks on the time axis in words, each with a glyph of one cell."""

from __future__ import annotations

from typing import Final

from llmdash.engine.model.frame import Mark, MarkKind
from llmdash.engine.model.states import Binding
from llmdash.ui.text.badges import Badge
from llmdash.ui.text.format import span

__all__ = ["MARKS", "bound_words", "explained", "mark_words"]

MARKS: Final = {
    MarkKind.KEY_DEAD: Badge("✖", "dead", "error"),
    MarkKind.WORKER_LOST: Badge("✖", "lost", "error"),
    MarkKind.ENDPOINT_DOWN: Badge("✖", "down", "error"),
    MarkKind.SLIDE: Badge("◆", "slide", "accent"),
    MarkKind.BURST: Badge("↻", "errors", "warning"),
    MarkKind.REST: Badge("◐", "rests", "warning"),
}
"""How each kind looks; styles are `error`, `accent` and `warning`."""
_NO_BOUND: Final = frozenset((Binding.HELD, Binding.FINISHED, Binding.PAUSE, Binding.WORKER, Binding.BATCHES))


def mark_words(mark: Mark) -> str:
    """Return a mark in a few words: `77de rests 12s`, `15→20/s`, `11 x 500`."""
    if mark.kind is MarkKind.BURST:
        return f"{mark.detail} x {mark.subject}"
    if mark.kind is MarkKind.SLIDE:
        return mark.detail if mark.subject == "rate" else f"{mark.detail} in flight"
    words = f"{mark.subject} {MARKS[mark.kind].word}"
    return words if mark.until_s is None else f"{words} {span(mark.until_s - mark.at_s).strip()}"


def explained(mark: Mark) -> str:
    """Return a mark in words, with the reason where there is one."""
    has_reason = mark.detail and mark.kind not in (MarkKind.BURST, MarkKind.SLIDE)
    return f"{mark_words(mark)}: {mark.detail}" if has_reason else mark_words(mark)


def bound_words(binding: Binding | None) -> str:
    """Return what limited the rate; empty where that is not known."""
    if binding is None:
        return ""
    return binding.value if binding in _NO_BOUND else f"bound by {binding.value}"
