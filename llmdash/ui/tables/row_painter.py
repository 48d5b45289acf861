"""Draws the lines of a table, and caches each strip as long as it looks the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from rich.cells import cell_len
from rich.style import Style
from textual.cache import LRUCache
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip

from llmdash.sanitize import clean_line
from llmdash.ui.tables.columns import Column, Placed, place
from llmdash.ui.text.format import fit
from llmdash.ui.text.paint import Styles, differences, line

__all__ = ["CHOSEN", "CURSOR", "HEADER", "MARK", "MUTED", "ROW", "SIGN", "Cell", "LineKey", "RowPainter"]

HEADER = "line-table--header"
ROW = "line-table--row"
MUTED = "line-table--muted"
CHOSEN = "line-table--chosen"
"""Has a background of its own."""
SIGN = Column("sign", "", 1, gap=0)
"""The first column of a table, where `›` stands in the row under the cursor; the painter draws it."""
CURSOR = "line-table--cursor"
MARK: Final = "▪"
"""Stands in the first column of a row that the user has marked."""
KEPT_STRIPS = 1024


class Cell(NamedTuple):
    """A cell: its text, not yet fitted, and the component class of the text; or some `pieces`, each a text
    and its component class.
    """

    text: str
    style: str = ROW
    pieces: tuple[tuple[str, str], ...] = ()


class LineKey(NamedTuple):
    """Everything that decides the look of a row's line. Two lines with equal keys look the same.

    `ground` is the component class of the background, "" below the last row, where `row` may be a text to
    show; `row` is None while unknown.
    """

    row: Hashable
    ground: str


class Rows(Protocol):
    """What a painter requires of its table."""

    def cell_at(self, row: Any, key: str) -> Cell:
        """Return the cell in the column `key` of a row."""

    def whole_line(self, row: Any, width: int) -> Sequence[Cell] | None:
        """Return the pieces of a row without columns; None for a row with columns."""


class RowPainter:
    """The columns of a table at its present width, and a cache of strips."""

    def __init__(self, view: ScrollView, columns: Sequence[Column]) -> None:
        self._view = view
        self._styles = Styles(view)
        self._columns = tuple(columns)
        self._placed: tuple[Placed, ...] = ()
        self._width, self._margin = -1, 0
        self._strips: LRUCache[LineKey, Strip] = LRUCache(KEPT_STRIPS)

    @property
    def columns(self) -> tuple[Column, ...]:
        return self._columns

    @columns.setter
    def columns(self, columns: Sequence[Column]) -> None:
        self._columns = tuple(columns)
        self._width = -1

    def forget(self) -> None:
        """Clear the cache, since the styles have changed."""
        self._styles.clear()
        self._strips.clear()

    def column_at(self, x: int) -> Column | None:
        """Return the column at the cell `x` of a line, None between columns."""
        for placed in self._placed:
            if placed.x <= x < placed.x + placed.width:
                return placed.column
        return None

    def header(self, width: int, title_of: Callable[[Column], Cell]) -> Strip:
        """Return the header line."""
        self._fit(width)
        return self._draw([title_of(placed.column) for placed in self._placed], HEADER)

    def column_width(self, key: str, width: int) -> int:
        """Return the width of a column in lines of `width` cells; 0 where there is no room for it."""
        self._fit(width)
        return next((placed.width for placed in self._placed if placed.column.key == key), 0)

    def row(self, key: LineKey, width: int, rows: Rows) -> Strip:
        """Return the line of a row; the same strip if nothing changed."""
        self._fit(width)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._draw_row(key, rows)
        return strip

    def changed_cells(self, before: LineKey, now: LineKey, width: int, rows: Rows) -> Iterable[Region]:
        """Return what of the line of a row is another one than it was, as a region of the first line."""
        self._fit(width)
        old, new = self._strips.get(before), self.row(now, width, rows)
        return [Region(0, 0, width, 1)] if old is None else differences([old], [new])

    @property
    def sign_cells(self) -> int:
        """The cells at the beginning of a row that show where the cursor is, and are no text of it."""
        return self._columns[0].width if self._columns and not self._columns[0].gap else 0

    @property
    def margin(self) -> int:
        """The blank cells at the right end of a line: texts do not touch the scrollbar."""
        return int(self._view.show_vertical_scrollbar)

    def _fit(self, width: int) -> None:
        if (width, self.margin) != (self._width, self._margin):
            self._width, self._margin = width, self.margin
            self._placed = place(self._columns, width - self._margin)
            self._strips.clear()

    def _draw_row(self, key: LineKey, rows: Rows) -> Strip:
        if not key.ground:
            hint = " " * self.sign_cells + str(key.row) if key.row else ""
            return self.whole([Cell(hint, MUTED)], ROW, self._width)
        if key.row is None:
            return self._draw([Cell("·" * bool(each.column.gap), MUTED) for each in self._placed], key.ground)
        if (whole := rows.whole_line(key.row, self._width - self._margin)) is not None:
            return self.whole(whole, key.ground, self._width)
        return self._draw([self._cell(key, placed.column, rows) for placed in self._placed], key.ground)

    def _cell(self, key: LineKey, column: Column, rows: Rows) -> Cell:
        if column is SIGN:
            return Cell("›" if key.ground == CURSOR else "", "line-table--accent")
        return rows.cell_at(key.row, column.key)

    def whole(self, cells: Sequence[Cell], ground: str, width: int) -> Strip:
        """Return a line without columns."""
        pieces = [
            (
                cell.text,
                self._styles.get(CHOSEN) if cell.style == CHOSEN else self._styles.over(cell.style, ground),
            )
            for cell in cells
        ]
        return line(pieces, width, self._styles.get(ground))

    def _draw(self, cells: Sequence[Cell], ground: str) -> Strip:
        blank = self._styles.get(ground)
        pieces = []
        x = 0
        for placed, cell in zip(self._placed, cells, strict=True):
            gap = " " * (placed.x - x)
            if cell.pieces:
                pieces.append((gap, blank))
                pieces += self._fitted(cell.pieces, placed.width, ground)
            else:
                pieces.append((gap + placed.fitted(cell.text), self._styles.over(cell.style, ground)))
            x = placed.x + placed.width
        return line(pieces, self._width, blank)

    def _fitted(self, pieces: Sequence[tuple[str, str]], width: int, ground: str) -> list[tuple[str, Style]]:
        """The pieces of a cell in exactly `width` cells; what has no room is cut."""
        fitted, room = [], width
        for number, (text, style) in enumerate(pieces):
            is_last = number == len(pieces) - 1
            text = fit(text, room if is_last else min(room, cell_len(clean_line(text[: 8 * width + 64]))))
            fitted.append((text, self._styles.over(style, ground)))
            room -= cell_len(text)
        return fitted
