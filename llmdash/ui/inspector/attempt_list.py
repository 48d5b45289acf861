"""AttemptList: the attempts of a job, one of which is selected."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from llmdash.engine.model.payment import PAID, Payment
from llmdash.engine.model.records import AttemptRecord
from llmdash.lean_dataclass import dataclass
from llmdash.ui.inspector.attempt_lines import AttemptLine, attempt_lines
from llmdash.ui.stream.lines_pane import LinesPane
from llmdash.ui.stream.selected import with_selection
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.paint import line
from llmdash.ui.text.scrolling import resize

__all__ = ["AttemptList"]

_STYLES = ("row", "muted", "secondary", "primary", "success", "warning", "error", "cursor")
_MARK = "›"


class AttemptList(LinesPane):
    """Shows a line an attempt with its bar, and notes below it. Component classes are `attempt-list--` and
    the name of a style.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "select(-1)", "Attempt before", show=False, tooltip="Show the text of the one before"),
        Binding("down", "select(1)", "Next attempt", show=False, tooltip="Show the text of the next one"),
        Binding(
            "home", "select(-1000000)", "First attempt", show=False, tooltip="Show the text of the first one"
        ),
        Binding(
            "end", "select(1000000)", "Last attempt", show=False, tooltip="Show the text of the last one"
        ),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"attempt-list--{style}" for style in _STYLES}

    DEFAULT_CSS = """
    AttemptList {
        & > .attempt-list--row { color: $foreground; }
        & > .attempt-list--muted { color: $text-muted; }
        & > .attempt-list--secondary { color: $text-secondary; }
        & > .attempt-list--primary { color: $text-primary; }
        & > .attempt-list--success { color: $text-success; }
        & > .attempt-list--warning { color: $text-warning; }
        & > .attempt-list--error { color: $text-error; }
        & > .attempt-list--cursor { background: $foreground 10%; text-style: bold; }
        &:focus > .attempt-list--cursor { background: $block-cursor-blurred-background; }
        &:nocolor > .attempt-list--cursor { text-style: reverse; }
    }
    """

    @dataclass
    class Selected(Message):
        """Posted when another attempt is selected: its place in the list, from 0."""

        place: int

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__("Attempts", id=id, classes=classes)
        self._attempts: tuple[AttemptRecord, ...] = ()
        self._facts: tuple[float | None, float | None, Payment] = (None, None, PAID)
        self._lines: list[AttemptLine] = []
        self._place: int | None = None
        self._laid_out: object = None

    @property
    def selected(self) -> int | None:
        """The place of the attempt that was chosen; None for the last one, whichever that is."""
        return self._place

    @property
    def text(self) -> str:
        """All lines as text."""
        return "\n".join("".join(text for text, _style in each.pieces).rstrip() for each in self._lines)

    def line_count(self) -> int:
        return len(self._lines)

    def select_last(self) -> None:
        """Show the last one, as long as no other is chosen."""
        self._place = None
        self.refresh()

    def show(
        self,
        attempts: tuple[AttemptRecord, ...],
        *,
        wait_s: float | None,
        now: float | None,
        payment: Payment,
        how: str,
    ) -> None:
        """Show these attempts; the first was waited for `wait_s`, and it is `now` where one is in flight."""
        self._border.show("Attempts", how)
        self._attempts, self._facts = attempts, (wait_s, now, payment)
        self._lay_out()

    def _lay_out(self) -> None:
        width = max(8, self.content_size.width - 2) if self.content_size.width else 76
        wanted = (self._attempts, width, self._facts)
        if wanted == self._laid_out:
            return
        self._laid_out = wanted
        wait_s, now, payment = self._facts
        self._lines = attempt_lines(self._attempts, width, first_wait_s=wait_s, now=now, payment=payment)
        resize(self, len(self._lines))
        self.refresh()

    def on_resize(self) -> None:
        self._lay_out()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = self.top + y
        row = self._styles_kept.get("attempt-list--row")
        if index >= len(self._lines):
            return Strip.blank(width, row)
        found = self._lines[index]
        is_at = found.attempt is not None and not found.is_note and found.attempt == self._current
        sign = _MARK if is_at and len(self._attempts) > 1 else " "
        pieces = [(sign, self._style("primary", is_at))]
        pieces += [(text, self._style(style, is_at)) for text, style in found.pieces]
        strip = line(pieces, width, self._style("row", is_at))
        return with_selection(self, strip, index)

    def _style(self, name: str, is_at: bool) -> Style:
        name = f"attempt-list--{name}"
        return self._styles_kept.over(name, "attempt-list--cursor") if is_at else self._styles_kept.get(name)

    @property
    def _current(self) -> int:
        return len(self._attempts) - 1 if self._place is None else self._place

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        lines = [" " + "".join(text for text, _style in each.pieces).rstrip() for each in self._lines]
        return selection.extract("\n".join(lines)), "\n"

    def action_select(self, by: int) -> None:
        if self._attempts:
            self._choose(max(0, min(self._current + by, len(self._attempts) - 1)))

    def on_click(self, event: events.Click) -> None:
        index = self.top + event.get_content_offset_capture(self).y
        if 0 <= index < len(self._lines) and (place := self._lines[index].attempt) is not None:
            self._choose(place)

    def _choose(self, place: int) -> None:
        self._place = None if place == len(self._attempts) - 1 else place
        at = next(y for y, each in enumerate(self._lines) if each.attempt == place)
        height = self.content_size.height
        if not self.top <= at < self.top + height:
            self.go_to(at)
        self.refresh()
        self.post_message(self.Selected(place))
