"""The columns of the table of workers, and the text of their cells."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from rich.cells import cell_len

from llmdash.engine.model.frame import WorkerRow
from llmdash.engine.model.states import WorkerState
from llmdash.sanitize import clean_line
from llmdash.ui.charts.chart import resample, sparkline
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.row_painter import MUTED, ROW, SIGN, Cell
from llmdash.ui.text.badges import WORKER_STATES
from llmdash.ui.text.format import count, duration, fine, in_seconds, short, si

__all__ = ["CELLS", "worker_cells", "worker_columns"]

SPARK_CELLS: Final = 10
LONGEST_NAME: Final = 16
LEAST_NAME: Final = 6
LEAST_HOST, MOST_HOST = 7, 32
DONE_WIDTH: Final = 7
SILENT_S: Final = 2.0
LONG_SILENT_S: Final = 5.0
"""A worker that is silent for longer is in trouble."""

CELLS: Final = (
    "name", "host", "state", "now", "rate", "done", "p50", "trip", "lost", "silent", "keys", "spark",
)  # fmt: skip
"""The columns of a worker's line."""

_UNKNOWN = Cell("–", MUTED)


def worker_columns(workers: Sequence[WorkerRow]) -> tuple[Column, ...]:
    """Return the columns for these workers."""
    return (
        SIGN,
        Column("name", "worker", _width(tuple(row.name for row in workers))),
        Column("host", "host", LEAST_HOST, flex=2, most=MOST_HOST, priority=5),
        Column("state", "state", 10),
        Column("now", "now", 4, "right"),
        Column("rate", "jobs/s", 6, "right", priority=3),
        Column("done", "done", DONE_WIDTH, "right", priority=2),
        Column("p50", "p50", 5, "right", priority=6),
        Column("trip", "round trip", 10, "right", priority=7),
        Column("lost", "lost", 4, "right"),
        Column("silent", "silent", 6, "right", gap=2, priority=1),
        Column("keys", "keys", 11, flex=1, most=32, priority=4),
        Column("spark", "last 4 min", SPARK_CELLS, priority=8),
    )


@lru_cache(maxsize=4)
def _width(names: tuple[str, ...]) -> int:
    """The width of the names, as far as they are short."""
    longest = max((cell_len(clean_line(name[:64])) for name in names), default=0)
    return max(LEAST_NAME, min(longest, LONGEST_NAME))


def worker_cells(row: WorkerRow, keys: int) -> tuple[Cell, ...]:
    """Return the cells of a worker's line, in the order of CELLS, for a run with that many `keys`."""
    badge = WORKER_STATES[row.state]
    is_here = row.round_trip_s is None
    return (
        Cell(row.name),
        Cell(row.host, MUTED if row.state is WorkerState.LEFT else ROW),
        Cell(badge.text, f"line-table--{badge.style}"),
        _counted(row.in_flight, 4),
        Cell(_rate(row.jobs_per_s), ROW if row.jobs_per_s >= 0.05 else "line-table--faint"),
        _counted(row.done, DONE_WIDTH),
        _UNKNOWN if row.ttft_p50 is None else Cell(in_seconds(row.ttft_p50)),
        _UNKNOWN if is_here else Cell(fine(row.round_trip_s)),
        _counted(row.lost, 4, "line-table--error"),
        _UNKNOWN if is_here and not row.silent_s else _silent(row),
        _keys(row, keys),
        Cell(sparkline(resample(row.spark, SPARK_CELLS), SPARK_CELLS), "line-table--active"),
    )


def _counted(number: int, width: int, style: str = ROW) -> Cell:
    text = count(number)
    return Cell(
        text if len(text) <= width else short(number, width), style if number else "line-table--faint"
    )


def _rate(per_s: float) -> str:
    return f"{per_s:.1f}" if per_s < 999.95 else si(per_s)


def _silent(row: WorkerRow) -> Cell:
    if row.state is WorkerState.LEFT:
        return _UNKNOWN
    text = f"{row.silent_s:.1f}s" if row.silent_s < 99.95 else duration(row.silent_s)
    if row.silent_s > LONG_SILENT_S:
        return Cell(text, "line-table--error")
    return Cell(text, "line-table--warning" if row.silent_s > SILENT_S else MUTED)


def _keys(row: WorkerRow, keys: int) -> Cell:
    if row.lacks:
        return Cell(f"{row.keys}, no {' '.join(row.lacks)}", "line-table--warning")
    return Cell(f"{row.keys} of {max(keys, row.keys)}", ROW) if row.keys else _UNKNOWN
