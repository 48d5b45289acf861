"""The words over an answer: whose it is, how fast it comes, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.cells import cell_len

from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.states import JobState
from llmdash.sanitize import clean_line
from llmdash.ui.stream.text import AnswerHeading
from llmdash.ui.text.badges import JOB_STATES, VERDICTS
from llmdash.ui.text.format import count, duration, ordinal

__all__ = ["CARET", "heading", "joined", "missing_text", "short_heading", "state_words", "summary"]

CARET: Final = "▍"
"""Stands at the end of a live stream."""
_SEPARATOR: Final = " · "
_LONGEST_NAME: Final = 64
_LONGEST_ERROR: Final = 400


def heading(part: StreamPart, chunks: int, *, closed: bool = False) -> AnswerHeading:
    """Return the line over an answer of which `chunks` have come; one that is `closed` is not live, whatever
    its last part said.
    """
    rest = [(part.worker or "")[:_LONGEST_NAME], part.key or "", *_pieces(part, chunks, closed=closed)]
    return AnswerHeading(clean_line(part.id[:_LONGEST_NAME]), _behind(joined(rest)))


def short_heading(part: StreamPart) -> str:
    """Return the same for a place with little room: `add-3447 · a1f2 · 0.37s · 38 tok/s · ✓ right`."""
    pieces = [
        part.id[:_LONGEST_NAME],
        part.key or "",
        _seconds(part.ttft_s) if part.ttft_s is not None else "",
    ]
    if part.tokens_per_s is not None:
        pieces.append(_speed(part.tokens_per_s))
    return joined([*pieces, state_words(part)] if part.job is not None else pieces)


def summary(part: StreamPart, chunks: int, width: int) -> str:
    """Return how fast an answer comes and what came of it, in `width` cells: what came of it goes last."""
    pieces = _pieces(part, chunks, closed=False)
    if part.ttft_s is not None and chunks and cell_len(joined(pieces)) > width:
        pieces[0] = _seconds(part.ttft_s)
    while len(pieces) > 1 and cell_len(joined(pieces)) > width:
        del pieces[0]
    return joined(pieces)


def _pieces(part: StreamPart, chunks: int, *, closed: bool) -> list[str]:
    pieces = []
    if part.ttft_s is not None and chunks:
        pieces.append(f"first token {_seconds(part.ttft_s)}")
    if part.tokens_per_s is not None:
        pieces.append(_speed(part.tokens_per_s))
    if part.is_even:
        pieces.append("chunks not on record")
    elif chunks:
        pieces.append(f"{count(chunks):>2} {'chunk' if chunks == 1 else 'chunks'}")
    if not closed:
        pieces.append(state_words(part))
    if part.attempt > 1:
        pieces.append(f"{ordinal(part.attempt)} try")
    return pieces


def state_words(part: StreamPart) -> str:
    """Return what is going on with an answer, or what came of it: `▸ live`, `✓ right`, `✗ failed`."""
    if part.state is JobState.STREAMING:
        return f"{JOB_STATES[part.state].glyph} live"
    if part.state is JobState.BACKOFF:
        return f"{JOB_STATES[part.state].glyph} cut off, next try follows"
    if part.state is JobState.DONE and VERDICTS[part.verdict].word:
        return VERDICTS[part.verdict].text
    return JOB_STATES[part.state].text


def missing_text(part: StreamPart) -> str:
    """Return why there is no text: an error, where there is one."""
    if part.job is None:
        return "no stream yet"
    error = clean_line(part.error[:_LONGEST_ERROR])
    if part.state is JobState.DONE:
        return "no text in this answer; ⏎ shows what else it holds"
    if part.state.ended or part.state is JobState.BACKOFF:
        return f"no text: {error}" if error else "no text"
    return "waiting for the first chunk"


def _speed(tokens_per_s: float) -> str:
    return f"{tokens_per_s:.0f} tok/s"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}s" if seconds < 9.995 else duration(seconds).strip()


def joined(pieces: Iterable[str]) -> str:
    """Return the pieces that are not empty as one sanitized line."""
    return clean_line(_SEPARATOR.join(piece for piece in pieces if piece))


def _behind(words: str) -> str:
    return f"{_SEPARATOR}{words}" if words else ""
