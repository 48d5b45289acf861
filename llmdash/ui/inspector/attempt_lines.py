"""The attempts of a job: aligned lines with bars on one scale, and below each what has no column."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len
from textual.content import Content

from llmdash.engine.model.counts import counted
from llmdash.engine.model.payment import PAID, Payment
from llmdash.engine.model.records import AttemptRecord
from llmdash.sanitize import clean, clean_line
from llmdash.ui.charts.job_bar import attempt_bar, nice_scale
from llmdash.ui.inspector.answer_headers import request_id_of
from llmdash.ui.text.format import Align, fit, in_seconds

__all__ = ["AttemptLine", "attempt_lines", "attempts_text"]

_BAR: Final = "bar"
_TITLES: Final = (
    "n", "key", "worker", "state", "sent", "wait", _BAR, "status", "class", "first", "whole", "hint", "in",
    "out", "request",
)  # fmt: skip
_MATTERS: Final = (
    "n", "state", "key", _BAR, "whole", "first", "class", "status", "worker", "sent", "wait", "hint", "in",
    "out", "request",
)  # fmt: skip
"""The columns by priority: the first ones get room first."""
_RIGHT: Final = frozenset({"n", "status", "wait", "first", "whole", "in", "out", "hint"})
_WIDEST: Final = 24
"""The maximum width of a column, in cells; longer values are shown below, whole."""
_GAP: Final = 2
_INDENT: Final = "     "
_SHOWN_PARTIAL: Final = 400
"""Characters shown of a text that was cut off: its end."""
_BAR_WIDTH: Final = 12
_BROAD_BAR: Final = 20
"""The width of a bar where there is room."""

_STATES: Final = {
    "sent": "in flight now",
    "unknown": "in flight when the run was killed, its outcome is unknown",
    "cut": "cut off by us while it was in flight, and sent again",
    "unsent": "recorded, but never sent: nothing was paid",
}
"""Explanations of states."""
_LOST: Final = "in flight when its worker was lost, or the run killed, its outcome is unknown"
_UNCERTAIN: Final = frozenset({"unknown", "cut"})
_BADGES: Final = {
    "ok": ("● ok", "success"),
    "failed": ("✗ failed", "error"),
    "sent": ("→ sent", "primary"),
    "unknown": ("? unknown", "warning"),
    "cut": ("⊘ cut", "muted"),
    "unsent": ("◌ unsent", "muted"),
    "batched": ("◇ batched", "primary"),
}

Piece = tuple[str, str]
"""A text, and the end of a component class's name."""


class AttemptLine(NamedTuple):
    """A line of pieces; `attempt` is the place of the attempt it is of, None for the titles."""

    pieces: tuple[Piece, ...]
    attempt: int | None = None
    is_note: bool = False


def attempts_text(attempts: Sequence[AttemptRecord], width: int, payment: Payment = PAID) -> str:
    """Return the lines as text, `width` cells at most."""
    lines = attempt_lines(attempts, width, payment=payment)
    return "\n".join("".join(text for text, _style in line.pieces).rstrip() for line in lines)


def attempt_lines(
    attempts: Sequence[AttemptRecord],
    width: int,
    *,
    first_wait_s: float | None = None,
    now: float | None = None,
    payment: Payment = PAID,
) -> list[AttemptLine]:
    """Return a line of titles and a line an attempt, `width` cells at most; below an attempt, wrapped, the
    values that had no room, the meaning of its state, the server's message, and the partial text.

    `first_wait_s` is how long the first one was waited for, `now` the time in Unix seconds.
    """
    if not attempts:
        return [AttemptLine((("none yet", "muted"),))]
    waits = list(_waits(attempts, first_wait_s))
    times = [_time_s(attempt, now) for attempt in attempts]
    scale_s = nice_scale(max((wait or 0.0) + took for wait, took in zip(waits, times, strict=True)))
    rows = [_values(attempt, wait) for attempt, wait in zip(attempts, waits, strict=True)]
    widths = _placed(rows, width)
    titles = {title: title for title in widths} | {_BAR: _scale_title(scale_s, widths.get(_BAR, 0))}
    lines = [AttemptLine(((_line(titles, widths), "muted"),))]
    for place, (attempt, row) in enumerate(zip(attempts, rows, strict=True)):
        bar = attempt_bar(attempt, waits[place] or 0.0, times[place], scale_s, widths.get(_BAR, 0))
        lines.append(AttemptLine(_pieces(attempt, row, widths, bar), place))
        for note in _notes(attempt, row, widths, payment):
            lines += [AttemptLine(((text, "muted"),), place, is_note=True) for text in _wrapped(note, width)]
    return lines


