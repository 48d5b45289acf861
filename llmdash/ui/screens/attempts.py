"""The attempts of a job: aligned lines, and below each what has no column."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from llmdash.engine.model.payment import PAID, Payment
from llmdash.engine.model.records import AttemptRecord
from llmdash.ui.text.format import Align, duration, fit

__all__ = ["AttemptsView", "attempts_table"]

_TITLES: Final = (
    "n", "key", "worker", "state", "sent", "status", "class", "ttft", "latency", "hint", "in", "out",
    "request",
)  # fmt: skip
_MATTERS: Final = (
    "n", "state", "key", "worker", "class", "status", "sent", "latency", "hint", "ttft", "in", "out",
    "request",
)  # fmt: skip
"""The columns by priority: the first ones get room first."""
_RIGHT: Final = frozenset({"n", "status", "ttft", "latency", "in", "out", "hint"})
_WIDEST: Final = 24
"""The maximum width of a column, in cells; longer values are shown below, whole."""
_GAP: Final = 2
_INDENT: Final = "   "
_SHOWN_PARTIAL: Final = 400
"""Characters shown of a text that was cut off: its end."""
_USUAL_WIDTH: Final = 74

_STATES: Final = {
    "sent": "in flight now",
    "unknown": "in flight when the run was killed, its outcome is unknown",
    "cut": "cut off by us while it was in flight, and sent again",
    "unsent": "recorded, but never sent: nothing was paid",
}
"""Explanations of states."""
_LOST: Final = "in flight when its worker was lost, or the run killed, its outcome is unknown"
_UNCERTAIN: Final = frozenset({"unknown", "cut"})


class AttemptsView(Static):
    """Shows attempts in the width there is."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._attempts: tuple[AttemptRecord, ...] = ()
        self._payment = PAID
        self._shown: tuple[tuple[AttemptRecord, ...], int, Payment] | None = None

    def show(self, attempts: tuple[AttemptRecord, ...], payment: Payment) -> None:
        """Show these attempts; does nothing if they are shown already."""
        self._attempts, self._payment = attempts, payment
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        wanted = (self._attempts, self.content_size.width or _USUAL_WIDTH, self._payment)
        if wanted != self._shown:
            self._shown = wanted
            self.update(attempts_table(*wanted))


def attempts_table(attempts: Sequence[AttemptRecord], width: int, payment: Payment = PAID) -> Content:
    """Return a line of titles and a line an attempt, `width` cells at most; below an attempt, wrapped, the
    values that had no room, the meaning of its state, the server's message, and the partial text.
    """
    if not attempts:
        return Content.styled("none yet", "$foreground-muted italic")
    rows = [_values(attempt) for attempt in attempts]
    widths = _placed(rows, width)
    lines = [Content.styled(_line({title: title for title in widths}, widths), "bold $foreground-muted")]
    for attempt, row in zip(attempts, rows, strict=True):
        lines.append(Content.styled(_line(row, widths), "$error" if attempt.failure else "$foreground"))
        for note in _notes(attempt, row, widths, payment):
            lines += _wrapped(note, width)
    return Content("\n").join(lines)


def _values(attempt: AttemptRecord) -> dict[str, str]:
    """The known values of an attempt, by title."""
    values = {
        "n": str(attempt.attempt),
        "key": attempt.key,
        "worker": attempt.worker or "",
        "state": attempt.state,
        "sent": time.strftime("%H:%M:%S", time.localtime(attempt.sent_at)),
        "status": _known(attempt.status),
        "class": attempt.failure or "",
        "ttft": duration(attempt.ttft_s).strip(),
        "latency": duration(attempt.latency_s).strip(),
        "hint": duration(attempt.retry_after_s).strip(),
        "in": _known(attempt.input_tokens),
        "out": _known(attempt.output_tokens),
        "request": attempt.request_id or "",
    }
    return {title: value for title, value in values.items() if value.strip()}


def _known(number: int | None) -> str:
    return "" if number is None else str(number)


def _placed(rows: Sequence[dict[str, str]], width: int) -> dict[str, int]:
    """The columns that fit, from left to right, and their widths in cells."""
    room = width
    widths: dict[str, int] = {}
    for title in _MATTERS:
        sizes = [cell_len(row[title]) for row in rows if title in row]
        fitting = [size for size in sizes if size <= _WIDEST]
        if not fitting:
            continue
        widths[title] = max(cell_len(title), *fitting)
        room -= widths[title] + _GAP
        if room < -_GAP:
            del widths[title]
            break
    return {title: widths[title] for title in _TITLES if title in widths}


def _line(row: dict[str, str], widths: dict[str, int]) -> str:
    """The values in their columns; those that are too long are left to the notes."""
    cells = (
        fit(row.get(title, "") if _has_room(row, title, widths) else "", width, _align(title))
        for title, width in widths.items()
    )
    return (" " * _GAP).join(cells).rstrip()


def _align(title: str) -> Align:
    return "right" if title in _RIGHT else "left"


def _has_room(row: dict[str, str], title: str, widths: dict[str, int]) -> bool:
    return cell_len(row.get(title, "")) <= widths.get(title, -1)


def _notes(
    attempt: AttemptRecord, row: dict[str, str], widths: dict[str, int], payment: Payment
) -> Iterator[str]:
    """The notes below an attempt, a paragraph each."""
    beside = [title for title in _TITLES if title in row and not _has_room(row, title, widths)]
    if beside:
        yield " · ".join(f"{title} {row[title]}" for title in beside)
    twice = payment.twice if attempt.state in _UNCERTAIN else ""
    if attempt.worker is not None and attempt.state == "unknown":
        yield _LOST + twice
    elif attempt.state in _STATES:
        yield _STATES[attempt.state] + twice
    if attempt.message:
        yield attempt.message
    if attempt.partial:
        start = "…" if len(attempt.partial) > _SHOWN_PARTIAL else ""
        yield f"cut off after {len(attempt.partial):,} characters: {start}{attempt.partial[-_SHOWN_PARTIAL:]}"


def _wrapped(text: str, width: int) -> list[Content]:
    lines = Content(text).wrap(max(8, width - len(_INDENT)))
    return [Content.styled(_INDENT + line.plain.rstrip(), "$foreground-muted") for line in lines]
