"""TimingBoard: the percentiles of what was measured, by group, with a histogram and over the run."""

from __future__ import annotations

from typing import ClassVar, Final, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.strip import Strip

from llmdash.engine.model.frame import SeriesPart, TimingPart, TimingRow
from llmdash.engine.model.timings import Grouping, Timing
from llmdash.engine.model.view import SeriesView, TimingView
from llmdash.ui.charts.drawing import Drawing
from llmdash.ui.charts.line_plot import Cells
from llmdash.ui.charts.timing_lines import (
    GROUPINGS,
    failed_line,
    group_lines,
    histogram_lines,
    metric_lines,
    metrics_of,
    over_lines,
)

__all__ = ["TimingBoard"]

_WIDE: Final = 100
_LEFT: Final = 58
_GAP: Final = 3
_LEAST_GROUPS: Final = 4


class _Heights(NamedTuple):
    """The lines of each part."""

    metrics: int
    groups: int
    histogram: int
    over: int


class TimingBoard(Drawing):
    """A metric is chosen with up and down, or by a click; a group likewise.

    | Component class | Styles |
    |---|---|
    | `timing-board--title` | What a part shows. |
    | `timing-board--name` | Words, and figures that matter less. |
    | `timing-board--chosen` | The metric and the group that are shown. |
    | `timing-board--value` | Percentiles. |
    | `timing-board--line`, `--second` | Bars and the median; the 95th percentile. |
    | `timing-board--axis` | Axes and their labels. |
    | `timing-board--accent`, `--warning`, `--error` | Marks on the axis. |
    """

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "timing-board--title",
        "timing-board--name",
        "timing-board--chosen",
        "timing-board--value",
        "timing-board--line",
        "timing-board--second",
        "timing-board--axis",
        "timing-board--accent",
        "timing-board--warning",
        "timing-board--error",
    }

    _ground = "timing-board--name"

    DEFAULT_CSS = """
    TimingBoard {
        height: 1fr;
        padding: 0 1;
        & > .timing-board--title { color: $foreground; text-style: bold; }
        & > .timing-board--name { color: $text-muted; }
        & > .timing-board--chosen { color: $text-primary; text-style: bold; }
        & > .timing-board--value { color: $foreground; }
        & > .timing-board--line { color: $text-primary; }
        & > .timing-board--second { color: $text-accent; }
        & > .timing-board--axis { color: $text-muted; }
        & > .timing-board--accent { color: $text-accent; }
        & > .timing-board--warning { color: $text-warning; }
        & > .timing-board--error { color: $text-error; }
    }
    """

    class ViewChanged(Message):
        """Posted when other timings are to be shown."""

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._part = TimingPart(Grouping.KEY)
        self._series = SeriesPart()
        self._is_streamed = True
        self._by = Grouping.KEY
        self._group: str | None = None
        self._metric = Timing.TTFT
        self._first = 0

    def show(self, part: TimingPart, series: SeriesPart, *, is_streamed: bool) -> None:
        """Show these timings, and the series over the run."""
        if (part, series, is_streamed) != (self._part, self._series, self._is_streamed):
            self._part, self._series, self._is_streamed = part, series, is_streamed
            if self._metric not in self._metrics:
                self._metric = Timing.LATENCY
            self.redraw()

    @property
    def timings(self) -> TimingView:
        """The timings that are to be shown."""
        return TimingView(self._by, self._group, max(10, min(60, self._right_width)))

    @property
    def series(self) -> SeriesView:
        """The series that are to be shown."""
        return SeriesView(max(1, 2 * self._right_width), times=(self._metric,))

    @property
    def metric(self) -> Timing:
        """The metric that is shown."""
        return self._metric

    @property
    def part(self) -> TimingPart:
        """The timings that are shown."""
        return self._part

    # What moves it.

    def next_metric(self, steps: int) -> None:
        """Show another metric, in their order."""
        every = self._metrics
        self._choose(every[(every.index(self._metric) + steps) % len(every)])

    def next_grouping(self, steps: int) -> None:
        """Tell answers apart by something else."""
        every = list(GROUPINGS)
        self._by, self._group, self._first = every[(every.index(self._by) + steps) % len(every)], None, 0
        self._changed()

    def next_group(self, steps: int) -> None:
        """Show another group, or all of them beyond the first and the last."""
        names: list[str | None] = [None, *(row.name for row in self._part.rows)]
        at = names.index(self._group) if self._group in names else 0
        self._show_group(names[(at + steps) % len(names)])

    def _show_group(self, name: str | None) -> None:
        self._group = name
        places = [row.name for row in self._part.rows]
        room = max(1, self._heights().groups - 1)
        at = places.index(name) if name in places else 0
        self._first = min(max(self._first, at - room + 1), at)
        self._changed()

    def _choose(self, metric: Timing) -> None:
        self._metric = metric
        self._changed()

    def _changed(self) -> None:
        self.redraw()
        self.post_message(self.ViewChanged())

    def on_click(self, event: events.Click) -> None:
        """Choose the metric or the group that is clicked; the title of the groups groups them otherwise."""
        offset = event.get_content_offset(self)
        if offset is None or offset.x >= self._left_width:
            return
        heights = self._heights()
        metric, group = offset.y - 1, offset.y - heights.metrics - 1
        if 0 <= metric < len(self._metrics):
            self._choose(self._metrics[metric])
        elif group == -1:
            self.next_grouping(1)
        elif 0 <= group < heights.groups - 1 and self._first + group < len(self._part.rows):
            name = self._part.rows[self._first + group].name
            self._show_group(None if name == self._group else name)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.next_group(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.next_group(-1)

    # The drawing.

    @property
    def _metrics(self) -> tuple[Timing, ...]:
        return metrics_of(is_streamed=self._is_streamed)

    @property
    def _is_wide(self) -> bool:
        return self.content_size.width >= _WIDE

    @property
    def _left_width(self) -> int:
        return _LEFT if self._is_wide else self.content_size.width

    @property
    def _right_width(self) -> int:
        width = self.content_size.width
        return width - _LEFT - _GAP if self._is_wide else width

    def _heights(self) -> _Heights:
        height, metrics = self.content_size.height, len(self._metrics) + (3 if self._part.failed else 2)
        if self._is_wide:
            return _Heights(metrics, max(0, height - metrics), height // 2 - 1, height - height // 2)
        rest = max(0, height - metrics)
        groups = min(rest, len(self._part.rows) + 2, max(_LEAST_GROUPS, rest // 3))
        histogram = (rest - groups) // 2
        return _Heights(metrics, groups, histogram, rest - groups - histogram)

    def _row(self) -> TimingRow:
        found = next((row for row in self._part.rows if row.name == self._part.group), None)
        return found if found is not None else self._part.whole

    def _draw(self, width: int, height: int) -> list[Strip]:
        heights, metric, row = self._heights(), self._metric, self._row()
        left, right = self._left_width, self._right_width
        metrics = [*metric_lines(row, self._metrics, metric, left), failed_line(self._part, left)]
        groups = group_lines(self._part, metric, left, heights.groups, self._first)
        histogram = histogram_lines(
            self._part.histogram(metric), row.times(metric), metric, right, heights.histogram
        )
        over = over_lines(self._series, metric, right, heights.over)
        figures = [*_filled(metrics, heights.metrics), *_filled(groups, heights.groups)]
        gap = height - sum(heights[2:]) if self._is_wide else 0
        plots = [*_filled(histogram, heights.histogram + gap), *_filled(over, heights.over)]
        lines = _beside(figures, plots, left + _GAP) if self._is_wide else [*figures, *plots]
        return [
            self._line([(text, self._styles.get(f"timing-board--{style}")) for text, style in cells], width)
            for cells in lines[:height]
        ]


def _filled(lines: list[Cells], height: int) -> list[Cells]:
    return [*lines, *([] for _ in range(height - len(lines)))][: max(0, height)]


def _beside(left: list[Cells], right: list[Cells], at: int) -> list[Cells]:
    """Put lines beside others, from a column on."""
    joined = []
    for mine, others in zip(left, right, strict=True):
        used = sum(cell_len(text) for text, _ in mine)
        joined.append([*mine, (" " * max(0, at - used), "name"), *others])
    return joined
