"""TextPane: a text of any length that scrolls, can be selected, and costs what is visible of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import events
from textual.binding import BindingType
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from llmdash.ui.stream.selected import selected_text, with_selection
from llmdash.ui.stream.wrapping import Kind, Line, LineKind, wrap
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.paint import Styles, line
from llmdash.ui.text.panel_border import PanelBorder
from llmdash.ui.text.scrolling import jump, resize

__all__ = ["TextPane"]

_SCROLLBAR: Final = 1
_USUAL_WIDTH: Final = 80
_WHEEL_LINES: Final = 3
_CLASSES: Final = {kind: f"text-pane--{kind.name.lower()}" for kind in Kind}


class TextPane(ScrollView, can_focus=True):
    """Shows lines of spans, wrapped at words. Component classes are `text-pane--` and the name of a kind."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_lines(-1)", "Up", show=False, tooltip="A line up"),
        Binding("down", "scroll_lines(1)", "Down", show=False, tooltip="A line down"),
        Binding("pageup", "scroll_pages(-1)", "Page up", show=False, tooltip="A screenful up"),
        Binding("pagedown", "scroll_pages(1)", "Page down", show=False, tooltip="A screenful down"),
        Binding("home", "top", "Top", show=False, tooltip="The first line"),
        Binding("end", "bottom", "End", show=False, tooltip="The last line"),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {*_CLASSES.values()}

    DEFAULT_CSS = """
    TextPane {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        & > .text-pane--text { color: $foreground; }
        & > .text-pane--mark { color: $text-accent; text-style: dim; }
        & > .text-pane--gap { color: $border-blurred; }
        & > .text-pane--stall { color: $text-warning; }
        & > .text-pane--heading { color: $foreground; text-style: bold; }
        & > .text-pane--name { color: $foreground; text-style: bold; }
        & > .text-pane--caret { color: $text-primary; }
        & > .text-pane--found { color: $background; background: $accent; }
        & > .text-pane--words { color: $text-muted; }
        & > .text-pane--error { color: $text-error; }
        & > .text-pane--role { color: $text-secondary; text-style: bold; }
        & > .text-pane--warning { color: $text-warning; text-style: bold; }
        & > .text-pane--success { color: $text-success; }
        & > .text-pane--strong { color: $foreground; text-style: bold; }
        & > .text-pane--code { color: $text-secondary; }
        & > .text-pane--taken { color: $text-error; text-style: bold; }
        & > .text-pane--thought { color: $text-muted; text-style: italic; }
        & > .text-pane--added { color: $text-success; text-style: bold; }
        &:nocolor > .text-pane--found { text-style: reverse; }
    }
    """

    def __init__(self, what: str, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._styles_kept = Styles(self)
        self._given: Sequence[Line] = ()
        self._width = 0
        self._lines: list[Line] = []
        self._rows: list[LineKind] = []
        self._starts: list[int] = []
        """Where each of the given lines begins among the wrapped ones."""
        self._border = PanelBorder(self, what)

    @property
    def lines(self) -> Sequence[Line]:
        """The lines as they are wrapped."""
        return self._lines

    @property
    def text(self) -> str:
        """The whole text, as a selection of all of it has it."""
        return selected_text(self._lines, self._rows, Selection(None, None))

    @property
    def border_words(self) -> tuple[str, str, str]:
        """What stands on the border."""
        return self._border.words

    def say(self, what: str, how: str = "", where: str = "") -> None:
        """Write on the border what this is, how it is looked at, and where one is."""
        self._border.show(what, how, where)

    def show(self, lines: Sequence[Line], *, anew: bool = False) -> None:
        """Show these lines, from the first one on if they are `anew` those of something else."""
        same = _common(self._given, lines)
        if same < max(len(lines), len(self._given)):
            self._given = lines
            self._wrap(same)
        if anew:
            self._go(0)

    def line_count(self) -> int:
        """Return how many lines there are, wrapped."""
        return len(self._lines)

    def _wrap(self, kept: int = 0) -> None:
        """Wrap all lines but the first `kept` ones, which are wrapped already, if the width is the same."""
        width = max(1, self.content_size.width - _SCROLLBAR) if self.content_size.width else _USUAL_WIDTH
        kept = kept if width == self._width else 0
        self._width = width
        wrapped = self._starts[kept] if kept < len(self._starts) else len(self._lines)
        del self._lines[wrapped:], self._rows[wrapped:], self._starts[kept:]
        for given in self._given[kept:]:
            self._starts.append(len(self._lines))
            for part, row in wrap(given, self._width):
                self._lines.append(part)
                self._rows.append(row)
        resize(self, len(self._lines))
        self._go(self.scroll_offset.y)
        self.refresh()

    def on_resize(self) -> None:
        if self.content_size.width - _SCROLLBAR != self._width:
            self._wrap()
        self._border.draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_kept.clear()
        self._border.draw()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = self.scroll_offset.y + y
        spans = self._lines[index] if index < len(self._lines) else ()
        pieces = [(span.text, self._styles_kept.get(_CLASSES[span.kind])) for span in spans]
        strip = line(pieces, width, self._styles_kept.get(_CLASSES[Kind.TEXT]))
        return with_selection(self, strip, index)

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selected_text(self._lines, self._rows, selection), "\n"

    def action_scroll_lines(self, lines: int) -> None:
        self._go(self.scroll_offset.y + lines)

    def action_scroll_pages(self, pages: int) -> None:
        self._go(self.scroll_offset.y + pages * max(1, self.content_size.height - 1))

    def action_top(self) -> None:
        self._go(0)

    def action_bottom(self) -> None:
        self._go(len(self._lines))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -_WHEEL_LINES)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, _WHEEL_LINES)

    def _wheel(self, event: events.MouseScrollUp | events.MouseScrollDown, lines: int) -> None:
        """Scroll; where all is visible, leave the wheel to what this is in."""
        if len(self._lines) > self.content_size.height:
            event.stop()
            event.prevent_default()
            self._go(self.scroll_offset.y + lines)

    def _go(self, top: int) -> None:
        jump(self, max(0, min(top, len(self._lines) - self.content_size.height)))
        self.refresh()


def _common(one: Sequence[Line], other: Sequence[Line]) -> int:
    """How many lines both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))
