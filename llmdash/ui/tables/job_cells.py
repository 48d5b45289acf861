"""The cells of the job table: what each column says of a job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from rich.cells import cell_len

from llmdash.engine.model.frame import JobRow
from llmdash.engine.model.states import JobState, Verdict
from llmdash.sanitize import clean_line
from llmdash.ui.charts.job_bar import job_bar
from llmdash.ui.tables.job_columns import INPUT
from llmdash.ui.tables.row_painter import MARK, Cell
from llmdash.ui.text.badges import VERDICTS, job_badge
from llmdash.ui.text.format import countdown, duration, si
from llmdash.ui.text.verdict_names import verdict_name

__all__ = ["CURSOR", "ShownJob", "cell"]

CURSOR: Final = "›"
_MUTED: Final = "line-table--muted"
_FAINT: Final = "line-table--faint"
_INK: Final = "line-table--row"
_ERROR: Final = "line-table--error"
_BAR_STYLES: Final = {"muted": "muted", "secondary": "waiting", "primary": "active"}
"""The component classes of the phases of a bar, where they are called otherwise."""
_FAILED: Final = (JobState.FAILED, JobState.INVALID)


class ShownJob(NamedTuple):
    """What decides the look of a row."""

    row: JobRow
    marked: bool
    at_cursor: bool
    scale_s: float
    """The seconds of a whole bar."""
    texts: tuple[str, ...]
    """The names of the texts in `row.text.cells`."""
    is_streamed: bool = True
    """False where answers come whole, so that there is no first token."""


def cell(shown: ShownJob, name: str, width: int) -> Cell:
    """Return the cell of a job in the column `name`, which is `width` cells wide."""
    row = shown.row
    if name == "lead":
        return Cell(MARK if shown.marked else CURSOR if shown.at_cursor else "", "line-table--accent")
    if name == "bar":
        pieces = job_bar(row if shown.is_streamed else replace(row, ttft_s=0.0), shown.scale_s, width)
        styled = tuple((text, f"line-table--{_BAR_STYLES.get(style, style)}") for text, style in pieces)
        return Cell("", pieces=styled)
    if name == "prompt" or name.startswith(INPUT):
        cells = dict(zip(shown.texts, row.text.cells, strict=False))
        return Cell(_one_line(cells.get(name, "")), _MUTED)
    if name in ("why", "answer"):
        if row.state is JobState.BATCHED:
            return Cell(_latest(row.text.preview, width), _MUTED)
        if row.state is JobState.STREAMING:
            return Cell(_end(_one_line(row.text.preview), width))
        return _answer(row, width) if name == "answer" else _why(row)
    return _CELLS[name](row)


def _id(row: JobRow) -> Cell:
    return Cell(row.id, _MUTED if row.state in (JobState.QUEUED, JobState.CANCELLED) else _INK)


def _state(row: JobRow) -> Cell:
    badge = job_badge(row)
    due = "" if row.due_in_s is None else f" {countdown(row.due_in_s)}"
    return Cell(badge.text + due, f"line-table--{badge.style}")


def _tries(row: JobRow) -> Cell:
    return Cell(str(row.tries) if row.tries else "", "line-table--warning" if row.tries > 1 else _MUTED)


def _tokens(number: int | None) -> Cell:
    return Cell("" if number is None else si(number), _MUTED if number else _FAINT)


def _verdict(row: JobRow) -> Cell:
    if row.state in _FAILED:
        return Cell("✗", _ERROR)
    badge = VERDICTS[row.verdict]
    return Cell(badge.glyph, f"line-table--{badge.style}")


def _result(row: JobRow) -> Cell:
    unlike = row.verdict in (Verdict.NOT_EQUAL, Verdict.NOT_PARSEABLE)
    return Cell(_one_line(row.text.result), "line-table--warning" if unlike else _INK)


def _why(row: JobRow) -> Cell:
    """The result of an answer that is scored, or its start, or why there is none."""
    if (problem := _problem(row)) is not None:
        return problem
    text = row.text
    match row.verdict:
        case Verdict.RIGHT if text.result and text.result.strip() != text.preview.strip():
            return Cell("", pieces=((f"{_one_line(text.result)}  ", _INK), (_one_line(text.preview), _MUTED)))
        case Verdict.NOT_EQUAL if text.result and text.expected is not None:
            unlike = f"{_one_line(text.result)}, not {_one_line(text.expected)}"
            return Cell(unlike, "line-table--warning")
        case Verdict.NOT_EQUAL | Verdict.NOT_PARSEABLE:
            name = verdict_name(row.verdict, text.check)
            return Cell(f"{name}: {_one_line(text.preview)}" if text.preview else name, "line-table--warning")
    return Cell(_one_line(text.preview), _INK)


def _answer(row: JobRow, width: int) -> Cell:
    """The start of the answer, and what was expected where that is something else, or why there is none."""
    if (problem := _problem(row)) is not None:
        tries = f", {row.tries} attempts" if row.tries > 1 and row.state is JobState.FAILED else ""
        return problem._replace(text=problem.text + tries)
    text, expected = _one_line(row.text.preview), row.text.expected
    if row.verdict is not Verdict.NOT_EQUAL or expected is None:
        return Cell(text, _INK)
    more = f" expected {_one_line(expected)}"
    room = max(0, width - len(more))
    cut = text if len(text) <= room else text[: max(0, room - 1)] + "…"
    return Cell("", pieces=((cut, _INK), (more, "line-table--warning")))


def _latest(text: str, width: int) -> str:
    """Where a batched job is; where there is no room for all of it, what changes goes first."""
    where, _dot, how = text.partition(" · ")
    return text if cell_len(clean_line(text)) <= width or not how else f"{how} · {where}"


def _end(text: str, width: int) -> str:
    """The end of a text in at most `width` cells, so that it is seen to move."""
    text = clean_line(text)
    if cell_len(text) <= width:
        return text
    start = len(text) - width + 1
    while start < len(text) and cell_len(text[start:]) > width - 1:
        start += 1
    return "…" + text[start:]


def _problem(row: JobRow) -> Cell | None:
    """Why a job failed, or what its last attempt failed with; None where nothing is wrong."""
    if row.error and not row.state.in_flight:
        return Cell(_one_line(row.error), _ERROR if row.state in _FAILED else "line-table--warning")
    return None


def _one_line(text: str) -> str:
    """A text with single blanks in place of line ends, so that its beginning says as much as it can."""
    return " ".join(text.split()) if "\n" in text or "  " in text else text


_CELLS: Final[dict[str, Callable[[JobRow], Cell]]] = {
    "id": _id,
    "state": _state,
    "key": lambda row: Cell(row.key or "", _INK),
    "worker": lambda row: Cell(row.worker or "", _MUTED),
    "tries": _tries,
    "wait": lambda row: Cell(duration(row.wait_s), _MUTED),
    "ttft": lambda row: Cell(duration(row.ttft_s)),
    "time": lambda row: Cell(duration(row.time_s)),
    "in": lambda row: _tokens(row.input_tokens),
    "out": lambda row: _tokens(row.output_tokens),
    "verdict": _verdict,
    "result": _result,
    "expected": lambda row: Cell(_one_line(row.text.expected or ""), _MUTED),
    "model": lambda row: Cell(row.text.model, _MUTED),
    "endpoint": lambda row: Cell(row.text.endpoint, _MUTED),
    "error": lambda row: _problem(row) or Cell(""),
}
