"""The rows of a comparison as a file: JSON lines or a table, a prompt in both runs a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from llmdash.engine.journal.export_record import microseconds
from llmdash.engine.model.changes import CHANGE_NAMES
from llmdash.engine.model.comparison import PairRow, PairSide
from llmdash.engine.model.states import Verdict
from llmdash.reports.export import FormatError, write_objects, write_table

__all__ = ["check_ending", "row_object", "write_rows"]

_NAMES = {change: name for name, change in CHANGE_NAMES.items()}
_FIGURES = ("job", "state", "correct", "ttft_s", "latency_s", "input_tokens", "output_tokens", "cost", "text")
_COLUMNS = ("id", "change", *(f"{side}_{name}" for name in _FIGURES for side in "ab"))
TextOf = Callable[[PairRow], tuple[str | None, str | None]]
"""The texts of a pair in A and in B."""


def _as_objects(rows: Iterable[PairRow], path: Path, text_of: TextOf) -> int:
    return write_objects((dict(zip(_COLUMNS, _values(row, text_of), strict=True)) for row in rows), path)


def _as_table(delimiter: str) -> Callable[[Iterable[PairRow], Path, TextOf], int]:
    def write(rows: Iterable[PairRow], path: Path, text_of: TextOf) -> int:
        return write_table(_COLUMNS, (_values(row, text_of) for row in rows), path, delimiter)

    return write


_ENDINGS = {".jsonl": _as_objects, ".ndjson": _as_objects, ".csv": _as_table(","), ".tsv": _as_table("\t")}
"""What writes a file, by the end of its name."""


def row_object(row: PairRow) -> dict[str, Any]:
    """Return a row as an object for scripts, without its texts."""
    values = zip(_COLUMNS, _values(row, lambda _row: (None, None)), strict=True)
    return {name: value for name, value in values if name not in ("a_text", "b_text")}


def check_ending(path: Path) -> None:
    """Raise FormatError if the end of a name says no format."""
    if path.suffix.lower() not in _ENDINGS:
        known = ", ".join(_ENDINGS)
        raise FormatError(f"{path}: the end of its name decides the format; end it in one of {known}")


def write_rows(rows: Iterable[PairRow], path: Path, text_of: TextOf) -> int:
    """Write a line for each row to `path`, in the format of its name; return how many. Raises ExportError."""
    check_ending(path)
    return _ENDINGS[path.suffix.lower()](rows, path, text_of)


def _values(row: PairRow, text_of: TextOf) -> Sequence[Any]:
    texts = text_of(row)
    sides = [_side(side, text) for side, text in zip((row.a, row.b), texts, strict=True)]
    return (row.id, _NAMES[row.change], *(value for pair in zip(*sides, strict=True) for value in pair))


def _side(side: PairSide | None, text: str | None) -> Sequence[Any]:
    if side is None:
        return (None,) * len(_FIGURES)
    right = None if side.verdict is Verdict.UNSCORED else side.verdict is Verdict.RIGHT
    times = (microseconds(side.ttft_s), microseconds(side.latency_s))
    figures = (*times, side.input_tokens, side.output_tokens, side.cost)
    return (side.job, side.state, right, *figures, text)
