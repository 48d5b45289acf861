"""Wrapping: lines of spans, broken at words to a number of cells."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple

from rich.cells import split_graphemes

from llmdash.sanitize import clean
from llmdash.ui.stream.gaps import Gap

__all__ = ["Kind", "Line", "LineKind", "Span", "lines_of", "plain", "wrap"]

_NO_GAP = Gap()
TAB: Final = "    "


class Kind(enum.IntEnum):
    """The kinds of spans in a line."""

    TEXT = 0
    MARK = 1
    GAP = 2
    STALL = 3
    HEADING = 4
    NAME = 5
    CARET = 6
    FOUND = 7
    WORDS = 8
    """Words of the pane's own, in place of a text."""
    ERROR = 9
    ROLE = 10
    WARNING = 11
    SUCCESS = 12
    STRONG = 13
    CODE = 14
    TAKEN = 15
    ADDED = 16
    THOUGHT = 17


class LineKind(enum.IntEnum):
    """What a line is: the end of a line of text, a part of one that is broken in a word or at a blank that is
    not drawn, gaps below marks, or a heading.
    """

    TEXT = 0
    BROKEN = 1
    BROKEN_AT_BLANK = 2
    GAPS = 3
    HEADING = 4


class Span(NamedTuple):
    """A piece of a line in one style; a mark has the gap before its chunk."""

    text: str
    kind: Kind
    gap: Gap = _NO_GAP


Line = tuple[Span, ...]


def lines_of(text: str, kind: Kind = Kind.TEXT) -> list[Line]:
    """Return a text as lines of one span, sanitized, with plain line ends and no tabs."""
    return [(Span(line, kind),) if line else () for line in plain(text).split("\n")]


def plain(text: str) -> str:
    """Return sanitized text with plain line ends and no tabs; idempotent."""
    return clean(text.replace("\r\n", "\n")).replace("\t", TAB)


def wrap(spans: Sequence[Span], width: int) -> list[tuple[Line, LineKind]]:
    """Return lines of at most `width` cells, broken at spaces if any; the space at a break is not drawn."""
    flat = "".join(span.text for span in spans)
    if flat.isascii():
        if len(flat) <= width:
            return [(tuple(spans), LineKind.TEXT)]
        cuts = _ascii_cuts(flat, width)
    else:
        cuts = _cell_cuts(flat, width)
    rows = [
        LineKind.BROKEN_AT_BLANK if after > end else LineKind.BROKEN
        for (_start, end), (after, _end) in itertools.pairwise(cuts)
    ]
    return list(zip(_slices(spans, cuts), [*rows, LineKind.TEXT], strict=True))


def _ascii_cuts(flat: str, width: int) -> list[tuple[int, int]]:
    """Return where each line starts and ends, for characters of one cell."""
    cuts = []
    start = 0
    while len(flat) - start > width:
        space = flat.rfind(" ", start + 1, start + width + 1)
        end, after = (space, space + 1) if space > 0 else (start + width, start + width)
        cuts.append((start, end))
        start = after
    cuts.append((start, len(flat)))
    return cuts


def _cell_cuts(flat: str, width: int) -> list[tuple[int, int]]:
    """Return the same as `_ascii_cuts`, for characters of any width; clusters such as emoji stay whole."""
    cuts = []
    start = cells = 0
    space: tuple[int, int] | None = None
    for at, end, size in split_graphemes(flat)[0]:
        if cells + size > width and at > start:
            if flat[at] == " ":
                space = (at, cells)
            if space is None:
                cuts.append((start, at))
                start, cells = at, 0
            else:
                cuts.append((start, space[0]))
                start, cells = space[0] + 1, cells - space[1] - 1
                space = None
        if flat[at] == " " and cells > 0:
            space = (at, cells)
        cells += size if start < end else 0
        cells = max(0, cells)
    cuts.append((min(start, len(flat)), len(flat)))
    return cuts


def _slices(spans: Sequence[Span], cuts: Sequence[tuple[int, int]]) -> list[Line]:
    """Return the spans of each line."""
    lines: list[Line] = []
    queue = iter(spans)
    span, offset = next(queue, Span("", Kind.TEXT)), 0
    for start, end in cuts:
        line: list[Span] = []
        while True:
            text = span.text[max(0, start - offset) : max(0, end - offset)]
            if text:
                line.append(span if len(text) == len(span.text) else span._replace(text=text))
            if offset + len(span.text) > end:
                break
            following = next(queue, None)
            if following is None:
                break
            offset += len(span.text)
            span = following
        lines.append(tuple(line))
    return lines
