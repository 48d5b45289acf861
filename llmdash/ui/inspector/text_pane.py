"""TextPane: a text of any length that scrolls, can be selected, and costs what is visible of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.binding import BindingType
from textual.selection import Selection
from textual.strip import Strip

from llmdash.ui.stream.searched_lines import SearchedLines
from llmdash.ui.stream.selected import selected_text, with_selection
from llmdash.ui.stream.wrapping import Kind, Line, LineKind, wrap
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.paint import line
from llmdash.ui.text.scrolling import resize

__all__ = ["TextPane"]

_SCROLLBAR: Final = 1
_USUAL_WIDTH: Final = 80
_CLASSES: Final = {kind: f"text-pane--{kind.name.lower()}" for kind in Kind}


class TextPane(SearchedLines):
    """Shows lines of spans, wrapped at words. Component classes are `text-pane--` and the name of a kind."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", show=False, tooltip="Find words in this text"),
        Binding("home", "top", "Top", show=False, tooltip="The first line"),
        Binding("end", "bottom", "End", show=False, tooltip="The last line"),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {*_CLASSES.values()}

    DEFAULT_CSS = """
    TextPane {
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

    class WidthChanged(FromWidget):
        """Posted when lines have more or less room than before."""

    def __init__(self, what: str, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(what, id=id, classes=classes)
        self._said = (what, "", "")
        self._given: Sequence[Line] = ()
        self._width = 0
        self._lines: list[Line] = []
        self._rows: list[LineKind] = []
        self._starts: list[int] = []
        """Where each of the given lines begins among the wrapped ones."""

    @property
    def lines(self) -> Sequence[Line]:
        """The lines as they are wrapped."""
        return self._lines

    @property
    def text(self) -> str:
        """The whole text, as a selection of all of it has it."""
        return selected_text(self._lines, self._rows, Selection(None, None))

    def say(self, what: str, how: str = "", where: str = "") -> None:
        """Write on the border what this is, how it is looked at, and where one is."""
        self._said = (what, how, where)
        self._show_border()

    def _show_border(self) -> None:
        what, how, where = self._said
        self._border.show(what, how, self._search.words or where)

    def search_changed(self) -> None:
        self._show_border()
        self.refresh()

    def show(self, lines: Sequence[Line], *, anew: bool = False) -> None:
        """Show these lines, from the first one on if they are `anew` those of something else."""
        same = _common(self._given, lines)
        if same < max(len(lines), len(self._given)):
            self._given = lines
            self._wrap(same)
        if anew:
            self.go_to(0)
            if self._search.search is not None:
                self.look_up()

    @property
    def text_width(self) -> int:
        """The cells that a line has room in."""
        return max(1, self.content_size.width - _SCROLLBAR) if self.content_size.width else _USUAL_WIDTH

    def line_count(self) -> int:
        return len(self._lines)

    def _wrap(self, kept: int = 0) -> None:
        """Wrap all lines but the first `kept` ones, which are wrapped already, if the width is the same."""
        width = self.text_width
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
        self.go_to(self.top)

    def on_resize(self) -> None:
        if self.content_size.width - _SCROLLBAR != self._width:
            self._wrap()
            self.post_message(self.WidthChanged(self))

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = self.top + y
        spans = self._lines[index] if index < len(self._lines) else ()
        (spans,) = self.searched([spans])
        pieces = [(span.text, self._styles_kept.get(_CLASSES[span.kind])) for span in spans]
        strip = line(pieces, width, self._styles_kept.get(_CLASSES[Kind.TEXT]))
        return with_selection(self, strip, index)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selected_text(self._lines, self._rows, selection), "\n"

    def action_top(self) -> None:
        self.go_to(0)

    def action_bottom(self) -> None:
        self.go_to(len(self._lines))


def _common(one: Sequence[Line], other: Sequence[Line]) -> int:
    """How many lines both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))
