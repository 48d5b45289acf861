"""The columns of the job table, and the text of their cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from llmdash.engine.model.frame import JobRow
from llmdash.engine.model.states import JobState, SortColumn, Verdict
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.row_painter import Cell
from llmdash.ui.text.badges import VERDICTS, job_badge
from llmdash.ui.text.format import countdown, duration, si

__all__ = ["SORTS", "cell", "job_columns"]

MARK: Final = "▪"
MUTED: Final = "line-table--muted"
STATE_WIDTH: Final = 13
"""Cells of the longest state, `↻ backoff 59s`."""
LEAST_WORKER: Final = 6

SORTS: Final = {
    "job": SortColumn.NUMBER,
    "id": SortColumn.ID,
    "state": SortColumn.STATE,
    "key": SortColumn.KEY,
    "tries": SortColumn.TRIES,
    "wait": SortColumn.WAIT,
    "ttft": SortColumn.TTFT,
    "time": SortColumn.TIME,
    "out": SortColumn.OUT,
}
"""The sort order of a click on the header of a column."""


def job_columns(
    number_width: int, id_width: int, key_width: int, worker_width: int = 0
) -> tuple[Column, ...]:
    """Return the columns, for job numbers, ids, key labels and names of workers of at most these widths, in
    cells; without a worker there is no column for them.
    """
    worker = Column("worker", "worker", max(LEAST_WORKER, worker_width), priority=7)
    return (
        Column("job", "#", number_width + 1, "right"),
        Column("id", "job", id_width, flex=2, cut="middle"),
        Column("state", "state", STATE_WIDTH),
        Column("key", "key", key_width, priority=3),
        *([worker] if worker_width else []),
        Column("tries", "try", 3, "right", priority=5),
        Column("wait", "wait", 5, "right", priority=6),
        Column("ttft", "ttft", 5, "right", priority=2),
        Column("time", "time", 5, "right", priority=1),
        Column("in", "in", 4, "right", priority=7),
        Column("out", "out", 4, "right", priority=4),
        Column("verdict", "", 1),
        Column("error", "error", 12, flex=5, priority=8),
    )


def cell(row: JobRow, marked: bool, key: str) -> Cell:
    """Return the cell in the column `key` of a job's row. Jobs are counted from 0, and shown from 1."""
    if key == "job":
        number = str(row.job + 1)
        return Cell(MARK + number if marked else number, MUTED)
    return _CELLS[key](row)


def _id(row: JobRow) -> Cell:
    return Cell(row.id, MUTED if row.state in (JobState.QUEUED, JobState.CANCELLED) else "line-table--row")


def _state(row: JobRow) -> Cell:
    badge = job_badge(row)
    due = "" if row.due_in_s is None else f" {countdown(row.due_in_s)}"
    return Cell(badge.text + due, f"line-table--{badge.style}")


def _tries(row: JobRow) -> Cell:
    return Cell(str(row.tries) if row.tries else "", "line-table--warning" if row.tries > 1 else MUTED)


def _in(row: JobRow) -> Cell:
    return Cell("" if row.input_tokens is None else si(row.input_tokens), MUTED)


def _out(row: JobRow) -> Cell:
    return Cell("" if row.output_tokens is None else si(row.output_tokens))


def _verdict(row: JobRow) -> Cell:
    badge = VERDICTS[row.verdict]
    return Cell(badge.glyph, f"line-table--{badge.style}")


def _error(row: JobRow) -> Cell:
    if row.error:
        return Cell(
            row.error, "line-table--error" if row.state in (JobState.FAILED, JobState.INVALID) else MUTED
        )
    word = "" if row.verdict is Verdict.RIGHT else VERDICTS[row.verdict].word
    return Cell(word, MUTED)


_CELLS: Final[dict[str, Callable[[JobRow], Cell]]] = {
    "id": _id,
    "state": _state,
    "key": lambda row: Cell(row.key or "", "line-table--row"),
    "worker": lambda row: Cell(row.worker or "", MUTED),
    "tries": _tries,
    "wait": lambda row: Cell(duration(row.wait_s), MUTED),
    "ttft": lambda row: Cell(duration(row.ttft_s)),
    "time": lambda row: Cell(duration(row.time_s)),
    "in": _in,
    "out": _out,
    "verdict": _verdict,
    "error": _error,
}
