"""The base of all tables: rows with a cursor, which keys and the mouse move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import events
from textual.binding import BindingType

from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.line_view import HEADER_LINES, LineView
from llmdash.ui.tables.row_painter import CURSOR, ROW
from llmdash.ui.text.keymap import KeyBinding as Binding

__all__ = ["LineTable"]


class LineTable(LineView, can_focus=True):
    """Rows with a cursor.

    A subclass writes `row_count`, `row_at` and `cell_at`, and calls `rows_changed` after new data.

    | Key | Does |
    |---|---|
    | up, down | Move the cursor by a row. |
    | pageup, pagedown | Move it by a page. |
    | home, end | Move it to the first or last row. |
    | enter | Activate the row under the cursor. |

    Component classes are those of `LineView`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor(-1)", "Up", show=False, tooltip="The row above"),
        Binding("down", "cursor(1)", "Down", show=False, tooltip="The row below"),
        Binding("pageup", "page(-1)", "Page up", show=False, tooltip="A screenful up"),
        Binding("pagedown", "page(1)", "Page down", show=False, tooltip="A screenful down"),
        Binding("home", "first", "First", show=False, tooltip="The first row"),
        Binding("end", "last", "Last", show=False, tooltip="The last row"),
        Binding("enter", "activate", "Open", show=False, tooltip="Open the row under the cursor"),
    ]

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(columns, name=name, id=id, classes=classes)
        self._cursor = 0
        self._hover: int | None = None

    # For subclasses.

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

    def head_clicked(self, y: int, x: int) -> None:
        """Called when a line between the header and the rows is clicked."""

    # The cursor.

    @property
    def cursor_row(self) -> int:
        """The index of the row under the cursor."""
        return self._cursor

    def place_cursor(self, index: int) -> None:
        """Put the cursor on a row without calling `cursor_moved`; `rows_changed` paints it."""
        self._cursor = max(0, min(index, self.row_count() - 1))

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

    def ground_of(self, index: int, row: Any) -> str:
        if index == self._cursor:
            return CURSOR if self.has_focus else "line-table--cursor-blurred"
        if row is not None and self.is_marked(row):
            return "line-table--marked"
        return "line-table--hover" if index == self._hover else ROW

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
        if round(old_value) != round(new_value):
            self._hover = None
        super().watch_scroll_y(old_value, new_value)

    def watch_has_focus(self, _has_focus: bool) -> None:
        super().watch_has_focus(_has_focus)
        self._repaint_changed()

    def on_resize(self) -> None:
        self._fit_scrollbar()
        self.move_cursor(self._cursor)
        self.window_moved()

    def on_click(self, event: events.Click) -> None:
        event.prevent_default()  # a second click opens the row, it does not select all text
        if self.text_selection is not None:
            return
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
