"""PanelBorder: what stands on the border of a panel."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len
from textual.content import Content
from textual.style import Style
from textual.widget import Widget

from llmdash.ui.text.format import by_words, fit

__all__ = ["PanelBorder"]

_LINES: Final = {"heavy": "━", "double": "═", "thick": "▀"}
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
        self._what, self._how, self._where = what, "", ""
        self._drawn: object = None

    def show(self, what: str, how: str = "", where: str = "") -> None:
        """Write these words, each one line of any text."""
        self._what, self._how, self._where = what, how, where
        self.draw()

    @property
    def words(self) -> tuple[str, str, str]:
        """What is to be read, before it is cut to the width of the panel."""
        return self._what, self._how, self._where

    def draw(self) -> None:
        """Write the words again, if that makes a difference."""
        widget = self._widget
        edge, color = widget.styles.border_top
        key = (self._what, self._how, self._where, widget.outer_size.width, edge, color)
        if key == self._drawn:
            return
        self._drawn = key
        sides = self._sides()
        room = max(1, key[3] - 2 - 2 * max(1, sides)) if edge else 1
        what = by_words(self._what, room)
        title = Content(what)
        blank = room - cell_len(what) - 3
        if self._how and blank >= _LEAST_HOW:
            how = by_words(self._how, blank)
            between = _LINES.get(edge, "─") * (room - cell_len(what) - cell_len(how) - 2)
            line = Content.styled(f" {between} ", Style(foreground=color, bold=False))
            title = Content.assemble(title, line, Content(how))
        blank_end = "" if sides else " "
        widget.border_title = Content.assemble(blank_end, title, blank_end)
        where = fit(self._where, room).rstrip() if self._where else ""
        widget.border_subtitle = Content(f"{blank_end}{where}{blank_end}" if where else "")

    def _sides(self) -> int:
        """How many sides have a border; Textual has a blank beside the words for each."""
        styles = self._widget.styles
        return bool(styles.border_left[0]) + bool(styles.border_right[0])
