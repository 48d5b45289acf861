"""The bar of a job: how long it waited, how long to the first token, how long it streamed, on one scale."""

from __future__ import annotations

import itertools
import math
from typing import Final

from llmdash.engine.model.frame import JobRow
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.model.states import JobState

__all__ = ["JOB_BAR_PHASES", "attempt_bar", "job_bar", "nice_scale"]

_WAITED: Final = "·"
_FIRST: Final = "─"
_STREAMED: Final = "━"
_GOES_ON: Final = {_WAITED: _WAITED, _FIRST: "╴", _STREAMED: "╸"}
_LONGER: Final = "»"
_STEPS: Final = (1.0, 2.0, 5.0, 10.0)

JOB_BAR_PHASES: Final = ("muted", "secondary", "primary", "success", "error")
"""The styles of the pieces of a bar, each the end of a component class's name."""


def job_bar(row: JobRow, scale_s: float, width: int) -> tuple[tuple[str, str], ...]:
    """Return the bar of a job as pieces of text and style, `width` cells at most, on a scale of `scale_s`
    seconds: `·` waited, `─` to the first token, `━` streaming, `╸` it goes on, `»` longer than the scale.

    Each phase there was has a cell at least. Of several attempts the last one is drawn, after all waiting.
    """
    return _drawn(
        row.wait_s or 0.0,
        row.ttft_s,
        row.time_s or 0.0,
        row.state.in_flight,
        _ended_as(row.state),
        scale_s,
        width,
    )


def attempt_bar(
    attempt: AttemptRecord, wait_s: float, time_s: float, scale_s: float, width: int
) -> tuple[tuple[str, str], ...]:
    """Return the bar of one attempt, as that of a job: it was waited for `wait_s` seconds, and took `time_s`
    so far.
    """
    ended_as = {"ok": "success", "failed": "error"}.get(attempt.state, "muted")
    return _drawn(wait_s, attempt.ttft_s, time_s, attempt.state == "sent", ended_as, scale_s, width)


def _drawn(
    wait_s: float,
    ttft_s: float | None,
    time_s: float,
    goes_on: bool,
    ended_as: str,
    scale_s: float,
    width: int,
) -> tuple[tuple[str, str], ...]:
    if width <= 0 or scale_s <= 0:
        return ()
    first_s = time_s if ttft_s is None else min(ttft_s, time_s)
    phases = (
        (_WAITED, "muted", wait_s),
        (_FIRST, "secondary", first_s),
        (_STREAMED, "primary" if goes_on else ended_as, time_s - first_s),
    )
    cells: list[tuple[str, str]] = []
    until_s = 0.0
    for glyph, style, length_s in phases:
        if length_s > 0:
            until_s += length_s
            wanted = min(width + 1, round(min(until_s / scale_s, 2.0) * width))
            cells += [(glyph, style)] * max(1, wanted - len(cells))
    if goes_on and cells and len(cells) <= width:
        cells[-1] = (_GOES_ON[cells[-1][0]], cells[-1][1])
    if len(cells) > width:
        cells[width - 1 :] = [(_LONGER, cells[-1][1])]
    return tuple(
        ("".join(glyph for glyph, _style in run), style)
        for style, run in itertools.groupby(cells, key=lambda cell: cell[1])
    )


def _ended_as(state: JobState) -> str:
    if state is JobState.DONE:
        return "success"
    return "error" if state in (JobState.FAILED, JobState.INVALID) else "muted"


def nice_scale(seconds: float) -> float:
    """Return `seconds` rounded up to 1, 2 or 5 times a power of ten; 1 s for none.

    >>> nice_scale(1.3), nice_scale(0.02), nice_scale(61.0)
    (2.0, 0.02, 100.0)
    """
    if not 0 < seconds < math.inf:
        return 1.0
    power = 10.0 ** math.floor(math.log10(seconds))
    step = next((step for step in _STEPS if step * power >= seconds * (1 - 1e-9)), 10.0)
    return float(f"{step * power:.6g}")
