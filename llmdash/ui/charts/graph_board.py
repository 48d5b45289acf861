"""GraphBoard: four plots over one time axis, with one cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from llmdash.engine.model.frame import SeriesPart
from llmdash.engine.model.view import SeriesView
from llmdash.lean_dataclass import dataclass
from llmdash.ui.charts.cursor_words import cursor_cells
from llmdash.ui.charts.drawing import Drawing
from llmdash.ui.charts.line_plot import Cells
from llmdash.ui.charts.marks_line import axis_line, labels_line, words_below
from llmdash.ui.charts.measure_plot import measure_rows, title_line
from llmdash.ui.charts.measures import Measure, measures
from llmdash.ui.charts.plot_figures import figure_lines
from llmdash.ui.charts.time_axis import TimeAxis
from llmdash.ui.charts.window import WHOLE, Window
from llmdash.ui.text.format import fit

__all__ = ["GraphBoard"]

_GUTTER: Final = 7
_RIGHT: Final = 17
_TIME_LINES: Final = 4
"""The axis, its labels, the marks in words, and what stands at the cursor."""
_LEAST_EACH: Final = 3
"""Lines of a plot with its title, at least."""
_ZOOM: Final = 2.0
_PAST_MIDDLE: Final = 0.501
"""The share of a column that has to be measured for the cursor to stand in its middle."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is on screen: the axis, and the plots with their numbers of lines."""

    axis: TimeAxis
    plots: tuple[tuple[Measure, int], ...]


