"""Sparklines and braille lines as text. Pure functions; None is a gap, and so is NaN."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Final

__all__ = ["Values", "bars", "cell", "dots", "level_of", "resample", "sparkline"]

Values = Sequence[float | None]

_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_BRAILLE: Final = 0x2800
# Bits of the dots in a cell, from top to bottom, for its left and right half (Unicode, block 2800).
_DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


def sparkline(values: Values, width: int) -> str:
    """Return the last `width` values as bars of one line, right-aligned in exactly `width` cells."""
    return bars(values, width, 1)[0]


def bars(values: Values, width: int, height: int) -> list[str]:
    """Return the last `width` values as right-aligned bars of up to `height` lines, from 0 to the largest."""
    if width <= 0 or height <= 0:
        return [""] * max(0, height)
    shown = _known(values)[-width:]
    high = max((value for value in shown if value is not None), default=0.0)
    steps = 8 * height - 1  # the topmost eighth stays free, so that bars do not touch the line above
    levels = [0 if value is None else _barlevel(value, high, steps) for value in shown]
    rows = range(height - 1, -1, -1)
    return [
        "".join(_EIGHTHS[min(8, max(0, level - 8 * row))] for level in levels).rjust(width) for row in rows
    ]


def _barlevel(value: float, high: float, steps: int) -> int:
    """How many eighths of a line a bar has: one at least."""
    return 1 if high <= 0 or value <= 0 else max(1, math.ceil(value / high * steps))


def cell(bits: int) -> str:
    """Return the braille character for the dots of one cell; a blank for none."""
    return chr(_BRAILLE + bits) if bits else " "


def dots(values: Values, width: int, height: int, low: float, high: float) -> list[list[int]]:
    """Return the dots of a line in each cell, `height` rows of `width`; the newest value is at the right."""
    rows = [[0] * max(0, width) for _row in range(max(0, height))]
    if width <= 0 or height <= 0:
        return rows
    shown = _known(values)[-2 * width :]
    before: int | None = None
    for x, value in enumerate(shown, start=2 * width - len(shown)):
        y = None if value is None else level_of(value, low, high, 4 * height)
        if y is not None:
            _stroke(rows, x, y if before is None else before, y)
        before = y
    return rows


def _stroke(rows: list[list[int]], x: int, start: int, end: int) -> None:
    """Dots in column `x` that join the level before with this one."""
    if start < end:
        start += 1
    elif start > end:
        start -= 1
    for level in range(min(start, end), max(start, end) + 1):
        y = 4 * len(rows) - 1 - level
        rows[y // 4][x // 2] |= _DOTS[x % 2][y % 4]


def level_of(value: float, low: float, high: float, levels: int) -> int:
    """The value as a whole number from 0 to `levels` - 1."""
    if high <= low:
        return 0
    part = value / (high - low) - low / (high - low)
    return round(min(1.0, max(0.0, part)) * (levels - 1)) if math.isfinite(part) else 0


def resample(values: Values, size: int) -> list[float | None]:
    """Return up to `size` values: means of neighbours, so that a long series shows in full."""
    shown = _known(values)
    if size <= 0:
        return []
    if len(shown) <= size:
        return shown
    edges = [len(shown) * at // size for at in range(size + 1)]
    return [_mean(shown[start:end]) for start, end in itertools.pairwise(edges)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(value / len(known) for value in known) if known else None


def _known(values: Values) -> list[float | None]:
    return [value if value is not None and math.isfinite(value) else None for value in values]
