"""Which columns of a table are shown at a width, and how wide each is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rich.cells import cell_len

from llmdash.lean_dataclass import dataclass
from llmdash.ui.text.format import Align, fit, fit_middle

__all__ = ["GAP", "Column", "Placed", "needed", "place"]

Cut = Literal["end", "middle"]

GAP = 1
"""Blank cells between two columns."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    `width` is in cells; it is the minimum where `flex` (its share of the remaining width) is above 0, and
    `most` the maximum then. `gap` is the number of blank cells after it.
    Columns of the highest `priority` number are dropped first where room is short; those of priority 0 stay.
    A text that is too long is `cut` at its end or in its middle; a title that is, is the `short` one instead.
    """

    key: str
    title: str
    width: int
    align: Align = "left"
    flex: int = 0
    priority: int = 0
    cut: Cut = "end"
    most: int = 10_000
    gap: int = GAP
    short: str = ""

    def title_in(self, width: int) -> str:
        """Return the title for a column of that width."""
        return self.short if self.short and cell_len(self.title) > width else self.title


@dataclass(frozen=True, slots=True)
class Placed:
    """A column that is shown: its first cell, and its width."""

    column: Column
    x: int
    width: int

    def fitted(self, text: str) -> str:
        """Return a text as one safe line that is as wide as the column."""
        if self.column.cut == "middle":
            return fit_middle(text, self.width)
        return fit(text, self.width, self.column.align)


def place(columns: Sequence[Column], width: int) -> tuple[Placed, ...]:
    """Return the columns that fit in `width` cells, from left to right; flexible ones share the rest."""
    shown = list(columns)
    while needed(shown) > width and (victim := _least_important(shown)) is not None:
        shown.remove(victim)
    spare = max(0, width - needed(shown))
    shares = sum(column.flex for column in shown)
    placed: list[Placed] = []
    x = 0
    for column in shown:
        extra = min(spare * column.flex // shares, column.most - column.width) if column.flex else 0
        spare, shares = spare - extra, shares - column.flex
        room = min(column.width + extra, width - x)
        if room <= 0 or (placed and room < column.width):
            break
        placed.append(Placed(column, x, room))
        x += room + column.gap
    return tuple(placed)


def needed(columns: Sequence[Column]) -> int:
    """Return the cells that all these columns need at least."""
    return sum(column.width + column.gap for column in columns) - columns[-1].gap if columns else 0


def _least_important(columns: Sequence[Column]) -> Column | None:
    """The column to drop next: of the highest priority number, the last one."""
    candidates = [column for column in columns if column.priority > 0]
    return max(reversed(candidates), key=lambda column: column.priority, default=None)
