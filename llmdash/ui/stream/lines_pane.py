"""LinesPane: the base of panes that draw their lines themselves, scroll, and let text be selected."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import events
from textual.binding import BindingType
from textual.scroll_view import ScrollView
from textual.selection import Selection

from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.paint import Styles
from llmdash.ui.text.panel_border import PanelBorder
from llmdash.ui.text.scrolling import jump

__all__ = ["LinesPane"]

_WHEEL_LINES: Final = 3


class LinesPane(ScrollView, can_focus=True):
    """A pane with words on its border and any number of lines; its cost depends on those on screen only.

    A subclass writes `line_count` and `render_line`, and what it does differently.

    | Key | Does |
    |---|---|
    | up, down, pageup, pagedown | Scroll. |
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_lines(-1)", "Up", show=False, tooltip="A line up"),
        Binding("down", "scroll_lines(1)", "Down", show=False, tooltip="A line down"),
        Binding("pageup", "scroll_pages(-1)", "Page up", show=False, tooltip="A screenful up"),
        Binding("pagedown", "scroll_pages(1)", "Page down", show=False, tooltip="A screenful down"),
    ]

    DEFAULT_CSS = """
    LinesPane {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
    }
    """

    def __init__(
        self, what: str, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._styles_kept = Styles(self)
        self._border = PanelBorder(self, what)

    # For subclasses.

    def line_count(self) -> int:
        """Return how many lines there are, wrapped."""
        raise NotImplementedError

    @property
    def top(self) -> int:
        """The index of the first visible line."""
        return self.scroll_offset.y

    def go_to(self, top: int) -> None:
        """Scroll a line to the top, as far as there are lines below it."""
        jump(self, max(0, min(top, self.line_count() - self.content_size.height)))
        self.refresh()

    @property
    def border_words(self) -> tuple[str, str, str]:
        """What stands on the border: what this is, how it is looked at, and where one is."""
        return self._border.words

    # What Textual calls.

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_kept.clear()
        self._border.draw()

    def on_resize(self) -> None:
        self._border.draw()

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    # Keys and wheel.

    def action_scroll_lines(self, lines: int) -> None:
        self.go_to(self.top + lines)

    def action_scroll_pages(self, pages: int) -> None:
        self.go_to(self.top + pages * max(1, self.content_size.height - 1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -_WHEEL_LINES)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, _WHEEL_LINES)

    def _wheel(self, event: events.MouseScrollUp | events.MouseScrollDown, lines: int) -> None:
        """Scroll; where all is visible, leave the wheel to what this is in."""
        event.prevent_default()
        if self.line_count() > self.content_size.height:
            event.stop()
            self.go_to(self.top + lines)
