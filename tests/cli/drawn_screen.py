"""A terminal's screen that is cheap to look at often."""

from __future__ import annotations

import pyte
from rich.cells import cell_len

__all__ = ["DrawnScreen"]


class DrawnScreen(pyte.Screen):
    """A screen whose lines are put together anew only where they were drawn upon."""

    def __init__(self, columns: int, rows: int) -> None:
        self._texts: dict[int, str] = {}
        super().__init__(columns, rows)

    @property
    def display(self) -> list[str]:
        """The lines, as text."""
        for row in self.dirty:
            self._texts.pop(row, None)
            self._texts.pop(row - 1, None)  # an accent at the start of a line belongs to the end of the other
        self.dirty.clear()
        for row in range(self.lines):
            if row not in self._texts:
                self._texts[row] = self._text(row)
        return [self._texts[row] for row in range(self.lines)]

    def _text(self, row: int) -> str:
        line, cells, column = self.buffer[row], [], 0
        while column < self.columns:
            cells.append(line[column].data)
            column += 1 if cells[-1].isascii() or cell_len(cells[-1][0]) != 2 else 2  # what a wide one covers
        return "".join(cells)
