"""PanelBorder: what stands on the border of a panel."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Region
from textual.style import Style
from textual.widget import Widget

from llmdash.ui.text.format import by_words, fit

__all__ = ["PanelBorder"]

_LINES: Final = {"heavy": "━", "double": "═", "thick": "▀"}
_UNPLACED: Final = 200
"""Cells for a title before the panel has a size."""
_LEAST_HOW: Final = 4
"""Cells below which how a panel is looked at is left out."""


class PanelBorder:
    """Writes on the border of a panel: at its upper left what it is, at its upper right how it is looked at,
    at its lower right where one is, or what is wrong.

    Textual has one title a border, so what lies between two is drawn as part of it. Call `draw` where the
    size or the style of the widget may have changed, in `on_resize` and `notify_style_update`.
    """

    def __init__(self, widget: Widget, what: str = "") -> None:
        self._widget = widget
        self._what, self._how = what, ""
        self._where: str | Content = ""
        self._drawn: object = None

    def show(self, what: str, how: str = "", where: str | Content = "") -> None:
        """Write these words, each one line of any text; `where` may have colours."""
        self._what, self._how, self._where = what, how, where
        self.draw()

    @property
    def words(self) -> tuple[str, str, str]:
        """What is to be read, before it is cut to the width of the panel."""
        return self._what, self._how, str(self._where)

    def draw(self) -> None:
        """Write the words again, if that makes a difference."""
        widget = self._widget
        edge, color = widget.styles.border_top
        key = (self._what, self._how, self._where, widget.outer_size.width, edge, color)
        if key == self._drawn:
            return
        self._drawn = key
        if not key[3]:  # it has no place yet: what is painted first is cut by Textual
            self._write("_border_title", Content(by_words(self._what, _UNPLACED)), None)
            return
        start, end = self._blanks()
        corners = 2 - len(start) - len(end)
        room = max(1, key[3] - 4 - corners) if edge else max(1, key[3])
        what = by_words(self._what, self._room_for_what(room))
        title = Content(what)
        blank = room - cell_len(what) - 3
        if self._how and blank >= _LEAST_HOW:
            how = by_words(self._how, blank)
            between = _LINES.get(edge, "─") * (room - cell_len(what) - cell_len(how) - 2)
            line = Content.styled(f" {between} ", Style(foreground=color, bold=False))
            title = Content.assemble(title, line, Content(how))
        self._write("_border_title", Content.assemble(start, title, end), 0 if edge else None)
        below = Content.assemble(start, self._fitted_where(room), end) if self._where else Content()
        self._write(
            "_border_subtitle",
            below,
            widget.outer_size.height - 1 if widget.styles.border_bottom[0] else None,
        )

    def _room_for_what(self, room: int) -> int:
        """All of the room, or what a short `how` leaves of it: a long name is cut before a figure is."""
        left = room - cell_len(self._how) - 3
        return left if self._how and left >= room // 2 else room

    def _fitted_where(self, room: int) -> str | Content:
        if isinstance(self._where, Content):
            return self._where.truncate(room, ellipsis=True)
        return fit(self._where, room).rstrip()

    def _write(self, name: str, words: Content, y: int | None) -> None:
        """Set a title of the widget, and repaint line `y` alone: the public way repaints all."""
        widget = self._widget
        if getattr(widget, name, None) != words:
            setattr(widget, name, words)
            if y is None:
                return
            left, top = widget.gutter.left, widget.gutter.top
            widget.refresh(Region(-left, y - top, widget.outer_size.width, 1))

    def _blanks(self) -> tuple[str, str]:
        """The blanks around the words; Textual has one on each side that has a border."""
        styles = self._widget.styles
        return "" if styles.border_left[0] else " ", "" if styles.border_right[0] else " "
