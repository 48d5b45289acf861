"""The first line of the inspector: which job it is, what came of it, and where it is in the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len
from textual.content import Content

from llmdash.engine.model.frame import Inspection
from llmdash.engine.model.records import ResultRecord
from llmdash.sanitize import clean_line
from llmdash.ui.text.badges import VERDICTS, job_badge
from llmdash.ui.text.format import by_words, count, fit, ordinal

__all__ = ["headline", "place_words"]

_TINTS: Final = {
    "success": "$text-success",
    "error": "$text-error",
    "warning": "$text-warning",
    "active": "$text-primary",
}
_GAP: Final = "   "
_LONGEST_ID: Final = 40
_LONGEST_FILTER: Final = 32


def headline(inspection: Inspection, filter_text: str, width: int) -> Content:
    """Return the line, its right end at `width` cells; where there is no room for all, two lines."""
    left = Content(_GAP).join(_parts(inspection))
    right = Content.assemble(
        (place_words(inspection, filter_text), "$foreground-muted"),
        _GAP,
        ("p", "$accent"),
        (" before  ", "$foreground-muted"),
        ("n", "$accent"),
        (" next", "$foreground-muted"),
    )
    room = width - left.cell_length - right.cell_length
    if room >= len(_GAP):
        return Content.assemble(left, " " * room, right)
    return Content("\n").join((left, right))


def place_words(inspection: Inspection, filter_text: str) -> str:
    """Return where the job is in the table: `4th of 162`, and of what where there is a filter."""
    of = f" {by_words(clean_line(filter_text), _LONGEST_FILTER)}" if filter_text.strip() else ""
    if inspection.place is None:
        return f"not among the {count(inspection.matched)}{of}"
    return f"{ordinal(inspection.place)} of {count(inspection.matched)}{of}"


def _parts(inspection: Inspection) -> Iterator[Content]:
    row, record = inspection.row, inspection.record
    state, verdict = job_badge(row), VERDICTS[row.verdict]
    yield Content.styled(fit(row.id, min(_LONGEST_ID, max(1, cell_len(clean_line(row.id))))), "bold")
    yield _tinted(state.text, state.style)
    if verdict.word:
        yield _tinted(verdict.text, verdict.style)
    if record is not None and record.flags:
        yield Content.styled(clean_line(", ".join(record.flags)), "$text-warning")
    for words in _facts(inspection, record):
        yield Content.styled(clean_line(words), "$foreground-muted")


def _tinted(text: str, style: str) -> Content:
    return Content.styled(text, _TINTS.get(style, "$foreground-muted"))


def _facts(inspection: Inspection, record: ResultRecord | None) -> Iterator[str]:
    """How the answer ended, who gave it, and its tokens."""
    if record is not None and record.finish_reason:
        yield f"finish {record.finish_reason}"
    key, endpoint = inspection.row.key, record.endpoint if record is not None else None
    if key or endpoint:
        yield " @ ".join(filter(None, (key, endpoint)))
    if record is not None and record.model:
        yield record.model
    if record is not None and record.worker:
        yield f"worker {by_words(record.worker, 24)}"
