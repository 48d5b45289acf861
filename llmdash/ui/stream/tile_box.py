"""TileBox: one stream in its box: a border with the title in it around the last lines of the text."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from rich.cells import cell_len

from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.states import JobState
from llmdash.lean_dataclass import dataclass
from llmdash.sanitize import clean_line
from llmdash.ui.stream.grid import BORDERS
from llmdash.ui.stream.looks import StreamLooks
from llmdash.ui.stream.text import Chunk, StreamText
from llmdash.ui.stream.words import CARET, missing_text, summary
from llmdash.ui.stream.wrapping import Kind, Line, LineKind, Span, wrap
from llmdash.ui.text.badges import JOB_STATES
from llmdash.ui.text.format import fit

__all__ = ["Pieces", "TileBox", "TileView", "tile_box"]

Pieces = tuple[tuple[str, str], ...]
"""A line of a box: texts, each with the tail of its component class."""
_TAILS: Final = {
    Kind.TEXT: "text",
    Kind.MARK: "mark",
    Kind.GAP: "gap",
    Kind.STALL: "stall",
    Kind.CARET: "live",
    Kind.WORDS: "empty",
    Kind.THOUGHT: "empty",
    Kind.ERROR: "failed",
}
_FAILED: Final = (JobState.FAILED, JobState.INVALID)
_LEAST_SUMMED: Final = 5
"""Lines of a box from which on the last one sums the stream up."""
_AROUND: Final = 9
"""Cells of corners with a dash, of the glyph, and of blanks around title and glyph."""
_LIGHT: Final = ("╭", "╮", "╰", "╯", "─", "│")
_HEAVY: Final = ("┏", "┓", "┗", "┛", "━", "┃")


class TileView(NamedTuple):
    """How a stream is looked at in its box: `back` lines above its end, and whether the cursor is on it."""

    looks: StreamLooks = StreamLooks()
    back: int = 0
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class TileBox:
    """The `lines` of a box as they are drawn, and the lines of `text` in it, of which the first one is in the
    second line; `above` is how many lines come before these.
    """

    lines: tuple[Pieces, ...]
    text: tuple[tuple[Line, LineKind], ...]
    above: int = 0


@lru_cache(maxsize=256)
def tile_box(part: StreamPart, width: int, height: int, view: TileView) -> TileBox:
    """Return the box of a stream, `width` x `height` cells."""
    state = "failed" if part.state in _FAILED else "border" if part.state.ended else "live"
    inner, is_summed = width - 2 * BORDERS, height >= _LEAST_SUMMED
    room = height - BORDERS - is_summed
    lines = _lines(part, inner, view.looks)
    has_text = any(part.chunks)
    end = max(min(room, len(lines)), len(lines) - view.back if has_text else 0)
    first = max(0, end - room)
    above = first
    text = (*_head(lines, first), *lines[first + 1 : end])
    body: list[Pieces] = [tuple((span.text, _TAILS[span.kind]) for span in line) for line, _row in text]
    body += [()] * (room - len(body))
    if is_summed:
        body.append(((_summed(part, inner, len(lines) - end if has_text else 0), "title"),))
    return TileBox(tuple(_framed(part, body, width, view.is_chosen, state)), text, above)


def _head(lines: list[tuple[Line, LineKind]], first: int) -> list[tuple[Line, LineKind]]:
    """The first line of a box: where only the gaps of a text had room, the text instead of them."""
    while first and lines[first][1] is LineKind.GAPS:
        first -= 1
    return lines[first : first + 1]


def _summed(part: StreamPart, width: int, below: int) -> str:
    """Return the last line of a box: how fast it comes and what came of it, or how much there is below."""
    words = f"held · {counted(below, 'line')} below · End" if below else summary(part, part.total, width)
    return fit(words, width).rstrip()


def _framed(
    part: StreamPart, body: list[Pieces], width: int, is_chosen: bool, state: str
) -> Iterator[Pieces]:
    """Yield the lines of a box, borders included."""
    upper_left, upper_right, lower_left, lower_right, flat, upright = _HEAVY if is_chosen else _LIGHT
    glyph = JOB_STATES[part.state].glyph
    name = " · ".join(
        filter(None, (clean_line(part.id[:64]), clean_line((part.worker or "")[:64]), part.key))
    )
    room = width - _AROUND
    title = fit(name, min(room, cell_len(name))) if room > 0 else ""
    rule = flat * max(0, width - _AROUND - cell_len(title))
    yield (
        (f"{upper_left}{flat} ", state),
        (title, "title"),
        (f" {rule}", state),
        (f" {glyph} ", state),
        (flat + upper_right, state),
    )
    for pieces in body:
        blank = " " * (width - 2 * BORDERS - sum(cell_len(text) for text, _tail in pieces))
        yield ((f"{upright} ", state), *pieces, (blank + " ", "text"), (upright, state))
    yield ((lower_left + flat * (width - 2) + lower_right, state),)


def _lines(part: StreamPart, width: int, looks: StreamLooks) -> list[tuple[Line, LineKind]]:
    """Return the lines of a text, or why there is none."""
    if not any(part.chunks):
        kind = Kind.ERROR if part.error and not part.state.in_flight else Kind.WORDS
        return wrap([Span(missing_text(part), kind)], width)
    wrapped = StreamText()
    wrapped.configure(width, *looks)
    gaps = part.gaps or (None,) * len(part.chunks)
    wrapped.add(Chunk(chunk, gap) for chunk, gap in zip(part.chunks, gaps, strict=True))
    lines = list(wrapped.lines)
    last = lines[wrapped.last_text]
    if part.state is JobState.STREAMING and sum(cell_len(span.text) for span in last) < width:
        lines[wrapped.last_text] = (*last, Span(CARET, Kind.CARET))
    return list(zip(lines, wrapped.rows, strict=True))
