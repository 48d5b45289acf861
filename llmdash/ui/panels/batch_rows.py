"""The columns of the table of batches, and the text of their cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from rich.cells import cell_len

from llmdash.engine.model.frame import BatchRow
from llmdash.engine.model.states import BatchState
from llmdash.sanitize import clean_line
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.row_painter import MUTED, ROW, SIGN, Cell
from llmdash.ui.text.badges import BATCH_STATES
from llmdash.ui.text.batch_words import NO_COUNTS, progress_of
from llmdash.ui.text.format import count, short, span
from llmdash.ui.text.run_words import figure_dollars

__all__ = ["BATCH_COLUMNS", "batch_cell"]

_JOBS: Final = 7
_PERCENT: Final = 6
_COST: Final = 7
_LEAST_BAR: Final = 6
_FAINT: Final = "line-table--faint"
_WARNING: Final = "line-table--warning"
_SOON_S: Final = 3600.0
_UNKNOWN: Final = Cell("–", _FAINT)

BATCH_COLUMNS: Final = (
    SIGN,
    Column("batch", "batch", 5, "right", gap=2),
    Column("state", "state", 12),
    Column("jobs", "jobs", _JOBS, "right", gap=2),
    Column("progress", "progress", 13, flex=2, most=len(NO_COUNTS), gap=2),
    Column("age", "age", 6, "right", priority=1),
    Column("expires", "expires", 7, "right", gap=2, priority=3),
    Column("key", "key", 8, priority=5, flex=1, most=14),
    Column("cost", "cost", _COST, "right", gap=2, priority=2),
    Column("provider", "at the provider", 16, flex=2, most=40, cut="middle", priority=6),
    Column("detail", "detail", 12, flex=5, priority=4),
)
"""The columns; where room is short, where it is at the provider goes first."""


def batch_cell(row: BatchRow, column: str, width: int) -> Cell:
    """Return the cell of a batch in a column of `width` cells."""
    if column == "progress":
        return _progress(row, width)
    return _provider(row, width) if column == "provider" else _CELLS[column](row)


def _progress(row: BatchRow, width: int) -> Cell:
    """A bar of what the provider has done, or of what came back; or that nothing is told before the end."""
    match row.state:
        case BatchState.OUT | BatchState.CANCELLING if row.share is None:
            return Cell(NO_COUNTS if len(NO_COUNTS) <= width else "no counts yet", MUTED)
        case BatchState.OUT | BatchState.CANCELLING | BatchState.HELD if row.share is not None:
            return _bar(row.share, progress_of(row), width, "active")
        case BatchState.ENDED:
            came = (row.jobs - row.left) / row.jobs if row.jobs else 1.0
            return _bar(came, f"{int(100 * came)} %", width, "success")
        case BatchState.CLOSED if row.expired:
            return Cell(f"{count(row.expired)} of them again", _WARNING)
        case BatchState.CLOSED:
            return Cell("all came back", MUTED)
    return _UNKNOWN


def _bar(share: float, words: str, width: int, style: str) -> Cell:
    cells = width - _PERCENT
    if cells < _LEAST_BAR:
        return Cell(words, ROW)
    done = min(cells, max(int(share * cells), 1 if share > 0 else 0))
    pieces = (
        ("━" * done, f"line-table--{style}"),
        ("─" * (cells - done), _FAINT),
        (f"{words:>{_PERCENT}}", ROW),
    )
    return Cell("", pieces=pieces)


def _state(row: BatchRow) -> Cell:
    badge = BATCH_STATES[row.state]
    return Cell(badge.text, f"line-table--{badge.style}")


def _jobs(row: BatchRow) -> Cell:
    text = count(row.jobs)
    return Cell(text if len(text) <= _JOBS else short(row.jobs, _JOBS))


def _expires(row: BatchRow) -> Cell:
    if row.expires_in_s is None:
        return _UNKNOWN
    soon = row.expires_in_s < _SOON_S
    return Cell(span(row.expires_in_s) if row.expires_in_s > 0 else "now", _WARNING if soon else MUTED)


def _detail(row: BatchRow) -> Cell:
    """Why nothing happens with it, or the provider's own word for its state, and what failed."""
    if row.detail:
        return Cell(row.detail, _WARNING if row.state is BatchState.HELD else MUTED)
    failed = f"{count(row.failed)} failed" if row.failed else ""
    word = row.word.replace("_", " ") if row.state.may_exist and row.state.is_open else ""
    return Cell(", ".join(filter(None, (word, failed))), MUTED)


def _provider(row: BatchRow, width: int) -> Cell:
    """The endpoint and the id there; where there is no room for both, the id."""
    both = " ".join(filter(None, (row.endpoint, row.provider_id)))
    return Cell(both if cell_len(clean_line(both)) <= width else row.provider_id or row.endpoint, MUTED)


def _cost(row: BatchRow) -> Cell:
    """Dollars; `≤` where it costs at most that, then in whole cents if there is no room for less."""
    if row.cost is None or not row.cost_is_most:
        return _UNKNOWN if row.cost is None else Cell(figure_dollars(row.cost))
    figure = figure_dollars(row.cost)
    return Cell(f"≤{figure}" if len(figure) < _COST else f"≤${math.ceil(100 * row.cost) / 100:.2f}")


_CELLS: Final[Mapping[str, Callable[[BatchRow], Cell]]] = {
    "batch": lambda row: Cell(str(row.batch)),
    "state": _state,
    "jobs": _jobs,
    "age": lambda row: Cell(span(int(row.age_s)), MUTED),
    "expires": _expires,
    "key": lambda row: Cell(row.key),
    "cost": _cost,
    "detail": _detail,
}
