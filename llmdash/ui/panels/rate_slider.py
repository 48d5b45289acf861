"""A slider on a logarithmic scale, for the rate and for the concurrency."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget

from llmdash.ui.charts.log_scale import WORDS, LogScale, Setting
from llmdash.ui.charts.slider_track import UNLIMITED, Track, fit_track
from llmdash.ui.text.format import fit, number
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.paint import Styles, line

__all__ = ["LogSlider"]

TYPE_CURSOR: Final = "▏"

LABEL_WIDTH: Final = 4
VALUE_WIDTH: Final = 8
END_WIDTH: Final = 4
HEADING_WIDTH: Final = LABEL_WIDTH + 1 + VALUE_WIDTH
LONGEST_ENTRY: Final = 7
SHOWS_TO_CONFIRM: Final = 30
"""How many times `show` may bring another value before a requested one counts as refused."""


class LogSlider(Widget, can_focus=True):
    """A slider whose thumb shows the engine's value, never one that is only requested.

    A requested value that is not confirmed yet is drawn as a hollow thumb; further steps start from there.

    | Key | Does |
    |---|---|
    | left, right | About 12 % (1/20 of a decade) down or up. |
    | shift+left, shift+right | A decade down or up. |
    | down, up | 1 % down or up. |
    | home, end | The minimum or maximum; a step beyond the maximum is no limit, where that is possible. |
    | digits, then enter | That value; `inf` removes the limit. Escape cancels, backspace corrects. |

    A click or drag on the track sets the value there, the wheel moves by about 12 %.

    | Component class | Styles |
    |---|---|
    | `log-slider--label` | The label and the ends of the scale. |
    | `log-slider--label-focused` | The label while the slider has the focus. |
    | `log-slider--value` | The value. |
    | `log-slider--entry` | The value while it is typed. |
    | `log-slider--filled` | The track up to the thumb. |
    | `log-slider--track` | The rest of the track. |
    | `log-slider--thumb` | The thumb. |
    | `log-slider--pending` | The hollow thumb. |
    | `log-slider--achieved` | The mark of the achieved value. |
    | `log-slider--met` | Thumb and mark at the same place. |
    """

    ALLOW_SELECT = False
    BINDING_GROUP_TITLE = "Slider"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Less", show=False, tooltip="12 % down"),
        Binding("right", "step(1)", "More", show=False, tooltip="12 % up"),
        Binding("shift+left", "decade(-1)", "A tenth", show=False, tooltip="Divide by ten"),
        Binding("shift+right", "decade(1)", "Tenfold", show=False, tooltip="Multiply by ten"),
        Binding("down", "percent(-1)", "1 % less", show=False, tooltip="1 % down"),
        Binding("up", "percent(1)", "1 % more", show=False, tooltip="1 % up"),
        Binding("home", "minimum", "Minimum", show=False, tooltip="The lowest value"),
        Binding(
            "end",
            "maximum",
            "Maximum",
            show=False,
            tooltip="The highest value; again, no limit for the rate, which asks first",
        ),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log-slider--label",
        "log-slider--label-focused",
        "log-slider--value",
        "log-slider--entry",
        "log-slider--filled",
        "log-slider--track",
        "log-slider--thumb",
        "log-slider--pending",
        "log-slider--achieved",
        "log-slider--met",
    }

    DEFAULT_CSS = """
    LogSlider {
        height: 1;
        & > .log-slider--label { color: $text-muted; }
        & > .log-slider--label-focused { color: $text-primary; text-style: bold reverse; }
        & > .log-slider--value { color: $foreground; text-style: bold; }
        & > .log-slider--entry { color: $text-accent; text-style: bold underline; }
        & > .log-slider--filled { color: $primary; }
        & > .log-slider--track { color: $foreground 35%; }
        & > .log-slider--thumb { color: $text-accent; text-style: bold; }
        & > .log-slider--pending { color: $text-warning; text-style: bold; }
        & > .log-slider--achieved { color: $text-success; text-style: bold; }
        & > .log-slider--met { color: $text-success; text-style: bold; }
    }
    """

    @dataclass
    class Changed(FromWidget):
        """Posted when the user requests another value; None means no limit."""

        value: float | None

    def __init__(
        self,
        minimum: float,
        maximum: float,
        *,
        unit: str,
        label: str,
        integral: bool = False,
        unlimited: bool = False,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._scale = LogScale(minimum, maximum, integral, unlimited)
        self._unit = unit
        self._label = label
        self._styles = Styles(self)
        self._value: Setting = minimum
        self._achieved: float | None = None
        self._asked: Setting = None
        self._waits = 0
        self._typed = ""
        self._dragging = False

    @property
    def scale(self) -> LogScale:
        """The scale of this slider."""
        return self._scale

    @property
    def value(self) -> float | None:
        """The value that the engine last reported."""
        return self._value

    def show(self, value: float | None, achieved: float | None) -> None:
        """Show the engine's value, and the achieved one."""
        before = self._look()
        self._value, self._achieved = value, achieved
        if self._waits:
            self._waits = 0 if _same(value, self._asked) else self._waits - 1
        if self._look() != before:
            self.refresh()

    def nudge(self, steps: int) -> None:
        """Request a value `steps` steps of 12 % up, or down if negative."""
        self._ask(self._scale.step(self._base, steps))

    def forget(self) -> None:
        """Drop a requested value that is not confirmed yet."""
        self._waits = 0
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()

    # Requests.

    @property
    def _base(self) -> Setting:
        """What a step starts from: the last requested value, while it is not confirmed."""
        return self._asked if self._waits else self._value

    def _ask(self, value: Setting) -> None:
        if _same(value, self._base):
            return
        self._asked = value
        self._waits = 0 if _same(value, self._value) else SHOWS_TO_CONFIRM
        self.post_message(self.Changed(self, value))
        self.refresh()

    def action_step(self, steps: int) -> None:
        self.nudge(steps)

    def action_decade(self, decades: int) -> None:
        self._ask(self._scale.decade(self._base, decades))

    def action_percent(self, percents: int) -> None:
        self._ask(self._scale.percent(self._base, percents))

    def action_minimum(self) -> None:
        self._ask(self._scale.minimum)

    def action_maximum(self) -> None:
        top = self._scale.maximum
        self._ask(self._scale.top if self._base is None or self._base >= top else top)

    # Typing.

    def on_key(self, event: events.Key) -> None:
        character = event.character or ""
        if character and self._is_entry(self._typed + character):
            self._set_typed((self._typed + character)[:LONGEST_ENTRY])
        elif self._typed and event.key in ("enter", "escape", "backspace"):
            self._edit(event.key)
        else:
            return
        event.stop()

    def _is_entry(self, text: str) -> bool:
        """True if this is the beginning of a valid entry."""
        return (
            any(word.startswith(text) for word in WORDS) or re.fullmatch(r"[0-9]*\.?[0-9]*", text) is not None
        )

    def _edit(self, key: str) -> None:
        if key == "backspace":
            self._set_typed(self._typed[:-1])
            return
        typed = self._typed
        self._set_typed("")
        if key != "enter" or not (typed in WORDS or any(map(str.isdigit, typed))):
            return
        try:
            self._ask(self._scale.parse(typed))
        except ValueError as refused:
            self.notify(str(refused), severity="warning", markup=False)

    def _set_typed(self, text: str) -> None:
        self._typed = text
        self.refresh()

    def on_blur(self) -> None:
        self._set_typed("")

    # Mouse.

    def on_mouse_down(self, event: events.MouseDown) -> None:
        x = event.get_content_offset_capture(self).x
        if (track := self._track) is not None and x in track:
            self.capture_mouse()
            self._dragging = True
            self._ask(track.value(x))
            event.stop()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging and (track := self._track) is not None:
            self._ask(track.value(event.get_content_offset_capture(self).x))

    def on_mouse_up(self) -> None:
        if self._dragging:
            self._dragging = False
            self.release_mouse()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.nudge(1)
        event.stop()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.nudge(-1)
        event.stop()

    # Drawing.

    def _look(self) -> tuple[object, ...]:
        """Everything that decides the look of the slider."""
        track = self._track
        places = None if track is None else (track.cell(self._value), track.cell(self._achieved or 0.0))
        return self._text(self._value), places, bool(self._achieved), self._waits > 0

    @property
    def _track(self) -> Track | None:
        """The track at the present width, None if there is no room for one."""
        return fit_track(self._scale, HEADING_WIDTH, self.content_size.width, END_WIDTH)

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        plain = self._styles.get("log-slider--label")
        if y > 0:
            return Strip.blank(width, plain)
        pieces = [*self._heading(), *self._track_pieces()]
        return line(pieces, width, plain)

    def _heading(self) -> list[tuple[str, Style]]:
        label = self._styles.get("log-slider--label-focused" if self.has_focus else "log-slider--label")
        text = self._label[:LABEL_WIDTH]
        value, style = self._text(self._value), "log-slider--value"
        if self._typed:
            value, style = self._typed + TYPE_CURSOR, "log-slider--entry"
        elif self._waits:
            value, style = self._text(self._asked), "log-slider--pending"
        gap = " " * (LABEL_WIDTH + 1 - len(text))
        plain = self._styles.get("log-slider--label")
        return [(text, label), (gap, plain), (fit(value, VALUE_WIDTH), self._styles.get(style))]

    def _text(self, value: Setting) -> str:
        if value is None:
            return UNLIMITED
        return (f"{value:.0f}" if self._scale.integral else number(value)) + self._unit

    def _track_pieces(self) -> list[tuple[str, Style]]:
        track = self._track
        if track is None:
            return []
        cells = track.draw(self._value, self._achieved)
        if self._waits:
            track.draw_pending(cells, self._value, self._asked)
        low, high = f"{self._scale.minimum:g}".rjust(END_WIDTH), f"{self._scale.maximum:g}"
        if track.start < HEADING_WIDTH + END_WIDTH:
            low = high = ""
        ends = self._styles.get("log-slider--label")
        pieces = [(glyph, self._styles.get(f"log-slider--{style}")) for glyph, style in cells]
        return [(low + "├", ends), *pieces, ("┤" + high, ends)]


def _same(one: Setting, other: Setting) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-6)
