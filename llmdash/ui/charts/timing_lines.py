"""The parts of the figures screen as lines: percentiles, groups, a histogram, and over the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import HistogramPart, Percentiles, SeriesPart, TimingPart, TimingRow
from llmdash.engine.model.timings import Grouping, Timing
from llmdash.ui.charts.chart import bars
from llmdash.ui.charts.line_plot import Cells, Curve, Scale, axis_labels, plot_rows
from llmdash.ui.charts.marks_line import axis_line, labels_line
from llmdash.ui.charts.measures import axis_seconds, short_number, short_seconds
from llmdash.ui.charts.mini_plot import run_axis
from llmdash.ui.charts.time_axis import place
from llmdash.ui.text.format import fit, fit_middle, number

__all__ = [
    "GROUPINGS",
    "METRICS",
    "failed_line",
    "group_lines",
    "histogram_lines",
    "metric_lines",
    "metrics_of",
    "over_lines",
]

METRICS: Final = {
    Timing.TTFT: "first token",
    Timing.LATENCY: "whole answer",
    Timing.ITL: "between tokens",
    Timing.WAITED: "waited",
    Timing.TPS: "tokens/s, a stream",
}
"""What each metric is called."""
GROUPINGS: Final = {
    Grouping.KEY: "key",
    Grouping.ENDPOINT: "endpoint",
    Grouping.MODEL: "model",
}
_OF_STREAMS: Final = (Timing.TTFT, Timing.ITL, Timing.TPS)
_SHARES: Final = ("p50", "p90", "p95", "p99")
_COLUMN: Final = 8
_ANSWERS: Final = 9
_GUTTER: Final = 7


def metrics_of(*, is_streamed: bool) -> tuple[Timing, ...]:
    """Return the metrics of a run; where answers are fetched whole, those of streams are not measured."""
    return tuple(metric for metric in METRICS if is_streamed or metric not in _OF_STREAMS)


def metric_lines(row: TimingRow, metrics: Sequence[Timing], chosen: Timing, width: int) -> list[Cells]:
    """Return the percentiles of one group: a title, and a line a metric with the chosen one marked."""
    name = max(8, width - _COLUMN * len(_SHARES))
    head: Cells = [(fit(f"{row.name} · {counted(row.answers, 'answer')}", name), "title"), *_share_names()]
    return [head, *(_metric_line(row, metric, metric is chosen, name) for metric in metrics)]


def failed_line(part: TimingPart, width: int) -> Cells:
    """Return how long failed requests took, which are in no other figure; nothing where there are none."""
    if not part.failed:
        return []
    name = max(8, width - _COLUMN * len(_SHARES))
    words = f" apart: {part.failed:,} failed"
    return [(fit(words, name), "error"), *_shares(part.failed_after, Timing.LATENCY)]


def _metric_line(row: TimingRow, metric: Timing, is_chosen: bool, width: int) -> Cells:
    mark, style = ("›", "chosen") if is_chosen else (" ", "name")
    return [(fit(mark + METRICS[metric], width), style), *_shares(row.times(metric), metric)]


def _share_names() -> Cells:
    return [("".join(name.rjust(_COLUMN) for name in _SHARES), "name")]


def _shares(times: Percentiles, metric: Timing) -> Cells:
    every = (times.p50, times.p90, times.p95, times.p99)
    return [("".join(written(value, metric).rjust(_COLUMN) for value in every), "value")]


def written(value: float | None, metric: Timing) -> str:
    """Return a value of a metric; a dash where it is not known."""
    if value is None:
        return "–"
    return number(value) if metric is Timing.TPS else _seconds(value)


def _seconds(value: float) -> str:
    return f"{value * 1000:.1f}ms" if value < 0.00995 else short_seconds(value)


def group_lines(part: TimingPart, metric: Timing, width: int, height: int, first: int) -> list[Cells]:
    """Return a title, and a line a group from the one in place `first` on, with the shown one marked."""
    name = max(6, width - _COLUMN * len(_SHARES) - _ANSWERS)
    title = f"By {GROUPINGS.get(part.by, part.by.value)}"
    head: Cells = [(fit(title, name), "title"), ("answers".rjust(_ANSWERS), "name"), *_share_names()]
    rows = part.rows[first : first + max(0, height - 1)]
    return [head, *(_group_line(row, metric, row.name == part.group, name) for row in rows)]


def _group_line(row: TimingRow, metric: Timing, is_shown: bool, width: int) -> Cells:
    mark, style = ("›", "chosen") if is_shown else (" ", "name")
    answers = (f"{row.answers:,}".rjust(_ANSWERS), "name")
    return [
        (mark + fit_middle(row.name or "–", width - 1), style),
        answers,
        *_shares(row.times(metric), metric),
    ]


def histogram_lines(
    histogram: HistogramPart, times: Percentiles, metric: Timing, width: int, height: int
) -> list[Cells]:
    """Return a title, bars from the least to the largest value, marks for the percentiles, and values."""
    title: Cells = [(fit(f"Histogram · {METRICS[metric]}", width), "title")]
    count, rows = len(histogram.counts), height - 3
    if not count or rows < 1:
        return [title, [(fit("nothing measured yet", width), "name")]][: max(0, height)]
    heights = [float(histogram.counts[column * count // width]) for column in range(width)]
    marks = [(_percentile_marks(histogram, times, width), "axis")]
    return [
        title,
        *([(row, "line")] for row in bars(heights, width, rows)),
        marks,
        [(_edges(histogram, metric, width), "axis")],
    ]


def _percentile_marks(histogram: HistogramPart, times: Percentiles, width: int) -> str:
    """The line below the bars: `┴` where the percentiles are, each with its name as far as there is room."""
    cells, count = ["─"] * width, len(histogram.counts)
    for name in reversed(_SHARES):
        value = getattr(times, name)
        if value is None:
            continue
        bar = next((each for each in range(count) if value < histogram.edges[each + 1]), count - 1)
        begin = min(-(-bar * width // count), width - len(name) - 1)
        if begin >= 0:
            cells[begin : begin + len(name) + 1] = list(f"┴{name}")
    return "".join(cells)


def _edges(histogram: HistogramPart, metric: Timing, width: int) -> str:
    """The values at the beginning, in the middle and at the end."""
    edges, count = histogram.edges, len(histogram.counts)
    left, right = written(edges[0], metric), written(edges[-1], metric)
    middle = written(edges[count // 2], metric)
    between = width - len(left) - len(right)
    if between < len(middle) + 4:
        return left + right.rjust(width - len(left))
    start = width * (count // 2) // count - len(left)
    return left + (" " * start + middle).ljust(between)[:between] + right


def over_lines(series: SeriesPart, metric: Timing, width: int, height: int) -> list[Cells]:
    """Return a title, the median and the 95th percentile step by step, and the time axis."""
    rows, columns = height - 3, width - _GUTTER - 1
    legend: Cells = [("━ p50", "line"), ("   ━ p95", "second")]
    title: Cells = [
        (fit(f"Over the run, all answers · {METRICS[metric]}", max(0, width - 13)), "title"),
        *legend,
    ]
    if rows < 2 or columns < 8:
        return []
    axis, times = run_axis(series, columns), series.times(metric)
    curves = [
        Curve(place(values, series.begin_s, series.step_s, series.end_s, axis), style)
        for values, style in ((times.p50, "line"), (times.p95, "second"))
    ]
    scale = Scale.of(curves)
    labels = axis_labels(rows, scale, short_number if metric is Timing.TPS else axis_seconds, _GUTTER)
    drawn = plot_rows(curves, rows, columns, scale)
    return [
        title,
        *([(label, "axis"), *cells] for label, cells in zip(labels, drawn, strict=True)),
        [(" " * _GUTTER + "└", "axis"), *axis_line(axis, series.marks)],
        [(labels_line(axis, _GUTTER + 1), "axis")],
    ]
