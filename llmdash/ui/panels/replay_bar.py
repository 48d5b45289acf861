"""One line that says where a replay is, and takes it elsewhere."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.strip import Strip
from textual.widget import Widget

from llmdash.engine.model.frame import ReplayPart
from llmdash.lean_dataclass import dataclass
from llmdash.ui.text.format import by_words, clock
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.paint import Styles, line

__all__ = ["SPEEDS", "ReplayBar", "speed_beside"]

SPEEDS: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 100.0, 200.0, 500.0, 1_000.0)
"""How many times as fast as the run was a replay can be played, by the keys."""

_LEAST_TRACK = 10
_PERCENT = 0.01
_WHEEL_PERCENT = 2


def speed_beside(speed: float, steps: int) -> float:
    """Return the speed `steps` steps above this one, or below if negative."""
    if steps > 0:
        return next((each for each in SPEEDS if each > speed), SPEEDS[-1])
    return next((each for each in reversed(SPEEDS) if each < speed), SPEEDS[0])


class ReplayBar(Widget, can_focus=True):
    """Position, track, length and speed of a replay; no line where the run itself is shown.

    | Key | Does |
    |---|---|
    | left, right | A hundredth of the run back or on. |
    | shift+left, shift+right | A tenth back or on. |
    | home, end | To the beginning or the end. |

    A click or drag on the track goes there, the wheel goes on or back by two hundredths.

    | Component class | Styles |
    |---|---|
    | `replay-bar--state` | Whether it plays, and the speed. |
    | `replay-bar--focused` | The same while the bar has the focus. |
    | `replay-bar--time` | Position, length, and what is estimated. |
    | `replay-bar--filled` | The track up to the position. |
    | `replay-bar--track` | The rest of the track. |
    | `replay-bar--thumb` | The position. |
    """

    ALLOW_SELECT = False
    BINDING_GROUP_TITLE = "Replay"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "left",
            "seek(-1)",
            "Back",
            id="replay-step-back",
            show=False,
            tooltip="A hundredth of the run back",
        ),
        Binding(
            "right", "seek(1)", "On", id="replay-step-on", show=False, tooltip="A hundredth of the run on"
        ),
        Binding("shift+left", "seek(-10)", "Far back", show=False, tooltip="A tenth of the run back"),
        Binding("shift+right", "seek(10)", "Far on", show=False, tooltip="A tenth of the run on"),
        Binding("home", "go_to(0.0)", "Beginning", show=False, tooltip="To the beginning of the run"),
        Binding("end", "go_to(1.0)", "End", show=False, tooltip="To the end of the run"),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "replay-bar--state",
        "replay-bar--focused",
        "replay-bar--time",
        "replay-bar--filled",
        "replay-bar--track",
        "replay-bar--thumb",
    }

    DEFAULT_CSS = """
    ReplayBar {
        height: 1;
        display: none;
        &.-shown { display: block; }
        & > .replay-bar--state { color: $text-accent; text-style: bold; }
        & > .replay-bar--focused { color: $text-accent; text-style: bold reverse; }
        & > .replay-bar--time { color: $text-muted; }
        & > .replay-bar--filled { color: $primary; }
        & > .replay-bar--track { color: $foreground 35%; }
        & > .replay-bar--thumb { color: $text-accent; text-style: bold; }
    }
    """

    @dataclass
    class Sought(FromWidget):
        """Posted when the user asks for another position, in seconds."""

        position_s: float

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._styles = Styles(self)
        self._part: ReplayPart | None = None
        self._strip: Strip | None = None
        self._dragging = False

    def show(self, part: ReplayPart | None) -> None:
        """Show where the replay is; repaints only where the line changes."""
        self.set_class(part is not None, "-shown")
        self._part = part
        before, self._strip = self._strip, None
        if part is not None and self._drawn() != before:
            self.refresh()

    def seek(self, percents: int) -> None:
        """Ask for a position N hundredths of the run on, or back if negative."""
        if self._part is not None:
            self._ask(self._part.position_s + percents * _PERCENT * self._part.length_s)

    def action_seek(self, percents: int) -> None:
        self.seek(percents)

    def action_go_to(self, share: float) -> None:
        if self._part is not None:
            self._ask(share * self._part.length_s)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._strip = None

    def render_line(self, y: int) -> Strip:
        return self._drawn()

    def on_focus(self) -> None:
        self._strip = None

    def on_blur(self) -> None:
        self._strip = None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if self._seek_to(event.get_content_offset_capture(self).x):
            self.capture_mouse()
            self._dragging = True
            event.stop()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging:
            start, stop = self._track
            self._seek_to(min(max(start, event.get_content_offset_capture(self).x), stop - 1))

    def on_mouse_up(self) -> None:
        if self._dragging:
            self._dragging = False
            self.release_mouse()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.seek(_WHEEL_PERCENT)
        event.stop()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.seek(-_WHEEL_PERCENT)
        event.stop()

    def _ask(self, position_s: float) -> None:
        if self._part is not None:
            self.post_message(self.Sought(self, min(max(0.0, position_s), self._part.length_s)))

    def _seek_to(self, x: int) -> bool:
        """Ask for the position under the cell `x`. Return False beside the track."""
        start, stop = self._track
        if self._part is None or not start <= x < stop:
            return False
        self._ask(self._part.length_s * (x - start) / max(1, stop - start - 1))
        return True

    # Drawing.

    def _drawn(self) -> Strip:
        width = self.size.width
        if self._strip is None or self._strip.cell_length != width:
            self._strip = self._draw(width)
        return self._strip

    def _words(self) -> tuple[str, str, str]:
        """What is left of the track, and right of it."""
        part = self._part
        if part is None:
            return "", "", ""
        glyph = "▶" if part.playing else "■" if part.position_s >= part.length_s else "‖"
        word = "replay" if part.playing else "ended" if part.position_s >= part.length_s else "paused"
        state = f" {glyph} {word} {part.speed:g}x "
        return state, f" {clock(part.position_s)} ", f" {clock(part.length_s)} "

    @property
    def _track(self) -> tuple[int, int]:
        """The cells from the first to before the last one of the track; none where there is no room."""
        state, at, length = self._words()
        start = cell_len(state) + cell_len(at)
        stop = self.size.width - cell_len(length) - cell_len(self._estimated())
        return (start, stop) if stop - start >= _LEAST_TRACK else (0, 0)

    def _estimated(self) -> str:
        """What is estimated, where there is room for it."""
        said = self._part.estimated if self._part is not None else ""
        return f" {by_words(said, self.size.width // 3)} " if said and self.size.width >= 100 else ""

    def _draw(self, width: int) -> Strip:
        part, plain = self._part, self._styles.get("replay-bar--time")
        if part is None:
            return Strip.blank(width, plain)
        state, at, length = self._words()
        start, stop = self._track
        named = self._styles.get("replay-bar--focused" if self.has_focus else "replay-bar--state")
        pieces = [(state, named), (at, plain), *self._cells(part, stop - start)]
        return line([*pieces, (length + self._estimated(), plain)], width, plain)

    def _cells(self, part: ReplayPart, cells: int) -> list[tuple[str, Style]]:
        if cells <= 0:
            return [("/", self._styles.get("replay-bar--time"))]
        share = part.position_s / part.length_s if part.length_s > 0 else 0.0
        thumb = round((cells - 1) * min(1.0, max(0.0, share)))
        return [
            ("━" * thumb, self._styles.get("replay-bar--filled")),
            ("◆", self._styles.get("replay-bar--thumb")),
            ("─" * (cells - thumb - 1), self._styles.get("replay-bar--track")),
        ]
