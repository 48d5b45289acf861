"""The columns of the job table: those there are, and those shown where nothing else was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from llmdash.engine.model.states import SortColumn
from llmdash.ui.tables.columns import Column

__all__ = [
    "DESCRIPTIONS",
    "INPUT",
    "NARROW",
    "SORTS",
    "WIDE",
    "WIDE_FROM",
    "JobWidths",
    "default_columns",
    "is_column",
    "job_columns",
    "texts_of",
]

INPUT: Final = "input."
"""What the names of columns of carried fields begin with."""

NARROW: Final = ("id", "state", "key", "worker", "tries", "bar", "time", "why")
WIDE: Final = (
    *("id", "state", "key", "worker", "tries", "bar", "wait", "ttft", "time", "in", "out"),
    *("result", "answer"),
)
WIDE_FROM: Final = 108
"""The width of the table, in cells, from which on the figures stand beside the bar."""

SORTS: Final = {
    "id": SortColumn.NEWEST,
    "state": SortColumn.STATE,
    "key": SortColumn.KEY,
    "tries": SortColumn.TRIES,
    "wait": SortColumn.WAIT,
    "ttft": SortColumn.TTFT,
    "time": SortColumn.TIME,
    "bar": SortColumn.TIME,
    "out": SortColumn.OUT,
}
"""The sort order of a click on the header of a column."""

DESCRIPTIONS: Final = {
    "id": "the id of the job",
    "state": "what it is doing, or how it ended",
    "key": "the key of its last attempt",
    "worker": "who makes its attempts",
    "tries": "attempts so far",
    "bar": "waited, first token and streaming on one scale",
    "wait": "time before it was sent",
    "ttft": "time to first token",
    "time": "time of the request",
    "in": "input tokens",
    "out": "output tokens",
    "result": "what the check took from the answer",
    "why": "the result, the answer's start, or why not",
    "answer": "the answer's start, or why there is none",
    "prompt": "the last message of the prompt",
    "expected": "the answer that is right",
    "model": "the model that answered",
    "endpoint": "the endpoint that answered",
    "error": "why it failed",
}
"""The columns that there are, beside those of carried fields, and what each shows."""

_STATE: Final = 13
"""Cells of the longest state, `↻ backoff 59s`."""
_LEAST_WORKER: Final = 6
_CARRIED: Final = 12
_WITH_VERDICT: Final = ("result", "why", "answer", "error")
"""The first of these that is shown has the glyph of the verdict before it."""


class JobWidths(NamedTuple):
    """Widths of what differs in length, in cells; without a worker there is no column for them."""

    id: int
    key: int
    worker: int
    bar: int


def default_columns(width: int) -> tuple[str, ...]:
    """Return the names of the columns that a table of this width has where none were chosen."""
    return WIDE if width >= WIDE_FROM else NARROW


def is_column(name: str) -> bool:
    """Return whether there is a column of this name."""
    return name in DESCRIPTIONS or name.startswith(INPUT)


def texts_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the texts that these columns need beside the preview."""
    return tuple(name for name in names if name == "prompt" or name.startswith(INPUT))


def job_columns(names: Sequence[str], widths: JobWidths) -> tuple[Column, ...]:
    """Return the columns of these names in their order, behind one for the cursor and before the first text
    one for the verdict. Where room is short the last ones go first; id and state stay.
    """
    shown = [name for name in names if name != "worker" or widths.worker]
    judged = next((name for name in _WITH_VERDICT if name in shown), None)
    columns = [Column("lead", "", 1, gap=0)]
    for place, name in enumerate(shown):
        if name == judged:
            columns.append(Column("verdict", "", 1))
        columns.append(_column(name, widths, _priority(name, place)))
    return tuple(columns)


def _priority(name: str, place: int) -> int:
    """What goes first where room is short: what the bar shows too, then from the right end."""
    if name in ("id", "state"):
        return 0
    if name in ("why", "answer"):
        return 1
    return {"time": 2, "bar": 3, "tries": 5, "key": 4}.get(name, 10 + place)


def _column(name: str, widths: JobWidths, priority: int) -> Column:
    match name:
        case "id":
            return Column("id", "job", widths.id, cut="middle")
        case "state":
            return Column("state", "state", _STATE)
        case "key":
            return Column("key", "key", widths.key, priority=priority)
        case "worker":
            return Column("worker", "worker", max(_LEAST_WORKER, widths.worker), priority=priority)
        case "tries":
            return Column("tries", "try", 3, "right", priority=priority)
        case "bar":
            return Column("bar", "", widths.bar, priority=priority)
        case "wait" | "ttft" | "time":
            return Column(name, name, 5 if name == "time" else 6, "right", priority=priority)
        case "in" | "out":
            return Column(name, name, 4, "right", priority=priority)
        case "result" | "expected":
            least = 6 if name == "result" else 8
            return Column(name, name, least, "right", flex=1, most=12, gap=2, priority=priority)
        case "why" | "answer":
            return Column(name, "answer, or why not", 14, flex=12, priority=priority, short="answer, or why")
        case "prompt" | "error":
            return Column(name, name, 16, flex=8, priority=priority)
        case "model" | "endpoint":
            return Column(name, name, 12, flex=2, most=28, priority=priority)
        case _:
            return Column(name, name.removeprefix(INPUT), _CARRIED, flex=4, most=40, priority=priority)
