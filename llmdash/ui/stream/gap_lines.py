"""The lines below a line of chunks: the gap before each, as a height or in milliseconds."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence

from rich.cells import cell_len

from llmdash.ui.stream.gaps import Gap
from llmdash.ui.stream.wrapping import Kind, Line, Span

__all__ = ["Ruler", "gap_lines"]


class Ruler(enum.Enum):
    """What stands in the line below the marks."""

    NONE = "nothing"
    HEIGHTS = "gaps as heights"
    TIMES = "gaps in milliseconds"
    BOTH = "gaps as heights, and below them in milliseconds"


def gap_lines(spans: Sequence[Span], width: int, ruler: Ruler) -> Iterator[Line]:
    """Yield the lines below one with marks: the gap of each as a height under its mark, in milliseconds
    before it, or both. A stall has its time beside its height, where that does not stand below.
    """
    if any(span.kind is Kind.MARK for span in spans):
        if ruler is Ruler.HEIGHTS:
            yield _gap_line(spans, width, lambda gap: gap.height, lambda gap: gap.stall or gap.height)
        if ruler is Ruler.BOTH:
            yield _gap_line(spans, width, lambda gap: gap.height, lambda gap: gap.height)
        if ruler in (Ruler.TIMES, Ruler.BOTH):
            yield _gap_line(spans, width, _milliseconds, _milliseconds, kind=Kind.WORDS, before=1)


def _milliseconds(gap: Gap) -> str:
    return gap.milliseconds


def _gap_line(
    spans: Sequence[Span],
    width: int,
    words: Callable[[Gap], str],
    long_words: Callable[[Gap], str],
    *,
    kind: Kind = Kind.GAP,
    before: int = 0,
) -> Line:
    """Return the words for each gap below its mark, or that many cells `before` it, the long ones where there
    is room. What a stall needs covers the gaps behind it; words without room are left out.
    """
    line: list[Span] = []
    column = drawn = free = 0
    for span in spans:
        text = span.text
        column += len(text) if text.isascii() else cell_len(text)
        if span.kind is not Kind.MARK:
            continue
        text = words(span.gap)
        start = column - 1 - before * len(text)
        if span.gap.stall:
            start = max(start, free)
            longer = long_words(span.gap)
            text = longer if start + len(longer) <= width else text
        if not text or start < free or start + len(text) > width:
            continue
        if start > drawn:
            line.append(Span(" " * (start - drawn), Kind.GAP))
        line.append(Span(text, Kind.STALL if span.gap.stall else kind))
        drawn = start + len(text)
        free = drawn + (len(text) > 1)
    return tuple(line)
