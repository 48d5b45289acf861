"""TileSelection: text that is selected with the mouse in one of several boxes side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from llmdash.ui.stream.grid import Grid
from llmdash.ui.stream.selected import text_of, with_span
from llmdash.ui.stream.tile_box import TileBox
from llmdash.ui.stream.wrapping import Line, LineKind

__all__ = ["TileSelection"]

_INDENT = 2
"""Columns of a box before its text."""


class TileSelection:
    """Cuts what Textual selects, whole lines of a widget, to the text of the box in which that began."""

    def __init__(self) -> None:
        self.place: int | None = None
        """Where the mouse went down."""

    def painted(self, view: Widget, strip: Strip, y: int, grid: Grid, boxes: Sequence[TileBox]) -> Strip:
        """Return line `y` so that it knows its place, with what is selected of it in colour."""
        selection = view.text_selection
        span = self._span(selection, y, grid, boxes) if selection is not None else None
        if span is None:
            return with_span(view, strip, y, None)
        begin, end = span
        return with_span(view, strip, y, (begin, end) if end > begin else None)

    def text(self, selection: Selection, grid: Grid, boxes: Sequence[TileBox]) -> str:
        """Return what is selected, without marks and gaps."""
        return text_of(self._parts(selection, grid, boxes))

    def _parts(
        self, selection: Selection, grid: Grid, boxes: Sequence[TileBox]
    ) -> Iterator[tuple[Line, LineKind, tuple[int, int]]]:
        if self.place is None or self.place >= len(boxes):
            return
        top = grid.region(self.place).y + 1
        for at, (line, row) in enumerate(boxes[self.place].text):
            if (span := self._span(selection, top + at, grid, boxes)) is not None:
                left = self._left(top + at, grid, boxes)
                yield line, row, (span[0] - left, span[1] - left)

    def _span(
        self, selection: Selection, y: int, grid: Grid, boxes: Sequence[TileBox]
    ) -> tuple[int, int] | None:
        """Return from which to which character of line `y` text of the box is selected, None for no text."""
        if self.place is None or self.place >= len(boxes):
            return None
        at = y - grid.region(self.place).y - 1
        text, span = boxes[self.place].text, selection.get_span(y)
        if span is None or not 0 <= at < len(text):
            return None
        left = self._left(y, grid, boxes)
        right = left + sum(len(piece.text) for piece in text[at][0])
        begin, end = span
        return max(left, min(begin, right)), right if end == -1 else max(left, min(end, right))

    def _left(self, y: int, grid: Grid, boxes: Sequence[TileBox]) -> int:
        """Return how many characters of line `y` come before the text of the box."""
        place = self.place or 0
        row = place - place % grid.columns
        before = (boxes[other].lines[y - grid.region(place).y] for other in range(row, place))
        return sum(len(text) for pieces in before for text, _tail in pieces) + _INDENT
