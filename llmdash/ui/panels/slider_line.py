"""The line of a slider: its label, its value and its track, in pieces of text and style."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from llmdash.ui.charts.log_scale import LogScale, Setting
from llmdash.ui.charts.slider_track import UNLIMITED, Track, fit_track
from llmdash.ui.text.format import fit, number

__all__ = ["Piece", "SliderLine", "ValueStyle"]

LABEL_WIDTH: Final = 4
VALUE_WIDTH: Final = 7
END_WIDTH: Final = 5
HEADING_WIDTH: Final = LABEL_WIDTH + 1 + VALUE_WIDTH

Piece = tuple[str, str]
"""A text, and the style of it: the name of a component class of the slider without its beginning."""


class ValueStyle(NamedTuple):
    """The value as it is shown, and its style."""

    text: str
    style: str = "value"


class SliderLine(NamedTuple):
    """A slider with that label and scale; `unit` follows its values."""

    label: str
    scale: LogScale
    unit: str

    def track(self, width: int) -> Track | None:
        """Return the track in a line of `width` cells, None if there is no room for one."""
        return fit_track(self.scale, HEADING_WIDTH, width, END_WIDTH)

    def text(self, value: Setting) -> str:
        """Return a value in words."""
        if value is None:
            return UNLIMITED
        return (f"{value:.0f}" if self.scale.integral else number(value)) + self.unit

    def heading(self, value: ValueStyle, *, focused: bool) -> Iterator[Piece]:
        """Yield the label and the value."""
        text = self.label[:LABEL_WIDTH]
        yield text, "label-focused" if focused else "label"
        yield " " * (LABEL_WIDTH + 1 - len(text)), "label"
        yield fit(value.text, VALUE_WIDTH), value.style

    def rail(self, track: Track, cells: list[Piece], width: int) -> Iterator[Piece]:
        """Yield the track with these cells, and its end."""
        yield "├", "track"
        yield from cells
        yield "┤", "track"
        yield f" {self.scale.maximum:g}" if track.stop + END_WIDTH < width else "", "label"

    def end(self, value: Setting) -> str:
        """Return that a value is the last one, in words; empty if there is another one beyond it."""
        if value == self.scale.top:
            is_last = "there is no limit" if value is None else f"{self.text(value)} is the highest"
            return f"{is_last}: no further up"
        return f"{self.text(value)} is the lowest: no further down" if value == self.scale.minimum else ""
