"""The time axis of a plot in three lines: ticks and marks, labels, and the marks in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len

from llmdash.engine.model.frame import Mark
from llmdash.sanitize import clean_line
from llmdash.ui.charts.line_plot import Cells
from llmdash.ui.charts.time_axis import TimeAxis
from llmdash.ui.text.format import fit
from llmdash.ui.text.mark_words import MARKS, mark_words

__all__ = ["axis_line", "labels_line", "legend_line", "words_below"]

_GAP: Final = 2
_FARTHEST: Final = 16
"""Cells by which words may stand right of their glyph, where others are below it."""


def axis_line(axis: TimeAxis, marks: Sequence[Mark], cursor: int | None = None) -> Cells:
    """Return the line of the axis: its ticks, and over them the most severe mark of each column."""
    cells = [("─", "axis")] * axis.columns
    for column, _ in axis.ticks():
        cells[column] = ("┬", "axis")
    if cursor is not None and 0 <= cursor < axis.columns:
        cells[cursor] = ("┴", "cursor")
    for mark in sorted(marks, key=lambda each: -each.kind.severity):
        if (at := axis.column(mark.at_s)) is not None:
            badge = MARKS[mark.kind]
            cells[at] = (badge.glyph, badge.style)
    return cells


def labels_line(axis: TimeAxis, before: int) -> str:
    """Return the labels of the ticks, each below its tick, after `before` cells; none is cut."""
    text = ""
    width = before + axis.columns
    for column, label in axis.ticks():
        start = max(0, before + column - (1 if column else 0))
        start = min(start, width - len(label))
        if start >= len(text) + (1 if text else 0):
            text += " " * (start - len(text)) + label
    return fit(text, width)


def legend_line(marks: Sequence[Mark], width: int) -> Cells:
    """Return the marks in words, one after the other: where not all fit, the most severe and the latest."""
    by_weight = sorted(marks, key=lambda mark: (mark.kind.severity, -mark.at_s))
    room, chosen = width + _GAP, list[Mark]()
    for mark in by_weight:
        need = cell_len(_words(mark)) + _GAP
        if need <= room:
            room -= need
            chosen.append(mark)
    cells: Cells = []
    for mark in sorted(chosen, key=lambda each: each.at_s):
        cells.append((_words(mark) + " " * _GAP, MARKS[mark.kind].style))
    return cells


def words_below(marks: Sequence[Mark], axis: TimeAxis, width: int) -> Cells:
    """Return the marks in words, each below its glyph, as far as there is room; the most severe get it first.

    The words may go beyond the axis, up to `width` cells from its first column.
    """
    taken: list[tuple[int, int, Mark]] = []
    for mark in sorted(marks, key=lambda each: (each.kind.severity, -each.at_s)):
        start = axis.column(mark.at_s)
        if start is None:
            continue
        wide = cell_len(_words(mark))
        found = _free([(begin, end) for begin, end, _ in taken], max(0, min(start, width - wide)), wide)
        if found is not None and found + wide <= width:
            taken.append((found, found + wide, mark))
    cells: Cells = []
    at = 0
    for start, end, mark in sorted(taken, key=lambda each: each[0]):
        cells += [(" " * (start - at), "axis"), (_words(mark), MARKS[mark.kind].style)]
        at = end
    return cells


def _free(taken: Sequence[tuple[int, int]], start: int, wide: int) -> int | None:
    """Return where `wide` cells are free: at `start`, or not far right of it; None if nowhere."""
    for place in range(start, start + _FARTHEST):
        if all(place >= end + _GAP or place + wide + _GAP <= begin for begin, end in taken):
            return place
    return None


def _words(mark: Mark) -> str:
    return clean_line(f"{MARKS[mark.kind].glyph} {mark_words(mark)}")
