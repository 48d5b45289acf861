"""The lines of a table: a header, and rows below it. Their cost depends on those on screen only."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from textual.geometry import Offset, Region, Spacing
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.row_painter import HEADER, ROW, Cell, LineKey, RowPainter
from llmdash.ui.text.highlight import highlighted
from llmdash.ui.text.scrolling import jump, resize

__all__ = ["HEADER_LINES", "LineView"]

HEADER_LINES = 1
"""The lines above the rows, of a table without a line of its own there."""


class LineView(ScrollView):
    """Draws only the lines on screen, and repaints only those that changed.

    The header and the lines that `head_line` draws do not scroll, and the scrollbar stands beside the rows.
    The text of rows can be selected with the mouse.

    | Component class | Styles |
    |---|---|
    | `line-table--header` | The header line. |
    | `line-table--sorted` | The title of the column the rows are sorted by. |
    | `line-table--row` | Plain text of a row. |
    | `line-table--muted` | Text that matters less. |
    | `line-table--faint` | Zeros, and what parts others. |
    | `line-table--accent` | What the user has set or can press. |
    | `line-table--chosen` | What is chosen in a line above the rows. |
    | `line-table--active` | Text of what is in flight. |
    | `line-table--waiting` | Text of what waits. |
    | `line-table--success`, `--warning`, `--error` | Text that shows an outcome. |
    | `line-table--cursor` | The background of the row under the cursor. |
    | `line-table--cursor-blurred` | The same while the table has no focus. |
    | `line-table--hover` | The background of the row under the mouse. |
    | `line-table--marked` | The background of a marked row. |
    """

    HEAD_LINES: ClassVar[int] = HEADER_LINES
    """The lines above the rows: the header, and those that `head_line` draws; 0 for no header."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line-table--faint",
        "line-table--accent",
        "line-table--chosen",
        "line-table--header",
        "line-table--sorted",
        "line-table--row",
        "line-table--muted",
        "line-table--active",
        "line-table--waiting",
        "line-table--success",
        "line-table--warning",
        "line-table--error",
        "line-table--cursor",
        "line-table--cursor-blurred",
        "line-table--hover",
        "line-table--marked",
    }

    DEFAULT_CSS = """
    LineView {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        & > .line-table--header { color: $text-muted; }
        & > .line-table--sorted { color: $foreground; text-style: bold; }
        & > .line-table--faint { color: $border-blurred; }
        & > .line-table--accent { color: $text-accent; text-style: bold; }
        & > .line-table--chosen { color: $foreground; background: $primary 35%; text-style: bold; }
        & > .line-table--row { color: $foreground; }
        & > .line-table--muted { color: $text-muted; }
        & > .line-table--active { color: $text-primary; }
        & > .line-table--waiting { color: $text-secondary; }
        & > .line-table--success { color: $text-success; }
        & > .line-table--warning { color: $text-warning; }
        & > .line-table--error { color: $text-error; }
        & > .line-table--cursor { background: $block-cursor-blurred-background; text-style: bold; }
        & > .line-table--cursor-blurred { background: $foreground 10%; }
        & > .line-table--hover { background: $foreground 6%; }
        & > .line-table--marked { background: $warning 20%; }
        &:nocolor > .line-table--cursor, &:nocolor > .line-table--chosen { text-style: reverse; }
        &:nocolor > .line-table--marked { text-style: underline; }
    }
    """

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._painter = RowPainter(self, columns)
        self._painted: list[LineKey] = []
        self._is_painting = False
        self._drawn_width: int | None = None
        """The cells of a line while many are drawn; None otherwise."""
        self._moved = 0

    # For subclasses.

    def row_count(self) -> int:
        """Return the number of rows."""
        raise NotImplementedError

    def row_at(self, index: int) -> Hashable | None:
        """Return what decides the look of a row, None while it is not known."""
        raise NotImplementedError

    def cell_at(self, row: Any, key: str) -> Cell:
        """Return the cell in the column `key` of a row that `row_at` returned."""
        raise NotImplementedError

    def whole_line(self, row: Any, width: int) -> Sequence[Cell] | None:
        """Return the pieces of a row without columns, `width` cells at most; None for a row with columns."""
        return None

    def head_line(self, y: int, width: int) -> Sequence[Cell]:
        """Return the pieces of a line between the header and the rows, in `width` cells at most."""
        return ()

    def hint(self) -> str:
        """Return what to say where there are no rows."""
        return ""

    def title_of(self, column: Column) -> Cell:
        """Return the header of a column."""
        return Cell(column.title_in(self.column_width(column.key)), HEADER)

    def ground_of(self, index: int, row: Any) -> str:
        """Return the component class of the background of a row, which is None while it is not known."""
        return ROW

    def window_moved(self) -> None:
        """Called after the first visible row changed."""

    # Positions.

    @property
    def top(self) -> int:
        """The index of the first visible row."""
        return self.scroll_offset.y

    @property
    def page_rows(self) -> int:
        """The number of rows that fit on screen."""
        return max(0, self.scrollable_content_region.height - self.HEAD_LINES)

    def place_top(self, index: int) -> None:
        """Make a row the first visible one, without a full repaint."""
        jump(self, min(index, self.row_count() - self.page_rows))

    # New data.

    def rows_changed(self) -> None:
        """Repaint the lines on screen that look different now."""
        self._fit_scrollbar()
        self._repaint_changed()

    def header_changed(self) -> None:
        """Repaint the header: other titles, or another column that the rows are sorted by."""
        self.refresh(Region(0, 0, self.scrollable_content_region.width, 1))

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Replace the columns; does nothing if they are the same."""
        if tuple(columns) != self._painter.columns:
            self._painter.columns = columns
            self.refresh()

    @property
    def line_width(self) -> int:
        """The cells that the texts of a line have."""
        return max(0, self._content_width - self._painter.margin)

    def column_width(self, key: str) -> int:
        """Return the width of a column as it is shown, in cells; 0 where there is no room for it."""
        return self._painter.column_width(key, self._content_width)

    @property
    def _content_width(self) -> int:
        return self.scrollable_content_region.width if self._drawn_width is None else self._drawn_width

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._painter.forget()

    def _fit_scrollbar(self) -> None:
        """Set the scrollbar to the number of rows; lays out only where it appears or disappears."""
        resize(self, self.row_count() + self.HEAD_LINES)
        if self.top > max(0, self.row_count() - self.page_rows):
            self.place_top(self.top)

    def _repaint_changed(self) -> None:
        """Mark what looks different from what was painted last, all in one call."""
        size = self.scrollable_content_region.size
        top, count = self.top, self.row_count()
        wanted = [self._line_key(top + y, count) for y in range(max(0, size.height - self.HEAD_LINES))]
        if len(wanted) != len(self._painted):
            self._painted = wanted
            self.refresh()
            return
        with self._drawing():
            changed = self._changed_cells(wanted, size.width)
        self._painted = wanted
        if changed:
            self.refresh(*changed)

    def _changed_cells(self, wanted: Sequence[LineKey], width: int) -> list[Region]:
        return [
            region.translate(Offset(0, self.HEAD_LINES + y))
            for y, (before, now) in enumerate(zip(self._painted, wanted, strict=True))
            if before != now
            for region in self._painter.changed_cells(before, now, width, self)
        ]

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """A context in which the width of the lines is looked up once for all cells."""
        self._drawn_width = self.scrollable_content_region.width
        try:
            yield
        finally:
            self._drawn_width = None

    def _line_key(self, index: int, count: int) -> LineKey:
        if index >= count:
            return LineKey(self.hint() or None if not index else None, "")
        row = self.row_at(index)
        return LineKey(row, self.ground_of(index, row))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.window_moved()

    def _arrange_scrollbars(self, region: Region) -> Iterable[tuple[Widget, Region]]:
        """Place the scrollbar beside the rows, since what is above them does not scroll."""
        for bar, place in super()._arrange_scrollbars(region.shrink(Spacing(top=self.HEAD_LINES))):
            self.vertical_scrollbar.window_size = region.height
            yield bar, place

    # Drawing.

    def render_line(self, y: int) -> Strip:
        width = self._content_width
        if y < min(HEADER_LINES, self.HEAD_LINES):
            return self._painter.header(width, self.title_of)
        if y < self.HEAD_LINES:
            return self._painter.whole(self.head_line(y, self.line_width), ROW, width)
        index = self.top + y - self.HEAD_LINES
        strip = self._painter.row(self._line_key(index, self.row_count()), width, self)
        strip = highlighted(self, strip, self._place_of(index))
        return strip if self._is_painting else strip.apply_offsets(0, self._place_of(index))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw lines for the screen. Only the mouse asks for a single one: it alone has to know its place,
        which costs more than all else.
        """
        self._is_painting = True
        try:
            with self._drawing():
                return super().render_lines(crop)
        finally:
            self._is_painting = False

    # What the mouse selects of the text of rows.

    def rows_moved(self, down: int) -> None:
        """Keep what is selected with its rows, which are `down` lines further down now."""
        self._moved += down

    def unselect(self) -> None:
        """Drop the selection: there are other rows now."""
        if self.is_attached and self.text_selection is not None:
            self.screen.clear_selection()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return what is selected, a line for each row that is known, and `…` for the others."""
        first = 0 if selection.start is None else max(0, selection.start.y + self._moved)
        last = self.row_count() - 1
        last = last if selection.end is None else min(last, selection.end.y + self._moved)
        width = self.scrollable_content_region.width
        texts: list[str] = []
        for index in range(first, last + 1):
            if self.row_at(index) is None:
                texts += ["…"] if texts[-1:] != ["…"] else []
                continue
            text = self._painter.row(self._line_key(index, last + 1), width, self).text
            start, end = selection.get_span(self._place_of(index)) or (0, 0)
            texts.append(text[max(start, self._painter.sign_cells) : None if end < 0 else end].rstrip())
        return "\n".join(texts), "\n"

    def _place_of(self, index: int) -> int:
        """The line of a row by which a selection knows it: it stays the same where rows come above it."""
        return index - self._moved
