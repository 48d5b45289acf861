"""The figures right of a plot: at the cursor, and over what is shown."""

from __future__ import annotations

import math
from collections.abc import Callable

from llmdash.engine.model.frame import SeriesPart
from llmdash.ui.charts.chart import Values
from llmdash.ui.charts.line_plot import Cells
from llmdash.ui.charts.measures import Measure, PlotLine, figures_of
from llmdash.ui.charts.time_axis import moment
from llmdash.ui.text.format import fit

__all__ = ["at_cursor", "figure_lines"]

_WIDTH = 15


def at_cursor(part: SeriesPart, values: Values, at_s: float) -> float | None:
    """Return the value at a moment; None where nothing was measured."""
    step = math.floor((at_s - part.begin_s) / part.step_s)
    if not 0 <= step < len(values) or at_s >= part.end_s:
        return None
    value = values[step]
    return value if value is not None and math.isfinite(value) else None


def figure_lines(measure: Measure, part: SeriesPart, at_s: float | None, rows: int) -> list[Cells]:
    """Return `rows` lines of figures: those at the cursor first, if there is one; as many as there is room
    for.
    """
    lines = (_of_times if measure.is_times else _of_counts)(measure, part, at_s)
    if rows < 5:
        lines = [line for line in lines if line]
    return [*lines, *[[] for _ in range(rows)]][:rows]


def _of_counts(measure: Measure, part: SeriesPart, at_s: float | None) -> list[Cells]:
    values, write = measure.lines[0].values, measure.write
    found = measure.figures
    over: list[Cells] = [
        _pair("mean", _written(write, found.mean), "name"),
        _pair("peak", _written(write, found.peak), "name"),
        _pair(_last_word(part), _written(write, found.now), "name"),
    ]
    if at_s is None:
        return [*over[2:], *over[:2]]
    lines = [_pair(f"at {moment(at_s)}", _written(write, at_cursor(part, values, at_s)), "value")]
    if measure.levels:
        lines.append(
            _pair("set", _written(write, at_cursor(part, measure.levels, at_s), "no limit"), "value")
        )
    return [*lines, *over]


def _of_times(measure: Measure, part: SeriesPart, at_s: float | None) -> list[Cells]:
    every = (*measure.lines, *measure.tail)
    last = _last_word(part)
    now: list[Cells] = [
        _pair(
            f"{last if place == 0 else ' ' * len(last)} {line.name}",
            _written(measure.write, _last(line)),
            "name",
        )
        for place, line in enumerate(every)
    ]
    if at_s is None:
        return now
    here = [
        _pair(f"    {line.name}", _written(measure.write, at_cursor(part, line.values, at_s)), "value")
        for line in every
    ]
    return [_pair(f"at {moment(at_s)}", "", "value"), *here, *now]


def _last_word(part: SeriesPart) -> str:
    """What the last value that is shown is: that of now only where the newest step is on screen."""
    if part.begin_s + len(part.rate) * part.step_s < part.end_s - part.step_s / 2:
        return "last"
    return "end" if part.is_over else "now"


def _last(line: PlotLine) -> float | None:
    return figures_of(line.values).now


def _pair(name: str, value: str, style: str) -> Cells:
    if len(name) + 1 + len(value) > _WIDTH:
        return [(fit(value, _WIDTH, "right"), style)]
    return [(name, "name"), (value.rjust(_WIDTH - len(name)), style)]


def _written(write: Callable[[float], str], value: float | None, missing: str = "–") -> str:
    return missing if value is None else write(value).strip()
