"""The plot of one measure over a time axis: its title with a legend, its labels, and its lines."""

from __future__ import annotations

from llmdash.engine.model.frame import SeriesPart
from llmdash.ui.charts.line_plot import Cells, Curve, Scale, axis_labels, plot_rows
from llmdash.ui.charts.measures import Measure, axis_seconds, short_number
from llmdash.ui.charts.time_axis import TimeAxis, place
from llmdash.ui.text.format import fit

__all__ = ["measure_rows", "title_line"]


def measure_rows(
    measure: Measure, part: SeriesPart, axis: TimeAxis, rows: int, gutter: int, cursor: int | None = None
) -> list[Cells]:
    """Return the lines of a plot of `rows` lines, from top to bottom, the labels of its scale in `gutter`
    cells.
    """
    curves = [
        Curve(place(line.values, part.begin_s, part.step_s, part.end_s, axis), line.style)
        for line in measure.lines
    ]
    levels = place(measure.levels, part.begin_s, part.step_s, part.end_s, axis)[::2]
    scale = Scale.of(curves, levels)
    labels = axis_labels(rows, scale, axis_seconds if measure.is_times else short_number, gutter)
    drawn = plot_rows(curves, rows, axis.columns, scale, levels, cursor)
    return [[(label, "axis"), *cells] for label, cells in zip(labels, drawn, strict=True)]


def title_line(measure: Measure, width: int) -> Cells:
    """Return what is plotted, and at the right what each line is."""
    legend: Cells = [(f"━ {line.name}", line.style) for line in measure.lines]
    known = [level for level in measure.levels if level is not None]
    if measure.levels:
        last = f" {short_number(known[-1])}" if known and measure.levels[-1] is not None else ""
        legend.append((f"┈ set{last}", "set"))
    apart = [(text if place == 0 else f"   {text}", style) for place, (text, style) in enumerate(legend)]
    room = width - sum(len(text) for text, _ in apart)
    if room <= len(measure.title):
        return [(measure.title, "title")]
    return [(fit(measure.title, room), "title"), *apart]
