"""The title of a stream pane, and the heading of an answer."""

from __future__ import annotations

from collections.abc import Iterable

from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.states import JobState
from llmdash.sanitize import clean_line
from llmdash.ui.text.badges import JOB_STATES
from llmdash.ui.text.format import duration

__all__ = ["heading", "joined", "title_pieces"]

_SEPARATOR = " · "
_LONGEST_NAME = 64


def title_pieces(part: StreamPart, *, alone: bool) -> list[str]:
    """Return the job, worker and key of a stream; if it is shown `alone`, also its state and speed.

    A title that changes costs a repaint of the whole pane.
    """
    pieces = [part.id, (part.worker or "")[:_LONGEST_NAME], part.key or ""]
    if part.job is None or not alone:
        return pieces
    if part.state is not JobState.STREAMING:
        pieces.append(JOB_STATES[part.state].word)
    if part.ttft_s is not None:
        pieces.append(f"ttft {duration(part.ttft_s).strip()}")
    if part.tokens_per_s is not None:
        pieces.append(_speed(part.tokens_per_s))
    if part.is_even:
        pieces.append("chunks not on record")
    return pieces


def heading(part: StreamPart) -> str:
    """Return one line such as `add-3412 · w2 · a1f2 · 412ms · 38 tok/s`; the speed once it is final."""
    pieces = [part.id, (part.worker or "")[:_LONGEST_NAME], part.key or "", duration(part.ttft_s).strip()]
    if part.state.ended:
        if part.state is not JobState.DONE:
            pieces.append(JOB_STATES[part.state].word)
        if part.tokens_per_s is not None:
            pieces.append(_speed(part.tokens_per_s))
    return joined(pieces)


def joined(pieces: Iterable[str]) -> str:
    """Return the pieces that are not empty as one sanitized line."""
    return clean_line(_SEPARATOR.join(piece for piece in pieces if piece))


def _speed(tokens_per_s: float) -> str:
    return f"{tokens_per_s:.0f} tok/s"
