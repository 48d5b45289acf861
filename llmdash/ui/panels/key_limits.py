"""The table of keys, in which the limits of a key can be typed."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.events import Click, Key

from llmdash.engine.model.frame import KeyRow
from llmdash.lean_dataclass import dataclass
from llmdash.ui.panels.key_rows import WholeLine
from llmdash.ui.panels.key_table import KeyTable
from llmdash.ui.panels.limit_editor import KeyLimits, LimitEditor
from llmdash.ui.tables.row_painter import Cell
from llmdash.ui.text.messages import FromWidget

__all__ = ["EditableKeys"]


class EditableKeys(KeyTable):
    """A table of keys; the limits of one can be typed in its line, which then takes every key."""

    @dataclass
    class Limited(FromWidget):
        """Posted when the user sets the limits of a key."""

        label: str
        limits: KeyLimits

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, id: str | None = None) -> None:
        super().__init__(clock=clock, id=id)
        self._editor: LimitEditor | None = None

    @property
    def edit_hint(self) -> str:
        """What to say of the limit that is typed; empty where none is."""
        return "" if self._editor is None else self._editor.hint

    def edit_changed(self) -> None:
        """Called when another limit is typed, or none any more."""

    def edit(self, key: KeyRow) -> None:
        """Let the limits of a key be typed."""
        self._use(LimitEditor(key))

    def row_at(self, index: int) -> tuple[Cell, ...] | WholeLine:
        if self._editor is not None and self._is_edited(index):
            return WholeLine(self._editor.cells())
        return super().row_at(index)

    def _is_edited(self, index: int) -> bool:
        row = self._rows[index] if index < len(self._rows) else None
        return self._editor is not None and isinstance(row, KeyRow) and row.label == self._editor.label

    def _use(self, editor: LimitEditor | None) -> None:
        self._editor = editor
        self.rows_changed()
        self.edit_changed()

    def on_key(self, event: Key) -> None:
        editor = self._editor
        if editor is None:
            return
        event.stop()
        event.prevent_default()
        if event.key == "escape":
            self._use(None)
        elif event.key == "enter":
            self._set_limits(editor)
        elif editor.press(event.key, event.character or ""):
            self._use(editor)

    def on_click(self, event: Click) -> None:
        """Go to the field that is clicked; a click on another line leaves the limits as they are."""
        editor = self._editor
        if editor is None:
            return
        x, y = event.get_content_offset_capture(self)
        if self._is_edited(self.top + y - self.HEAD_LINES):
            event.stop()
            event.prevent_default()
            if editor.go_to(x):
                self._use(editor)
        else:
            self._use(None)

    def _set_limits(self, editor: LimitEditor) -> None:
        try:
            limits = editor.limits()
        except ValueError as refused:
            self.notify(str(refused), severity="warning", markup=False)
            return
        self._use(None)
        self.post_message(self.Limited(self, editor.label, limits))

    def on_blur(self) -> None:
        self._use(None)
