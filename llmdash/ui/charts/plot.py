"""A line chart in braille."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from llmdash.sanitize import clean_line
from llmdash.ui.charts.chart import braille, cell, dots, filled, resample, span, sparkline
from llmdash.ui.charts.drawing import Drawing
from llmdash.ui.text.format import duration, fit, si

__all__ = ["Plot", "Series", "braille", "sparkline"]

AXIS = 7
LEGEND_LINES = 1
AXIS_LINES = 1
MOST_SERIES = 4


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a plot: its name, its values (oldest first, None for a gap), and how a value is written."""

    name: str
    values: tuple[float | None, ...]
    write: Callable[[float], str] = si


class _Layer(NamedTuple):
    """Dots of one style."""

    rows: list[list[int]]
    style: Style

    def at(self, y: int) -> tuple[list[int], Style]:
        return self.rows[y], self.style


class Plot(Drawing):
    """Up to four series over the same time, on one scale from 0 to the largest value.

    | Component class | Styles |
    |---|---|
    | `plot--axis` | Axes and their labels. |
    | `plot--empty` | The words shown while there is nothing to draw. |
    | `plot--below` | The area below a single line. |
    | `plot--series-1` to `plot--series-4` | The lines and their names. |
    """

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "plot--axis",
        "plot--empty",
        "plot--below",
        *(f"plot--series-{number}" for number in range(1, MOST_SERIES + 1)),
    }

    _ground = "plot--axis"

    DEFAULT_CSS = """
    Plot {
        height: 1fr;
        & > .plot--axis { color: $text-muted; }
        & > .plot--empty { color: $text-muted; }
        & > .plot--below { color: $primary 40%; }
        & > .plot--series-1 { color: $text-primary; }
        & > .plot--series-2 { color: $text-accent; }
        & > .plot--series-3 { color: $text-success; }
        & > .plot--series-4 { color: $text-warning; }
    }
    """

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._series: tuple[Series, ...] = ()
        self._step_s = 1.0

    def show(self, series: Sequence[Series], step_s: float) -> None:
        """Draw these series, whose values are `step_s` seconds apart; the ones beyond four are left out."""
        shown = tuple(series)[:MOST_SERIES]
        if (shown, step_s) != (self._series, self._step_s):
            self._series, self._step_s = shown, step_s
            self.redraw()

    def _draw(self, width: int, height: int) -> list[Strip]:
        rows = height - LEGEND_LINES - AXIS_LINES
        if width <= AXIS + 2 or rows < 1:
            return [self._legend(width)]
        if not any(value is not None for series in self._series for value in series.values):
            return self._draw_empty(width, height)
        chart = width - AXIS - 1
        samples = [resample(series.values, 2 * chart) for series in self._series]
        low, high = span(samples)
        layers = self._layers([dots(values, chart, rows, low, high) for values in samples])
        axis = self._axis(rows, low, high)
        body = [self._body_line(axis[y], [layer.at(y) for layer in layers], width) for y in range(rows)]
        return [self._legend(width), *body, self._time_axis(width, max(map(len, samples), default=0))]

    def _layers(self, lines: list[list[list[int]]]) -> list[_Layer]:
        """The layers, front to back; below a single line the area is filled."""
        layers = [
            _Layer(rows, self._styles.get(f"plot--series-{number}"))
            for number, rows in enumerate(lines, start=1)
        ]
        if len(lines) == 1:
            layers.append(_Layer(filled(lines[0]), self._styles.get("plot--below")))
        return layers

    def _axis(self, rows: int, low: float, high: float) -> list[str]:
        """The axis with its labels, from top to bottom."""
        labels = {0: high}
        if rows > 4:
            labels |= {rows // 2: (low + high) / 2, rows - 1: low}
        write = self._series[0].write
        texts = [write(labels[y]).strip() if y in labels else "" for y in range(rows)]
        return [fit(text, AXIS, "right") + ("┤" if text else "│") for text in texts]

    def _draw_empty(self, width: int, height: int) -> list[Strip]:
        lines = [self._line([], width) for _row in range(height)]
        text = "nothing measured yet"
        style = self._styles.get("plot--empty")
        lines[height // 2] = self._line([(fit(" " * ((width - len(text)) // 2) + text, width), style)], width)
        return [self._legend(width), *lines[1:]]

    def _legend(self, width: int) -> Strip:
        pieces: list[tuple[str, Style]] = [(" " * AXIS, self._styles.get("plot--axis"))]
        room = width - AXIS
        for number, series in enumerate(self._series, start=1):
            last = next((value for value in reversed(series.values) if value is not None), None)
            text = f" ━ {clean_line(series.name)} {'–' if last is None else series.write(last).strip()} "
            if (room := room - cell_len(text)) < 0:
                break
            pieces.append((text, self._styles.get(f"plot--series-{number}")))
        return self._line(pieces, width)

    def _body_line(self, axis: str, layers: list[tuple[list[int], Style]], width: int) -> Strip:
        """A line of the chart; a cell has the colour of the front layer that has dots in it."""
        blank = self._styles.get("plot--axis")
        pieces = [(axis, blank)]
        for masks in zip(*(row for row, _style in layers), strict=True):
            style = next((style for mask, (_row, style) in zip(masks, layers, strict=True) if mask), blank)
            pieces.append((cell(functools.reduce(operator.or_, masks)), style))
        return self._line(pieces, width)

    def _time_axis(self, width: int, samples: int) -> Strip:
        longest = max((len(series.values) for series in self._series), default=0)
        chart = width - AXIS - 1
        start = chart - (samples + 1) // 2
        ago = duration(longest * self._step_s).strip() + " ago"
        text = " " * start + ago
        text = fit(text, chart - 4) + " now" if cell_len(text) < chart - 4 else fit("now", chart, "right")
        return self._line([(" " * AXIS + "└" + text, self._styles.get("plot--axis"))], width)
