"""The words of the home screen: what is in a file, what a run would ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmdash.engine.model.counts import counted
from llmdash.sanitize import clean_line
from llmdash.ui.text.format import fit

if TYPE_CHECKING:
    from llmdash.ui.launcher import Preview

__all__ = ["PREVIEW_LINES", "preview_lines", "reading_line"]

PREVIEW_LINES = 3
_LABELS = ("first row", "second row")
_LABEL_WIDTH = 12

Piece = tuple[str, str]
"""A text and its style."""


def reading_line(preview: Preview) -> str:
    """Return how a file was read.

    >>> reading_line(Preview(4210, "column text", left_out=3))
    '4,210 prompts · column text · 3 lines left out'
    """
    left_out = f"{counted(preview.left_out, 'line')} left out" if preview.left_out else ""
    parts = (counted(preview.prompts, "prompt"), clean_line(preview.reading), left_out)
    return " · ".join(part for part in parts if part)


def preview_lines(preview: Preview, width: int) -> list[tuple[Piece, ...]]:
    """Return the first prompts, a line each of `width` cells, and the problems of the file."""
    lines: list[tuple[Piece, ...]] = [
        ((label.ljust(_LABEL_WIDTH), "$foreground-muted"), (fit(text, width).rstrip(), ""))
        for label, text in zip(_LABELS, preview.rows, strict=False)
    ]
    if preview.problems:
        text = fit("; ".join(preview.problems), width).rstrip()
        lines.append((("problems".ljust(_LABEL_WIDTH), "$foreground-muted"), (text, "$text-warning")))
    return lines
