"""The base of all tables: a header, rows, a cursor. Its cost depends on the lines on screen only."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.scroll_view import ScrollView
from textual.strip import Strip

from llmdash.sanitize import clean_line
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.row_painter import HEADER, ROW, Cell, LineKey, RowPainter
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.paint import regions
from llmdash.ui.text.scrolling import jump, resize

__all__ = ["Cell", "LineTable"]

HEADER_LINES = 1
"""The lines above the rows, of a table without a line of its own there."""


class LineTable(ScrollView, can_focus=True):
    """A table that draws only the lines on screen, and repaints only those that changed.

    A subclass writes `row_count`, `row_at` and `cell_at`, and calls `rows_changed` after new data.

    | Key | Does |
    |---|---|
    | up, down | Move the cursor by a row. |
    | pageup, pagedown | Move it by a page. |
    | home, end | Move it to the first or last row. |
    | enter | Activate the row under the cursor. |

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

    ALLOW_SELECT = False

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor(-1)", "Up", show=False, tooltip="The row above"),
        Binding("down", "cursor(1)", "Down", show=False, tooltip="The row below"),
        Binding("pageup", "page(-1)", "Page up", show=False, tooltip="A screenful up"),
        Binding("pagedown", "page(1)", "Page down", show=False, tooltip="A screenful down"),
        Binding("home", "first", "First", show=False, tooltip="The first row"),
        Binding("end", "last", "Last", show=False, tooltip="The last row"),
        Binding("enter", "activate", "Open", show=False, tooltip="Open the row under the cursor"),
    ]

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
    LineTable {
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
        & > .line-table--cursor { background: $primary 35%; text-style: bold; }
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
        self._title = self._subtitle = ""
        self._cursor = 0
        self._hover: int | None = None

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

    def head_clicked(self, y: int, x: int) -> None:
        """Called when a line between the header and the rows is clicked."""

    def hint(self) -> str:
        """Return what to say where there are no rows."""
        return ""

    def title_of(self, column: Column) -> Cell:
        """Return the header of a column."""
        return Cell(column.title, HEADER)

    def is_marked(self, row: Any) -> bool:
        """True if the user has marked the row."""
        return False

    def cursor_moved(self) -> None:
        """Called after the user moved the cursor to another row."""

    def row_activated(self) -> None:
        """Called when enter is pressed or a row is clicked twice."""

    def row_picked(self) -> None:
        """Called when a row is clicked with ctrl."""

    def header_clicked(self, key: str) -> None:
        """Called when the header of a column is clicked."""

    def window_moved(self) -> None:
        """Called after the first visible row changed."""

    # Positions.

    @property
    def cursor_row(self) -> int:
        """The index of the row under the cursor."""
        return self._cursor

    @property
    def top(self) -> int:
        """The index of the first visible row."""
        return self.scroll_offset.y

    @property
    def page_rows(self) -> int:
        """The number of rows that fit on screen."""
        return max(0, self.scrollable_content_region.height - self.HEAD_LINES)

    def place_cursor(self, index: int) -> None:
        """Put the cursor on a row without calling `cursor_moved`; `rows_changed` paints it."""
        self._cursor = max(0, min(index, self.row_count() - 1))

    def place_top(self, index: int) -> None:
        """Make a row the first visible one, without a full repaint."""
        jump(self, min(index, self.row_count() - self.page_rows))

    def move_cursor(self, index: int) -> None:
        """Move the cursor as the user does: scroll it into view and paint at once."""
        before, top = self._cursor, self.top
        self.place_cursor(index)
        if self._cursor < top:
            self.place_top(self._cursor)
        elif self._cursor >= top + self.page_rows:
            self.place_top(self._cursor - self.page_rows + 1)
        self._repaint_changed()
        if self._cursor != before:
            self.cursor_moved()
        if self.top != top:
            self.window_moved()

    # New data.

    def rows_changed(self) -> None:
        """Repaint the lines on screen that look different now."""
        self._fit_scrollbar()
        self._repaint_changed()

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Replace the columns; does nothing if they are the same."""
        if tuple(columns) != self._painter.columns:
            self._painter.columns = columns
            self.refresh()

    def set_title(self, text: str) -> None:
        """Set the border title to plain text; does nothing if it is the same."""
        if text != self._title:
            self._title = text
            self.border_title = Content(clean_line(text))

    def set_subtitle(self, text: str) -> None:
        """Set the border subtitle to plain text; does nothing if it is the same."""
        if text != self._subtitle:
            self._subtitle = text
            self.border_subtitle = Content(clean_line(text))

    def column_width(self, key: str) -> int:
        """Return the width of a column as it is shown, in cells; 0 where there is no room for it."""
        return self._painter.column_width(key, self.scrollable_content_region.width)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._painter.forget()

    def _fit_scrollbar(self) -> None:
        """Set the scrollbar to the number of rows; lays out only where it appears or disappears."""
        resize(self, self.row_count() + self.HEAD_LINES)
        if self.top > max(0, self.row_count() - self.page_rows):
            self.place_top(self.top)

    def _repaint_changed(self) -> None:
        """Mark the lines whose look differs from what was painted last, all in one call."""
        size = self.scrollable_content_region.size
        top, count = self.top, self.row_count()
        wanted = [self._line_key(top + y, count) for y in range(max(0, size.height - self.HEAD_LINES))]
        if len(wanted) != len(self._painted):
            self._painted = wanted
            self.refresh()
            return
        changed = [y + self.HEAD_LINES for y, key in enumerate(wanted) if key != self._painted[y]]
        self._painted = wanted
        if changed:
            self.refresh(*regions(changed, size.width))

    def _line_key(self, index: int, count: int) -> LineKey:
        if index >= count:
            return LineKey(self.hint() or None if not index else None, "")
        row = self.row_at(index)
        if index == self._cursor:
            ground = "line-table--cursor" if self.has_focus else "line-table--cursor-blurred"
        elif row is not None and self.is_marked(row):
            ground = "line-table--marked"
        elif index == self._hover:
            ground = "line-table--hover"
        else:
            ground = ROW
        return LineKey(row, ground)

    # Drawing.

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y < min(HEADER_LINES, self.HEAD_LINES):
            return self._painter.header(width, self.title_of)
        if y < self.HEAD_LINES:
            return self._painter.whole(self.head_line(y, width), ROW, width)
        key = self._line_key(self.top + y - self.HEAD_LINES, self.row_count())
        return self._painter.row(key, width, self)

    # Keys and mouse.

    def action_cursor(self, rows: int) -> None:
        self.move_cursor(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        self.move_cursor(self._cursor + pages * max(1, self.page_rows - 1))

    def action_first(self) -> None:
        self.move_cursor(0)

    def action_last(self) -> None:
        self.move_cursor(self.row_count() - 1)

    def action_activate(self) -> None:
        self.row_activated()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._hover = None
            self.window_moved()

    def watch_has_focus(self, _has_focus: bool) -> None:
        super().watch_has_focus(_has_focus)
        self._repaint_changed()

    def on_resize(self) -> None:
        self._fit_scrollbar()
        self.move_cursor(self._cursor)
        self.window_moved()

    def on_click(self, event: events.Click) -> None:
        x, y = event.get_content_offset_capture(self)
        if y < min(HEADER_LINES, self.HEAD_LINES):
            if column := self._painter.column_at(x):
                self.header_clicked(column.key)
            return
        if y < self.HEAD_LINES:
            self.head_clicked(y, x)
            return
        index = self.top + y - self.HEAD_LINES
        if index < self.row_count():
            self.move_cursor(index)
            if event.ctrl:
                self.row_picked()
            elif event.chain == 2:
                self.row_activated()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        y = event.get_content_offset_capture(self).y
        self._set_hover(self.top + y - self.HEAD_LINES if y >= self.HEAD_LINES else None)

    def on_leave(self) -> None:
        self._set_hover(None)

    def _set_hover(self, index: int | None) -> None:
        if index != self._hover:
            self._hover = index
            self._repaint_changed()
