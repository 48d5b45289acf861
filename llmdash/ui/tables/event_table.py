"""What happened in a run, a row for each event, the newest on top."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from textual.binding import BindingType

from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.error_rows import since_start
from llmdash.ui.tables.line_table import LineTable
from llmdash.ui.tables.row_painter import SIGN, Cell
from llmdash.ui.text.event_words import Event
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.messages import MomentChosen
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["EventTable"]

_HOUR_S: Final = 3600.0
_STYLES: Final = {"primary": "line-table--active", "plain": "line-table--row"}


class EventTable(LineTable):
    """Slides, rests, dead keys and bursts of errors. The cursor stays on its event when new ones come, but on
    the newest of all, where it goes along with them.

    | Key | Does |
    |---|---|
    | enter | Show what the graphs say of that moment. |

    Component classes are those of `LineTable`.
    """

    HEAD_LINES = 0
    BINDING_GROUP_TITLE = "Events"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "activate", "In the graphs", tooltip="Show the graphs, with the cursor at that moment"
        )
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(_columns(0.0), id=id)
        self._border = PanelBorder(self, "Events")
        self._events: tuple[Event, ...] = ()

    def show(self, events: tuple[Event, ...]) -> None:
        """Show these events, the newest first."""
        if events == self._events:
            return
        row, count = self.cursor_row, len(self._events)
        self._events = events
        self.set_columns(_columns(events[0].at_s if events else 0.0))
        if row and count:
            self.place_cursor(row + len(events) - count)
        self.rows_changed()
        self._write_border()

    def row_count(self) -> int:
        return len(self._events)

    def row_at(self, index: int) -> Event | None:
        return self._events[index]

    def cell_at(self, row: Any, key: str) -> Cell:
        event: Event = row
        if key == "at":
            return Cell(since_start(event.at_s).zfill(5), "line-table--muted")
        if key == "glyph":
            style = event.badge.style
            return Cell(event.badge.glyph, _STYLES.get(style, f"line-table--{style}"))
        return Cell(event.words)

    def row_activated(self) -> None:
        if self._events:
            self.post_message(MomentChosen(self, self._events[self.cursor_row].at_s))

    def on_resize(self) -> None:
        super().on_resize()
        self._write_border()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._border.draw()

    def _write_border(self) -> None:
        more = len(self._events) - self.page_rows
        hidden = f"{more} more" if more > 0 and self.page_rows else ""
        self._border.show("Events", "⏎ in the graphs", hidden)


def _columns(last_s: float) -> tuple[Column, ...]:
    """The columns of a run of that many seconds."""
    return (
        SIGN,
        Column("at", "at", 5 if last_s < _HOUR_S else 8, "right", gap=2),
        Column("glyph", "", 1, gap=2),
        Column("words", "what happened", 20, flex=1),
    )
