"""Over the run, in small: plots over one time axis, or where there is little room a spark line a measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.style import Style
from textual import events
from textual.strip import Strip

from llmdash.engine.model.frame import SeriesPart
from llmdash.ui.charts.chart import resample, sparkline
from llmdash.ui.charts.drawing import Drawing
from llmdash.ui.charts.line_plot import Cells
from llmdash.ui.charts.marks_line import axis_line, labels_line, legend_line
from llmdash.ui.charts.measure_plot import measure_rows
from llmdash.ui.charts.measures import LineFigures, Measure, figures_of, measures
from llmdash.ui.charts.time_axis import TimeAxis
from llmdash.ui.text.format import fit
from llmdash.ui.text.messages import MomentChosen
from llmdash.ui.text.named_keys import chosen_by, key_of
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["MiniPlot", "run_axis"]

_GUTTER: Final = 5
_TIME_LINES: Final = 3
"""The axis, its labels, and what the marks on it are."""
_LEAST_PLOTS: Final = 7
"""Lines from which on there is room for a plot."""
_LINES_EACH: Final = 4
_MOST_PLOTS: Final = 4
_LEAST_WIDTH: Final = 24
_HALVES_WIDTH: Final = 60
_VALUE: Final = 7
"""Cells of a last value beside its bars, with the blanks behind it."""
_PEAK: Final = 11


class MiniPlot(Drawing):
    """The whole run, from the left to where it is now; a click asks for that plot and moment in the graphs.
    With 7 lines one plot, with 16 three, with 19 four;
    with fewer a spark line a measure.

    | Component class | Styles |
    |---|---|
    | `mini-plot--name` | What is measured, and words. |
    | `mini-plot--value` | LineFigures. |
    | `mini-plot--line`, `--second` | The lines: the median, or the only one; and the 95th percentile. |
    | `mini-plot--set` | What was set. |
    | `mini-plot--axis` | Axes and their labels. |
    | `mini-plot--accent`, `--warning`, `--error` | Marks on the axis. |
    """

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "mini-plot--name",
        "mini-plot--value",
        "mini-plot--line",
        "mini-plot--second",
        "mini-plot--set",
        "mini-plot--axis",
        "mini-plot--accent",
        "mini-plot--warning",
        "mini-plot--error",
    }

    _ground = "mini-plot--name"

    DEFAULT_CSS = """
    MiniPlot {
        height: 1fr;
        & > .mini-plot--name { color: $text-muted; }
        & > .mini-plot--value { color: $foreground; text-style: bold; }
        & > .mini-plot--line { color: $text-primary; }
        & > .mini-plot--second { color: $text-accent; }
        & > .mini-plot--set { color: $text-accent; }
        & > .mini-plot--axis { color: $text-muted; }
        & > .mini-plot--accent { color: $text-accent; }
        & > .mini-plot--warning { color: $text-warning; }
        & > .mini-plot--error { color: $text-error; }
    }
    """

    def __init__(self, about: str = "", *, id: str | None = None) -> None:
        """`about` stands on the border of a panel of its own."""
        super().__init__(id=id)
        self._part = SeriesPart()
        self._border = PanelBorder(self, about)
        self._about = about

    def show(self, part: SeriesPart) -> None:
        """Show the series of the run."""
        if part != self._part:
            self._part = part
            self.redraw()

    def _draw(self, width: int, height: int) -> list[Strip]:
        if height < 1 or width < _LEAST_WIDTH:
            return []
        lines = self._sparks(width, height) if height < _LEAST_PLOTS else self._plots(width, height)
        return [self._line([(text, self._style(style)) for text, style in cells], width) for cells in lines]

    def _style(self, name: str) -> Style:
        return self._styles.get(f"mini-plot--{name}")

    def on_resize(self) -> None:
        if self._about:
            self._border.show(self._about, f"{key_of('graphs', 'g', chosen_by(self))} whole screen")

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.on_resize()

    def on_click(self, event: events.Click) -> None:
        """Ask for the graph of the plot, or of the spark line, with the cursor at that moment of the run."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        event.stop()
        width, height = self.content_size
        if height < _LEAST_PLOTS:
            self.post_message(MomentChosen(self, None, offset.y))
            return
        axis = run_axis(self._part, width - _GUTTER - 1)
        column = min(offset.x - _GUTTER - 1, axis.columns - 1)
        at_s = axis.middle(column) if column >= 0 else None
        is_measured = at_s is not None and at_s <= self._part.end_s
        self.post_message(MomentChosen(self, at_s if is_measured else None, self._plot_at(offset.y, height)))

    def _plot_at(self, y: int, height: int) -> int | None:
        """The place of the plot in a line; None for the axis below all."""
        for place_of, rows in enumerate(_rows_each(height)):
            if y <= rows:
                return place_of
            y -= rows + 1
        return None

    # Plots.

    def _plots(self, width: int, height: int) -> list[Cells]:
        part, columns = self._part, width - _GUTTER - 1
        axis = run_axis(part, columns)
        lines: list[Cells] = []
        for measure, rows in zip(measures(part), _rows_each(height), strict=False):
            lines.append(_head(measure, width, is_over=part.is_over))
            lines += measure_rows(measure, part, axis, rows, _GUTTER)
        legend = legend_line(part.marks, width) if part.rate else [("nothing measured yet", "name")]
        return [
            *lines,
            [(" " * _GUTTER + "└", "axis"), *axis_line(axis, part.marks)],
            [(labels_line(axis, _GUTTER + 1), "axis")],
            legend,
        ]

    # Spark lines.

    def _sparks(self, width: int, height: int) -> list[Cells]:
        shown = measures(self._part)
        if height == 1 and width >= _HALVES_WIDTH:
            half, name = width // 2, _name_width(shown[:2])
            return [
                [*_spark(shown[0], half - 2, name), ("  ", "name"), *_spark(shown[1], width - half, name)]
            ]
        return [_spark(measure, width, _name_width(shown[:height])) for measure in shown[:height]]


