"""A plot of lines in braille over a time axis: its scale, and its cells with the names of their styles."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from llmdash.lean_dataclass import dataclass
from llmdash.ui.charts.chart import Values, cell, dots, level_of
from llmdash.ui.text.format import fit

__all__ = ["Cells", "Curve", "Scale", "axis_labels", "plot_rows"]

Cells = list[tuple[str, str]]
"""Pieces of a line, each with the name of its style."""
_TOPS: Final = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
_FARTHEST: Final = 3.0
"""A set value beyond this many times the largest measured one is left out: the line would be flat."""
_CURSOR: Final = "┊"
_SET: Final = "┈"


@dataclass(frozen=True, slots=True)
class Curve:
    """A line: two values a column, None for a gap, and the name of its style."""

    values: Values
    style: str


@dataclass(frozen=True, slots=True)
class Scale:
    """From 0 at the bottom to `top`, a round number."""

    top: float

    @classmethod
    def of(cls, curves: Sequence[Curve], levels: Values = ()) -> Scale:
        """Return the scale for some curves and, if they are not far above, the levels that are set."""
        most = _largest([value for curve in curves for value in curve.values])
        level = _largest(levels)
        if level > 0 and (not most or level <= _FARTHEST * most):
            most = max(most, level)
        if most <= 0:
            return cls(1.0)
        ten = 10.0 ** math.floor(math.log10(most))
        return cls(next((top * ten for top in _TOPS if top * ten >= 1.02 * most), 12 * ten))

    def row(self, value: float | None, rows: int) -> int | None:
        """Return the row in which a curve has its dot for a value, counted from the top; None if the value is
        not on the scale.
        """
        if value is None or not 0 <= value <= self.top:
            return None
        return rows - 1 - level_of(value, 0.0, self.top, 4 * rows) // 4


def _largest(values: Values) -> float:
    return max((value for value in values if value is not None and math.isfinite(value)), default=0.0)


def plot_rows(
    curves: Sequence[Curve],
    rows: int,
    columns: int,
    scale: Scale,
    levels: Values = (),
    cursor: int | None = None,
) -> list[Cells]:
    """Return the cells of a plot, from top to bottom. The curves lie one over the other, the first in front;
    a level (one value a column) and the cursor are drawn where they leave a cell free.
    """
    layers = [(curve.style, dots(curve.values, columns, rows, 0.0, scale.top)) for curve in curves]
    level_rows = [scale.row(level, rows) for level in levels] or [None] * columns
    return [
        [
            _cell([(style, bits[y][x]) for style, bits in layers], x == cursor, level_rows[x] == y)
            for x in range(columns)
        ]
        for y in range(rows)
    ]


def _cell(layers: Sequence[tuple[str, int]], is_cursor: bool, is_level: bool) -> tuple[str, str]:
    drawn = [(style, bits) for style, bits in layers if bits]
    if drawn:
        bits = 0
        for _, some in drawn:
            bits |= some
        return cell(bits), drawn[0][0]
    if is_cursor:
        return _CURSOR, "cursor"
    return (_SET, "set") if is_level else (" ", "axis")


def axis_labels(rows: int, scale: Scale, write: Callable[[float], str], width: int) -> list[str]:
    """Return the axis from top to bottom, `width` cells and a line: the top, 0, and where there is room half
    of it.
    """
    labels = {0: scale.top}
    if rows > 1:
        labels[rows - 1] = 0.0
    if rows > 4 and (middle := scale.row(scale.top / 2, rows)) is not None:
        labels[middle] = scale.top / 2
    texts = [write(labels[y]).strip() if y in labels else "" for y in range(rows)]
    return [fit(text, width, "right") + ("┤" if text else "│") for text in texts]
