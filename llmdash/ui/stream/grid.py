"""Grid: boxes of one size side by side and one below the other, as many as fit."""

from __future__ import annotations

from typing import Final, NamedTuple

from textual.geometry import Region

__all__ = ["BORDERS", "Grid", "fit_grid"]

NARROWEST: Final = 24
WIDTH: Final = 56
"""The preferred width of a box, borders included; two narrow columns are better than one."""
LINES: Final = 5
"""The preferred height of a box, borders included."""
BORDERS: Final = 2
"""Lines, and columns on each side, that are no text of a box."""


class Grid(NamedTuple):
    """Boxes in `columns` and `rows`; the last column and row take the remaining cells."""

    columns: int
    rows: int
    width: int
    height: int

    @property
    def boxes(self) -> int:
        return self.columns * self.rows

    def region(self, place: int) -> Region:
        """Return the region of box `place`, counted from 0, row by row."""
        row, column = divmod(place, self.columns)
        x, y = column * (self.width // self.columns), row * (self.height // self.rows)
        right = self.width if column == self.columns - 1 else x + self.width // self.columns
        bottom = self.height if row == self.rows - 1 else y + self.height // self.rows
        return Region(x, y, right - x, bottom - y)

    def place_at(self, x: int, y: int) -> int:
        """Return the place of the box that a cell is in."""
        row = min(y // max(1, self.height // self.rows), self.rows - 1)
        column = min(x // max(1, self.width // self.columns), self.columns - 1)
        return row * self.columns + column


def fit_grid(width: int, height: int) -> Grid:
    """Return the boxes for `width` x `height` cells; none if not even one has room for a line of text."""
    if width < NARROWEST or height <= BORDERS:
        return Grid(0, 0, width, height)
    columns = max(width // WIDTH, min(2, width // NARROWEST))
    return Grid(columns, max(1, height // LINES), width, height)