class GraphBoard(Drawing):
    """Four plots of a run, or one of them; where there is too little room, the last ones are left out.

    | Component class | Styles |
    |---|---|
    | `graph-board--title` | What is plotted. |
    | `graph-board--name` | Words, and figures that matter less. |
    | `graph-board--value` | The figures at the cursor. |
    | `graph-board--line`, `--second` | The lines: the median, or the only one; and the 95th percentile. |
    | `graph-board--set` | What was set. |
    | `graph-board--axis` | Axes and their labels. |
    | `graph-board--cursor` | The cursor. |
    | `graph-board--accent`, `--warning`, `--error` | Marks on the axis. |
    """

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "graph-board--title",
        "graph-board--name",
        "graph-board--value",
        "graph-board--line",
        "graph-board--second",
        "graph-board--set",
        "graph-board--axis",
        "graph-board--cursor",
        "graph-board--accent",
        "graph-board--warning",
        "graph-board--error",
    }

    _ground = "graph-board--name"

    DEFAULT_CSS = """
    GraphBoard {
        height: 1fr;
        padding: 0 1;
        & > .graph-board--title { color: $foreground; text-style: bold; }
        & > .graph-board--name { color: $text-muted; }
        & > .graph-board--value { color: $foreground; text-style: bold; }
        & > .graph-board--line { color: $text-primary; }
        & > .graph-board--second { color: $text-accent; }
        & > .graph-board--set { color: $text-accent; }
        & > .graph-board--axis { color: $text-muted; }
        & > .graph-board--cursor { color: $text-muted; }
        & > .graph-board--accent { color: $text-accent; }
        & > .graph-board--warning { color: $text-warning; }
        & > .graph-board--error { color: $text-error; }
    }
    """

    class WindowChanged(Message):
        """Posted when another part of the run is to be shown."""

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._part = SeriesPart()
        self._end_s = 0.0
        self._window = WHOLE
        self._cursor_s: float | None = None
        self._alone: int | None = None

    # What it shows.

    def show(self, part: SeriesPart) -> None:
        """Show a part of the series of the run: what `wanted` has asked for."""
        if part != self._part:
            self._part = part
            self._end_s = part.end_s or self._end_s
            self.redraw()

    def wanted(self) -> SeriesView:
        """Return the part of the series that is on screen."""
        axis = self._axis()
        if self._window.span_s is None:
            return SeriesView(2 * axis.columns)
        return SeriesView(2 * axis.columns, axis.begin_s, axis.end_s)

    @property
    def cursor_s(self) -> float | None:
        """The moment under the cursor, in seconds at work; None without a cursor."""
        return self._cursor_s

    @property
    def window(self) -> Window:
        """The part of the run that is shown."""
        return self._window

    # What moves it.

    def move_cursor(self, columns: int) -> None:
        """Move the cursor; the first move puts it at the end of what is measured."""
        axis = self._axis()
        last = axis.column(min(self._end_s, axis.end_s) - _PAST_MIDDLE * axis.column_s) or 0
        column = None if self._cursor_s is None else axis.column(self._cursor_s)
        wanted = last if column is None else max(0, min(last, column + columns))
        self._put_cursor(axis.middle(wanted))

    def point_at(self, at_s: float) -> None:
        """Put the cursor at a moment of the run."""
        self._put_cursor(at_s)

    def drop_cursor(self) -> bool:
        """Take the cursor away; return False if there is none."""
        had_one = self._cursor_s is not None
        self._cursor_s = None
        self.redraw()
        return had_one

    def zoom(self, steps: int) -> None:
        """Show half of what is shown around the cursor, or around the end; twice as much if negative."""
        axis = self._axis()
        around_s = self._cursor_s if self._cursor_s is not None else min(self._end_s, axis.end_s)
        self._zoom_around(around_s, steps)

    def pan(self, halves: int) -> None:
        """Move by `halves` of what is shown."""
        self._look_at(self._window.panned(halves / 2, self._end_s, self._axis()))

    def show_whole(self) -> None:
        """Show the whole run."""
        self._look_at(WHOLE)

    def show_newest(self) -> None:
        """Show the end of the run, and follow it."""
        self._look_at(Window(self._window.span_s))

    def show_alone(self, number: int) -> None:
        """Show one of the plots alone; the same one again shows all."""
        self._alone = None if self._alone == number else number
        self.redraw()

    def _look_at(self, window: Window) -> None:
        if window != self._window:
            self._window = window
            self.redraw()
            self.post_message(self.WindowChanged())

    def _zoom_around(self, at_s: float, steps: int) -> None:
        self._look_at(self._window.zoomed(_ZOOM**-steps, at_s, self._end_s, self._axis()))

    def _put_cursor(self, at_s: float) -> None:
        if at_s != self._cursor_s:
            self._cursor_s = at_s
            self.redraw()

    # The mouse.

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self.capture_mouse()
        self._point(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if event.button:
            self._point(event)

    def on_mouse_up(self) -> None:
        self.release_mouse()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._scroll(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._scroll(event, -1)

    def _scroll(self, event: events.MouseEvent, steps: int) -> None:
        """Zoom around the pointer."""
        event.stop()
        if (at_s := self._pointed(event)) is not None:
            self._zoom_around(at_s, steps)

    def _point(self, event: events.MouseEvent) -> None:
        if (at_s := self._pointed(event)) is not None:
            self._put_cursor(at_s)

    def _pointed(self, event: events.MouseEvent) -> float | None:
        """The moment under the pointer; None left of the axis, and beyond it the one at its end."""
        axis = self._axis()
        column = int(event.get_content_offset_capture(self).x) - _GUTTER - 1
        return axis.middle(min(column, axis.columns - 1)) if column >= 0 and axis.columns else None

    # The drawing.

    def _axis(self) -> TimeAxis:
        columns = max(1, self.content_size.width - _GUTTER - 1 - _RIGHT)
        return self._window.axis(self._end_s, columns, is_over=self._part.is_over)

    def _draw(self, width: int, height: int) -> list[Strip]:
        shown = self._shown(height)
        if not shown.plots or width < _GUTTER + _RIGHT + 2:
            return []
        cursor = None if self._cursor_s is None else shown.axis.column(self._cursor_s)
        lines: list[Cells] = []
        for measure, rows in shown.plots:
            lines.append(title_line(measure, width))
            lines += self._plot(measure, shown.axis, rows, cursor)
        lines += self._time_lines(shown.axis, cursor, width)
        return [self._line([(text, self._style(style)) for text, style in cells], width) for cells in lines]

    def _style(self, name: str) -> Style:
        return self._styles.get(f"graph-board--{name}")

    def _shown(self, height: int) -> _Shown:
        every = measures(self._part)
        chosen = every if self._alone is None else (every[self._alone],)
        room = height - _TIME_LINES
        chosen = chosen[: max(0, room // _LEAST_EACH)]
        if not chosen:
            return _Shown(self._axis(), ())
        rows, more = divmod(room - len(chosen), len(chosen))
        return _Shown(self._axis(), tuple((each, rows + (place < more)) for place, each in enumerate(chosen)))

    def _plot(self, measure: Measure, axis: TimeAxis, rows: int, cursor: int | None) -> list[Cells]:
        drawn = measure_rows(measure, self._part, axis, rows, _GUTTER, cursor)
        if not any(value is not None for line in measure.lines for value in line.values):
            drawn[rows // 2][1:] = [(fit("  nothing measured yet", axis.columns), "name")]
        figures = figure_lines(measure, self._part, self._cursor_s if cursor is not None else None, rows)
        return [[*cells, ("  ", "name"), *right] for cells, right in zip(drawn, figures, strict=True)]

    def _time_lines(self, axis: TimeAxis, cursor: int | None, width: int) -> list[Cells]:
        """The axis, its labels, the marks in words, and what bound the run at the cursor."""
        marks = self._part.marks
        before = " " * (_GUTTER + 1)
        return [
            [(" " * _GUTTER + "└", "axis"), *axis_line(axis, marks, cursor)],
            [(labels_line(axis, len(before)), "axis")],
            [(before, "axis"), *words_below(marks, axis, width - len(before))],
            self._cursor_line(axis, cursor, width),
        ]

    def _cursor_line(self, axis: TimeAxis, cursor: int | None, width: int) -> Cells:
        if cursor is None or self._cursor_s is None:
            return []
        words: Sequence[tuple[str, str]] = cursor_cells(self._part, self._cursor_s, axis.column_s)
        long = sum(len(text) for text, _ in words)
        start = max(0, min(_GUTTER + 1 + cursor, width - long))
        return [(" " * start, "name"), *words]
