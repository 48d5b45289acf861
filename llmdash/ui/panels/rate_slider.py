"""A slider on a logarithmic scale, for the rate and for the concurrency."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual import events
from textual.binding import BindingType
from textual.strip import Strip
from textual.widget import Widget

from llmdash.lean_dataclass import dataclass
from llmdash.ui.charts.log_scale import LogScale, Setting
from llmdash.ui.panels.requested_value import RequestedValue
from llmdash.ui.panels.slider_line import SliderLine, ValueStyle
from llmdash.ui.panels.typed_value import TypedValue
from llmdash.ui.text.format import fit
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.paint import Styles, line

if TYPE_CHECKING:
    from llmdash.ui.charts.slider_track import Track

__all__ = ["CONCURRENCY_RANGE", "RATE_RANGE", "LogSlider"]

RATE_RANGE: Final = (0.1, 1000.0)
"""What a slider of the rate holds, in requests a second."""
CONCURRENCY_RANGE: Final = (1.0, 512.0)
"""What a slider of the concurrency holds, in requests in flight."""

TYPE_CURSOR: Final = "▏"
_STEPS: Final = Binding.Group("12 %")
_DECADES: Final = Binding.Group("Tenfold")
_PERCENTS: Final = Binding.Group("1 %")


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
    | `log-slider--label` | The label, the figures of the scale and its end. |
    | `log-slider--label-focused` | The label while the slider has the focus. |
    | `log-slider--value` | The value. |
    | `log-slider--entry` | The value while it is typed. |
    | `log-slider--filled` | The track up to the thumb. |
    | `log-slider--track` | The rest of the track. |
    | `log-slider--thumb` | The thumb. |
    | `log-slider--pending` | The hollow thumb. |
    | `log-slider--achieved` | The mark of the achieved value. |
    | `log-slider--mark` | The mark of the value that was found by itself. |
    | `log-slider--met` | Thumb and mark at the same place. |
    """

    ALLOW_SELECT = False
    BINDING_GROUP_TITLE = "Slider"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Less", group=_STEPS, tooltip="12 % down"),
        Binding("right", "step(1)", "More", group=_STEPS, tooltip="12 % up"),
        Binding("shift+left", "decade(-1)", "A tenth", group=_DECADES, tooltip="Divide by ten"),
        Binding("shift+right", "decade(1)", "Tenfold", group=_DECADES, tooltip="Multiply by ten"),
        Binding("down", "percent(-1)", "1 % less", group=_PERCENTS, tooltip="1 % down"),
        Binding("up", "percent(1)", "1 % more", group=_PERCENTS, tooltip="1 % up"),
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
        "log-slider--mark",
        "log-slider--met",
    }

    DEFAULT_CSS = """
    LogSlider {
        height: 1;
        & > .log-slider--label { color: $text-muted; }
        & > .log-slider--label-focused { color: $text-primary; text-style: bold reverse; }
        & > .log-slider--value { color: $foreground; text-style: bold; }
        & > .log-slider--entry { color: $text-accent; text-style: bold underline; }
        & > .log-slider--filled { color: $text-primary; }
        & > .log-slider--track { color: $border-blurred; }
        & > .log-slider--thumb { color: $text-accent; text-style: bold; }
        & > .log-slider--pending { color: $text-warning; text-style: bold; }
        & > .log-slider--achieved { color: $text-success; text-style: bold; }
        &.-short > .log-slider--achieved { color: $text-warning; }
        & > .log-slider--mark { color: $text-primary; text-style: bold; }
        & > .log-slider--met { color: $text-accent; text-style: bold; }
        &.-scaled { height: 2; }
    }
    """

    @dataclass
    class Changed(FromWidget):
        """Posted when the user requests another value; None means no limit."""

        value: float | None

    @dataclass
    class AtEnd(FromWidget):
        """Posted when the user goes on where the scale ends."""

        words: str
        """Which end it is."""

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
        self._line = SliderLine(label, self._scale, unit)
        self._styles = Styles(self)
        self._requested = RequestedValue(minimum)
        self._typed = TypedValue()
        self._achieved: float | None = None
        self._mark: float | None = None
        self._dragging = False

    @property
    def scale(self) -> LogScale:
        """The scale of this slider."""
        return self._scale

    @property
    def value(self) -> float | None:
        """The value that the engine last reported."""
        return self._requested.reported

    def show(self, value: float | None, achieved: float | None) -> None:
        """Show the engine's value, and the achieved one."""
        before = self._look()
        self._requested.report(value)
        self._achieved = achieved
        if self._look() != before:
            self.refresh()

    def mark(self, value: float | None) -> None:
        """Mark a value that was found by itself; None for none."""
        before = self._look()
        self._mark = value
        if self._look() != before:
            self.refresh()

    def nudge(self, steps: int) -> None:
        """Request a value `steps` steps of 12 % up, or down if negative."""
        self._ask(self._scale.step(self._requested.newest, steps))

    def forget(self) -> None:
        """Drop a requested value that is not confirmed yet."""
        self._requested.forget()
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()

    # Requests.

    def _ask(self, value: Setting) -> None:
        if self._requested.ask(value):
            self.post_message(self.Changed(self, value))
            self.refresh()
        elif words := self._line.end(value):
            self.post_message(self.AtEnd(self, words))

    def action_step(self, steps: int) -> None:
        self.nudge(steps)

    def action_decade(self, decades: int) -> None:
        self._ask(self._scale.decade(self._requested.newest, decades))

    def action_percent(self, percents: int) -> None:
        self._ask(self._scale.percent(self._requested.newest, percents))

    def action_minimum(self) -> None:
        self._ask(self._scale.minimum)

    def action_maximum(self) -> None:
        top, now = self._scale.maximum, self._requested.newest
        self._ask(self._scale.top if now is None or now >= top else top)

    # Typing.

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """True for what is typed into it, `m` and `i` of `max` and `inf` among that."""
        return self._typed.takes(key, character or "")

    def on_key(self, event: events.Key) -> None:
        character = event.character or ""
        if not self._typed.takes(event.key, character):
            return
        event.stop()
        entered = self._typed.press(event.key, character)
        self.refresh()
        if entered:
            self._enter(entered)

    def _enter(self, text: str) -> None:
        try:
            self._ask(self._scale.parse(text))
        except ValueError as refused:
            self.notify(str(refused), severity="warning", markup=False)

    def on_blur(self) -> None:
        self._typed.drop()
        self.refresh()

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
        values = (self.value, self._achieved or 0.0, self._mark or 0.0)
        places = None if track is None else tuple(map(track.cell, values))
        return self._line.text(self.value), places, bool(self._achieved), self._requested.is_open

    @property
    def _track(self) -> Track | None:
        """The track at the present width, None if there is no room for one."""
        return self._line.track(self.content_size.width)

    def render_line(self, y: int) -> Strip:
        width, track = self.content_size.width, self._track
        plain = self._styles.get("log-slider--label")
        if y > 0:
            return line([(fit("" if track is None else track.figures(), width), plain)], width, plain)
        pieces = [*self._line.heading(self._shown_value(), focused=self.has_focus)]
        if track is not None:
            pieces += self._line.rail(track, self._cells(track), width)
        return line(
            [(text, self._styles.get(f"log-slider--{style}")) for text, style in pieces], width, plain
        )

    def _shown_value(self) -> ValueStyle:
        if self._typed.text:
            return ValueStyle(self._typed.text + TYPE_CURSOR, "entry")
        text = self._line.text(self._requested.newest)
        return ValueStyle(text, "pending") if self._requested.is_open else ValueStyle(text)

    def _cells(self, track: Track) -> list[tuple[str, str]]:
        """The cells of the track: glyph and style."""
        cells = track.draw(self.value, self._achieved, self._mark)
        if self._requested.is_open:
            track.draw_pending(cells, self.value, self._requested.newest)
        return cells
