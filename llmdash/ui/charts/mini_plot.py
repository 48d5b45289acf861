"""A sparkline each for the rate, TTFT, calls in flight and tokens a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, NamedTuple

from rich.style import Style
from textual.strip import Strip

from llmdash.engine.model.frame import SeriesPart
from llmdash.ui.charts.chart import Values, bars, cell, dots, filled, resample, span, sparkline
from llmdash.ui.charts.drawing import Drawing
from llmdash.ui.text.format import duration, fit, rate, si

__all__ = ["MiniPlot"]

NAME_WIDTH: Final = 9
VALUE_WIDTH: Final = 8
LEAST_WIDTH: Final = 24
HALVES_WIDTH: Final = 60
LEAST_CURVE: Final = 3
"""From this many lines on a measure is drawn as a curve, since bars of that height fill the panel."""


class _Measure(NamedTuple):
    """A series with its name and how its last value is written."""

    name: str
    values: Values
    write: Callable[[float | None], str]


class MiniPlot(Drawing):
    """One measure a line, as many as the height allows; taller where there is more room.

    | Component class | Styles |
    |---|---|
    | `mini-plot--name` | The name of a measure. |
    | `mini-plot--value` | Its last value. |
    | `mini-plot--line` | Its bars, where they are one or two lines high. |
    | `mini-plot--curve` | Its curve, where there is more room. |
    | `mini-plot--below` | The area below the curve. |
    """

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "mini-plot--name",
        "mini-plot--value",
        "mini-plot--line",
        "mini-plot--curve",
        "mini-plot--below",
    }

    _ground = "mini-plot--name"

    DEFAULT_CSS = """
    MiniPlot {
        height: 1fr;
        & > .mini-plot--name { color: $text-muted; }
        & > .mini-plot--value { color: $foreground; }
        & > .mini-plot--line { color: $primary; }
        & > .mini-plot--curve { color: $text-primary; }
        & > .mini-plot--below { color: $primary 40%; }
    }
    """

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._part = SeriesPart()

    def show(self, part: SeriesPart) -> None:
        """Show the series of the run."""
        if part != self._part:
            self._part = part
            self.redraw()

    def _measures(self) -> tuple[_Measure, ...]:
        part = self._part
        return (
            _Measure("rate", part.rate, rate),
            _Measure("ttft p50", part.ttft_p50, duration),
            _Measure("in flight", part.in_flight, si),
            _Measure("tok/s", part.tokens_per_s, si),
            _Measure("ttft p95", part.ttft_p95, duration),
        )

    def _draw(self, width: int, height: int) -> list[Strip]:
        if height < 1 or width < LEAST_WIDTH:
            return []
        measures = self._measures()
        if height == 1:
            halves = measures[:2] if width >= HALVES_WIDTH else measures[:1]
            share = width // len(halves)
            pieces = [piece for measure in halves for piece in self._row(measure, share)]
            return [self._line(pieces, width)]
        measures = measures[:height]
        rows = height // len(measures)
        return [strip for measure in measures for strip in self._block(measure, width, rows)]

    def _block(self, measure: _Measure, width: int, rows: int) -> list[Strip]:
        """A measure in `rows` lines: bars in one or two, a filled curve and a blank line in more."""
        heads = self._heads(measure)
        chart = _chart_width(width)
        heads += [self._head("", "", "name")] * (rows - len(heads))
        if rows < LEAST_CURVE:
            style = self._styles.get("mini-plot--line")
            samples = resample(measure.values, chart)
            drawn = [[(text, style)] for text in bars(samples, len(samples), rows)]
        else:
            drawn = [*self._curve(measure.values, chart, rows - 1), []]
        return [self._line([*head, *pieces], width) for head, pieces in zip(heads, drawn, strict=False)]

    def _curve(self, values: Values, width: int, rows: int) -> list[list[tuple[str, Style]]]:
        """A curve, and in another style the area below it. It begins at the left and grows to the right."""
        samples = resample(values, 2 * width)
        ridge = dots(samples, (len(samples) + 1) // 2, rows, *span([samples]))
        styles = self._styles.get("mini-plot--curve"), self._styles.get("mini-plot--below")
        return [
            [
                (cell(bits), styles[0] if above else styles[1])
                for bits, above in zip(row, line_bits, strict=True)
            ]
            for row, line_bits in zip(filled(ridge), ridge, strict=True)
        ]

    def _row(self, measure: _Measure, width: int) -> list[tuple[str, Style]]:
        """A measure in one line, without filling it up."""
        chart = _chart_width(width)
        samples = resample(measure.values, chart)
        text = sparkline(samples, len(samples)).ljust(chart + 1)
        return [*self._heads(measure)[0], (text, self._styles.get("mini-plot--line"))]

    def _heads(self, measure: _Measure) -> list[list[tuple[str, Style]]]:
        """The labels left of the first two lines: the last value, and the largest one."""
        known = [value for value in measure.values if value is not None]
        last, peak = (measure.write(known[-1]), measure.write(max(known))) if known else ("", "")
        return [self._head(measure.name, last, "value"), self._head("  peak" if peak else "", peak, "name")]

    def _head(self, name: str, value: str, style: str) -> list[tuple[str, Style]]:
        return [
            (fit(name, NAME_WIDTH), self._styles.get("mini-plot--name")),
            (fit(value.strip(), VALUE_WIDTH, "right") + " ", self._styles.get(f"mini-plot--{style}")),
        ]


def _chart_width(width: int) -> int:
    """The room right of name and value."""
    return width - NAME_WIDTH - VALUE_WIDTH - 2