def _waits(attempts: Sequence[AttemptRecord], first_wait_s: float | None) -> Iterator[float | None]:
    """Yield how long each attempt was waited for since the one before it ended."""
    ended: float | None = None
    for place, attempt in enumerate(attempts):
        if not place:
            yield first_wait_s
        else:
            yield max(0.0, attempt.sent_at - ended) if ended is not None else None
        ended = attempt.ended_at
        if ended is None and attempt.latency_s is not None:
            ended = attempt.sent_at + attempt.latency_s


def _time_s(attempt: AttemptRecord, now: float | None) -> float:
    """The seconds that an attempt took, or has taken so far."""
    if attempt.latency_s is not None:
        return max(0.0, attempt.latency_s)
    end = attempt.ended_at if attempt.ended_at is not None else now if attempt.state == "sent" else None
    return max(0.0, end - attempt.sent_at) if end is not None else attempt.ttft_s or 0.0


def _values(attempt: AttemptRecord, wait_s: float | None) -> dict[str, str]:
    """The known values of an attempt, by title."""
    state = _BADGES.get(attempt.state, (attempt.state, ""))[0]
    values = {
        "n": str(attempt.attempt),
        "key": attempt.key,
        "worker": attempt.worker or "",
        "state": state,
        "sent": time.strftime("%H:%M:%S", time.localtime(attempt.sent_at)),
        "wait": _seconds(wait_s),
        "status": _known(attempt.status),
        "class": attempt.failure or "",
        "first": _seconds(attempt.ttft_s),
        "whole": _seconds(attempt.latency_s),
        "hint": _seconds(attempt.retry_after_s),
        "in": _known(attempt.input_tokens),
        "out": _known(attempt.output_tokens),
        "request": request_id_of(attempt),
    }
    return {title: clean_line(value) for title, value in values.items() if value.strip()}


def _seconds(seconds: float | None) -> str:
    return in_seconds(seconds).strip()


def _known(number: int | None) -> str:
    return "" if number is None else str(number)


def _placed(rows: Sequence[dict[str, str]], width: int) -> dict[str, int]:
    """The columns that fit, from left to right, and their widths in cells."""
    room = width
    widths: dict[str, int] = {}
    for title in _MATTERS:
        sizes = [cell_len(row[title]) for row in rows if title in row]
        fitting = [size for size in sizes if size <= _WIDEST]
        if title == _BAR:
            fitting = [_BAR_WIDTH]
        if not fitting:
            continue
        widths[title] = max(cell_len(title), *fitting)
        room -= widths[title] + _GAP
        if room < -_GAP:
            del widths[title]
            if title == _BAR:
                room += _BAR_WIDTH + _GAP
                continue
            break
    else:
        widths[_BAR] = min(_BROAD_BAR, _BAR_WIDTH + max(0, room + _GAP))
    return {title: widths[title] for title in _TITLES if title in widths}


def _scale_title(scale_s: float, width: int) -> str:
    end = _scale_words(scale_s)
    return f"0s{'·' * (width - 2 - len(end))}{end}" if width > 2 + len(end) else ""


def _scale_words(scale_s: float) -> str:
    return f"{scale_s:g}s" if scale_s >= 1 else f"{1000 * scale_s:g}ms"


def _pieces(
    attempt: AttemptRecord, row: dict[str, str], widths: dict[str, int], bar: tuple[Piece, ...]
) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    for title, width in widths.items():
        if pieces:
            pieces.append((" " * _GAP, "row"))
        if title == _BAR:
            pieces += bar
            pieces.append((" " * (width - sum(len(text) for text, _style in bar)), "row"))
            continue
        style = _BADGES.get(attempt.state, ("", "row"))[1] if title == "state" else "row"
        style = "error" if title in ("class", "status") and attempt.failure else style
        pieces.append((_cell(row, title, widths), style))
    return tuple(pieces)


def _cell(row: dict[str, str], title: str, widths: dict[str, int]) -> str:
    return fit(row.get(title, "") if _has_room(row, title, widths) else "", widths[title], _align(title))


def _line(row: dict[str, str], widths: dict[str, int]) -> str:
    return (" " * _GAP).join(fit(row.get(title, ""), widths[title], _align(title)) for title in widths)


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
    if attempt.batch is not None:
        yield f"in batch {attempt.batch}"
    twice = payment.twice if attempt.state in _UNCERTAIN else ""
    if attempt.worker is not None and attempt.state == "unknown":
        yield _LOST + twice
    elif attempt.state in _STATES:
        yield _STATES[attempt.state] + twice
    if attempt.message:
        yield attempt.message
    if attempt.partial:
        start = "…" if len(attempt.partial) > _SHOWN_PARTIAL else ""
        length = counted(len(attempt.partial), "character")
        yield f"cut off after {length}: {start}{attempt.partial[-_SHOWN_PARTIAL:]}"


def _wrapped(text: str, width: int) -> list[str]:
    lines = Content(clean(text)).wrap(max(8, width - len(_INDENT)))
    return [clean_line(_INDENT + line.plain.rstrip()) for line in lines]
