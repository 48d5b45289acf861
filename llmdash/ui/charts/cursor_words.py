"""What stands at the cursor: when it is, what bound the run then, and what happened or went on."""

from __future__ import annotations

import math

from llmdash.engine.model.frame import Mark, SeriesPart
from llmdash.sanitize import clean_line
from llmdash.ui.charts.line_plot import Cells
from llmdash.ui.charts.time_axis import moment
from llmdash.ui.text.mark_words import MARKS, bound_words, explained

__all__ = ["cursor_cells"]

_MOST = 2


def cursor_cells(part: SeriesPart, at_s: float, column_s: float) -> Cells:
    """Return the words for a moment of the run; a column is `column_s` seconds wide."""
    words = [f"▲ {moment(at_s, 0.1 if column_s < 0.5 else 1.0)}"]
    step = math.floor((at_s - part.begin_s) / part.step_s)
    if 0 <= step < len(part.binding) and (bound := bound_words(part.binding[step])):
        words.append(bound)
    cells: Cells = [(" · ".join(words), "value")]
    found = sorted(
        (mark for mark in part.marks if _is_there(mark, at_s, column_s)),
        key=lambda mark: (mark.kind.severity, -mark.at_s),
    )
    for mark in found[:_MOST]:
        badge = MARKS[mark.kind]
        cells.append((clean_line(f" · {badge.glyph} {explained(mark)}"), badge.style))
    return cells


def _is_there(mark: Mark, at_s: float, column_s: float) -> bool:
    """True if a mark is in the column of a moment, or what it is of went on then."""
    end_s = mark.at_s if mark.until_s is None else mark.until_s
    return mark.at_s - column_s / 2 <= at_s <= end_s + column_s / 2