def _rows_each(height: int) -> list[int]:
    """Return the lines of each plot that has room, without its head."""
    number = max(1, min(_MOST_PLOTS, (height - _TIME_LINES) // _LINES_EACH))
    rows, more = divmod(height - _TIME_LINES - number, number)
    return [rows + (place_of < more) for place_of in range(number)]


def run_axis(part: SeriesPart, columns: int) -> TimeAxis:
    """Return the axis of the whole run: growing while it goes on, and to its end once it has ended."""
    if part.is_over and part.end_s > 0:
        return TimeAxis.fitted(0.0, part.end_s, columns)
    return TimeAxis.growing(part.end_s, columns)


def _head(measure: Measure, width: int, *, is_over: bool) -> Cells:
    """What is measured, and as many of its figures as fit."""
    pieces: Cells = [(fit(measure.short, 13 if measure.is_times else 10), "name")]
    room = width - len(pieces[0][0])
    for name, value in _figures(measure, is_over=is_over):
        text = _written(measure, value)
        if (room := room - len(name) - len(text) - 3) < -2:
            break
        pieces += [(f"{name} ", "name"), (text, "value"), ("  ", "name")]
    return pieces


def _figures(measure: Measure, *, is_over: bool) -> list[tuple[str, float | None]]:
    if measure.is_times:
        return [(line.name, figures_of(line.values).now) for line in (*measure.lines, *measure.tail)]
    found = measure.figures
    now = [] if is_over else [("now", found.now)]
    return [*now, ("mean", found.mean), ("peak", found.peak)]


def _spark_name(measure: Measure) -> str:
    return "p50" if measure.is_times else measure.short


def _name_width(shown: Sequence[Measure]) -> int:
    """The cells of the names of these measures, with a blank behind them."""
    return max((len(_spark_name(measure)) for measure in shown), default=0) + 1


def _spark(measure: Measure, width: int, name_width: int) -> Cells:
    """A measure in one line: its last value, its bars, and the largest of them; of times the last p95."""
    values = measure.lines[0].values
    found = measure.figures
    columns = max(1, width - name_width - _VALUE - _PEAK)
    samples = resample(values, columns)
    return [
        (fit(_spark_name(measure), name_width), "name"),
        (fit(_written(measure, found.now), _VALUE), "value"),
        (sparkline(samples, len(samples)).ljust(columns), "line"),
        ("  ", "name"),
        (fit(_last_words(measure, found), _PEAK - 2), "name"),
    ]


def _last_words(measure: Measure, found: LineFigures) -> str:
    if measure.is_times:
        return f"p95 {_written(measure, figures_of(measure.lines[1].values).now)}"
    return f"max {_written(measure, found.peak)}"


def _written(measure: Measure, value: float | None) -> str:
    return "–" if value is None else measure.write(value).strip()
