"""A line of choices of which one is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.strip import Strip
from textual.widget import Widget

from llmdash.lean_dataclass import dataclass
from llmdash.sanitize import clean_line
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.paint import Styles, line

__all__ = ["ChoiceStrip"]

_GAPS = 3, 1
"""Cells between two names; the fewer where there is room for all of them only so."""
_MARK = "▸ "
_MORE = "…"
"""In place of names for which there is no room."""


class ChoiceStrip(Widget, can_focus=True):
    """One line of names; the chosen one is marked and always in sight. At first none needs to be. Where it is
    narrow the names are closer together.

    | Key | Does |
    |---|---|
    | left, right | Choose the one before or after. |
    | home, end | Choose the first or the last. |

    A click chooses, the wheel too.

    | Component class | Styles |
    |---|---|
    | `choice-strip--chosen` | The chosen name. |
    | `choice-strip--focused` | The chosen name while the strip has the focus. |
    | `choice-strip--other` | The other names. |
    """

    ALLOW_SELECT = False
    BINDING_GROUP_TITLE = "Choice"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Before", show=False, tooltip="Choose the one before"),
        Binding("right", "step(1)", "After", show=False, tooltip="Choose the one after"),
        Binding("home", "first", "First", show=False, tooltip="Choose the first"),
        Binding("end", "last", "Last", show=False, tooltip="Choose the last"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "choice-strip--chosen",
        "choice-strip--focused",
        "choice-strip--other",
    }
    DEFAULT_CSS = """
    ChoiceStrip {
        height: 1; width: 1fr;
        & > .choice-strip--chosen { color: $foreground; text-style: bold; }
        & > .choice-strip--focused { color: $text-primary; text-style: bold reverse; }
        & > .choice-strip--other { color: $text-muted; }
    }
    """

    @dataclass
    class Changed(FromWidget):
        """Posted when another name was chosen by the user."""

        chosen: int

    def __init__(self, names: Sequence[str], chosen: int | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names = tuple(clean_line(name) for name in names)
        self._chosen = chosen
        self._styles = Styles(self)
        self._spans: list[tuple[int, int]] = []

    @property
    def chosen(self) -> int | None:
        """The number of the chosen name, None while none is."""
        return self._chosen

    def choose(self, number: int | None) -> None:
        """Choose a name without a message; None chooses nothing."""
        self._chosen = number
        self.refresh()

    def show(self, names: Sequence[str]) -> None:
        """Show other names; the chosen one stays chosen by its place."""
        self._names = tuple(clean_line(name) for name in names)
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()

    def action_step(self, steps: int) -> None:
        start = -1 if steps > 0 else len(self._names)
        self._ask((start if self._chosen is None else self._chosen) + steps)

    def action_first(self) -> None:
        self._ask(0)

    def action_last(self) -> None:
        self._ask(len(self._names) - 1)

    def _ask(self, number: int) -> None:
        number = max(0, min(number, len(self._names) - 1))
        if self._names and number != self._chosen:
            self.choose(number)
            self.post_message(self.Changed(self, number))

    def on_click(self, event: events.Click) -> None:
        x = event.get_content_offset_capture(self).x
        for number, (start, stop) in enumerate(self._spans):
            if start <= x < stop:
                self._ask(number)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.action_step(-1)
        event.stop()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.action_step(1)
        event.stop()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        other = self._styles.get("choice-strip--other")
        if y > 0:
            return Strip.blank(width, other)
        chosen = self._styles.get("choice-strip--focused" if self.has_focus else "choice-strip--chosen")
        gap = self._gap(width)
        shift = self._place(width, gap)
        pieces = []
        for number, name in enumerate(self._names):
            mark = _MARK if number == self._chosen else "  "
            pieces.append((mark + name, chosen if number == self._chosen else other))
            pieces.append((" " * gap, other))
        length = self._spans[-1][1] + shift if self._spans else 0
        whole = line(pieces, max(width, length), other)
        cut = [_MORE if shift else "", _MORE if whole.cell_length - shift > width else ""]
        left, right = (Strip([Segment(text, other)]) for text in cut)
        shown = whole.crop(shift + left.cell_length, shift + width - right.cell_length)
        return Strip.join([left, shown, right]).adjust_cell_length(width, other)

    def _gap(self, width: int) -> int:
        """The cells between two names."""
        names = sum(len(_MARK) + cell_len(name) for name in self._names)
        fitting = (gap for gap in _GAPS if names + gap * (len(self._names) - 1) <= width)
        return next(fitting, _GAPS[0])

    def _place(self, width: int, gap: int) -> int:
        """Note where each name is drawn; return by how many cells the line is shifted to show the chosen."""
        spans, x = [], 0
        for name in self._names:
            stop = x + len(_MARK) + cell_len(name)
            spans.append((x, stop))
            x = stop + gap
        chosen = spans[self._chosen] if self._chosen is not None and spans else (0, 0)
        beside = len(_MARK)  # a cell or two for what says that there are more
        shift = max(0, min(chosen[1] + beside - width, chosen[0] - beside)) if x - gap > width else 0
        self._spans = [(start - shift, stop - shift) for start, stop in spans]
        return shift
