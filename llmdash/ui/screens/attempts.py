"""The attempts of a job as aligned lines."""

from __future__ import annotations

import time
from collections.abc import Sequence

from textual.content import Content

from llmdash.engine.frame import AttemptRow
from llmdash.ui.format import duration, fit

__all__ = ["attempts_table"]

_TITLES = ("n", "key", "state", "sent", "status", "class", "ttft", "latency", "in", "out", "hint", "request")
_WIDEST = 24
"""Cells a column may take; what is longer ends in an ellipsis."""
_RIGHT = frozenset({"n", "status", "ttft", "latency", "in", "out", "hint"})


def attempts_table(attempts: Sequence[AttemptRow]) -> Content:
    """A line of titles, a line an attempt, and below an attempt what the server said, if it said anything."""
    if not attempts:
        return Content.styled("none yet", "$foreground-muted italic")
    rows = [_cells(attempt) for attempt in attempts]
    columns = [index for index in range(len(_TITLES)) if any(row[index].strip() for row in rows)]
    widths = {index: _width(index, rows) for index in columns}
    lines = [Content.styled(_line(_TITLES, columns, widths), "bold $foreground-muted")]
    for attempt, row in zip(attempts, rows, strict=True):
        lines.append(Content.styled(_line(row, columns, widths), _tint(attempt)))
        if attempt.message:
            lines.append(Content.styled(f"   {attempt.message}", "$foreground-muted"))
        if attempt.partial:
            lines.append(Content.styled(f"   cut off after: {attempt.partial[-200:]}", "$foreground-muted"))
    return Content("\n").join(lines)


def _cells(attempt: AttemptRow) -> tuple[str, ...]:
    return (
        str(attempt.number),
        attempt.key,
        attempt.state,
        time.strftime("%H:%M:%S", time.localtime(attempt.sent_at)),
        _known(attempt.status),
        attempt.failure,
        duration(attempt.ttft_s),
        duration(attempt.latency_s),
        _known(attempt.input_tokens),
        _known(attempt.output_tokens),
        duration(attempt.retry_after_s),
        attempt.request_id or "",
    )


def _known(number: int | None) -> str:
    return "" if number is None else str(number)


def _width(index: int, rows: Sequence[Sequence[str]]) -> int:
    return min(_WIDEST, max(len(_TITLES[index]), *(len(row[index].strip()) for row in rows)))


def _line(row: Sequence[str], columns: Sequence[int], widths: dict[int, int]) -> str:
    cells = (
        fit(row[index].strip(), widths[index], "right" if _TITLES[index] in _RIGHT else "left")
        for index in columns
    )
    return "  ".join(cells).rstrip()


def _tint(attempt: AttemptRow) -> str:
    return "$error" if attempt.failure else "$foreground"
