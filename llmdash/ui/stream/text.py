"""StreamText: the text of a stream as wrapped lines. The cost of adding depends only on what is added."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from rich.cells import split_graphemes

from llmdash.sanitize import clean
from llmdash.ui.text.format import duration, fit

__all__ = ["Chunk", "Kind", "Line", "StreamText", "wrap"]

KEEP_CHARACTERS: Final = 1_000_000
KEEP_CHUNKS: Final = 100_000
MARK: Final = "|"
STALL: Final = "‖"
LEAST_STALL_S: Final = 1.0
STALL_MEDIANS: Final = 8
TAB: Final = "    "


class Kind(enum.IntEnum):
    """The kinds of spans in a line."""

    TEXT = 0
    MARK = 1
    GAP = 2
    STALL = 3
    HEADING = 4


class Span(NamedTuple):
    """A piece of a line in one style."""

    text: str
    kind: Kind


Line = tuple[Span, ...]


class Chunk(NamedTuple):
    """A chunk as received, and the seconds since the one before it (None if unknown).

    With `heading` it is the heading of the answer that follows, and no part of it.
    """

    text: str
    gap_s: float | None
    heading: bool = False


class StreamText:
    """Wraps chunks at words to `width` cells, with marks between them and gap times if wanted.

    Answers can follow one another, each under a heading. Only the last million characters are kept. The text
    stays when width, marks or ruler change.
    """

    def __init__(self) -> None:
        self._width = 80
        self._marks = True
        self._ruler = False
        self._chunks: list[Chunk] = []
        self._starts: list[int] = []
        self._characters = 0
        self._gaps: list[float] = []
        self._lines: list[Line] = [()]
        self._heading: int | None = None

    @property
    def lines(self) -> Sequence[Line]:
        """The wrapped lines; the last one may still grow."""
        return self._lines

    @property
    def plain(self) -> str:
        """The text without marks and headings."""
        return "".join(chunk.text for chunk in self._chunks if not chunk.heading)

    def clear(self) -> None:
        """Drop all text."""
        self._chunks, self._starts, self._gaps = [], [], []
        self._characters = 0
        self._lines = [()]
        self._heading = None

    def configure(self, width: int, marks: bool, ruler: bool) -> None:
        """Set how the text is wrapped, and rewrap it if anything differs."""
        width = max(1, width)
        if (width, marks, ruler) == (self._width, self._marks, self._ruler):
            return
        self._width, self._marks, self._ruler = width, marks, ruler
        chunks = self._chunks
        self.clear()
        self.add(chunks)

    def add(self, chunks: Iterable[Chunk]) -> None:
        """Append chunks."""
        spans: list[Span] = []
        for chunk in chunks:
            if chunk.heading:
                self._write(spans)
                spans = []
                self._add_heading(chunk)
                continue
            shown = Chunk(_shown(chunk.text), chunk.gap_s)
            spans += self._spans(shown)
            if "\n" in shown.text:
                self._write(spans)
                spans = []
            self._starts.append(len(self._lines) - 1)
            self._chunks.append(shown)
            self._characters += len(shown.text)
        self._write(spans)
        if self._characters > KEEP_CHARACTERS * 5 // 4 or len(self._chunks) > KEEP_CHUNKS * 5 // 4:
            self._drop_oldest()

    def head(self, text: str) -> None:
        """Start another answer, under a heading of one line."""
        self.add([Chunk(text, None, heading=True)])

    def rename(self, text: str) -> None:
        """Replace the heading of the last answer, if it is still kept."""
        if self._heading is not None:
            self._chunks[self._heading] = Chunk(text, None, heading=True)
            self._lines[self._starts[self._heading]] = self._heading_line(text)

    def _add_heading(self, chunk: Chunk) -> None:
        """Add a heading on its own line, and an open line below it."""
        if self._lines[-1]:
            self._lines.append(())
        self._heading = len(self._chunks)
        self._starts.append(len(self._lines) - 1)
        self._chunks.append(chunk)
        self._gaps = []
        self._lines[-1] = self._heading_line(chunk.text)
        self._lines.append(())

    def _heading_line(self, text: str) -> Line:
        return (Span(fit(text, self._width).rstrip(), Kind.HEADING),)

    @property
    def _begins(self) -> bool:
        """Whether the next chunk is the first one of an answer."""
        return not self._chunks or self._chunks[-1].heading

    def _spans(self, chunk: Chunk) -> list[Span]:
        """Return the spans of a chunk: its gap time, a mark, its text."""
        spans = []
        stalled = self._stalled(chunk.gap_s)
        if self._ruler and chunk.gap_s is not None and math.isfinite(chunk.gap_s):
            stall = Span(STALL + duration(chunk.gap_s).strip(), Kind.STALL)
            spans.append(stall if stalled else Span(_raised(chunk.gap_s), Kind.GAP))
        if self._marks and not self._begins and (chunk.text or self._chunks[-1].text):
            spans.append(_MARK)  # chunks without text, such as thoughts, share one
        spans.append(Span(chunk.text, Kind.TEXT))
        return spans

    def _stalled(self, gap_s: float | None) -> bool:
        """Return True if a gap is longer than a second and 8 times the median gap so far."""
        if gap_s is None or self._begins:
            return False
        gaps = self._gaps
        median = 0.0
        if gap_s > LEAST_STALL_S and gaps:
            gaps.sort()  # rare, and cheap where all but the last few are in order already
            median = gaps[len(gaps) // 2]
        gaps.append(gap_s)
        return gap_s > max(LEAST_STALL_S, STALL_MEDIANS * median)

    def _write(self, spans: Sequence[Span]) -> None:
        """Append spans to the last line, wrapping as needed."""
        open_line = list(self._lines.pop())
        for span in spans:
            first, *rest = span.text.split("\n")
            _push(open_line, Span(first, span.kind))
            for text in rest:
                self._lines += wrap(open_line, self._width)
                open_line = []
                _push(open_line, Span(text, span.kind))
        self._lines += wrap(open_line, self._width)

    def _drop_oldest(self) -> None:
        """Drop the oldest chunks, and the lines before the first one that stays."""
        drop = max(0, len(self._chunks) - KEEP_CHUNKS)
        left = self._characters - sum(len(chunk.text) for chunk in self._chunks[:drop])
        while left > KEEP_CHARACTERS and drop < len(self._chunks) - 1:
            left -= len(self._chunks[drop].text)
            drop += 1
        lines = self._starts[drop]
        del self._chunks[:drop]
        del self._lines[:lines]
        self._starts = [start - lines for start in self._starts[drop:]]
        if self._heading is not None:
            self._heading = self._heading - drop if self._heading >= drop else None
        self._characters = left


_RAISED: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_MARK: Final = Span(MARK, Kind.MARK)


def _raised(gap_s: float) -> str:
    """Return whole milliseconds in superscript digits, which cannot be mistaken for text of the stream."""
    return str(max(0, round(gap_s * 1000))).translate(_RAISED)


def _shown(text: str) -> str:
    """Return sanitized text with plain line ends and no tabs; idempotent."""
    return clean(text.replace("\r\n", "\n")).replace("\t", TAB)


def _push(line: list[Span], span: Span) -> None:
    """Append a span to a line, merged with the one before it if both are of one kind."""
    if not span.text:
        return
    if line and line[-1].kind is span.kind:
        line[-1] = Span(line[-1].text + span.text, span.kind)
    else:
        line.append(span)


def wrap(spans: Sequence[Span], width: int) -> list[Line]:
    """Return lines of at most `width` cells, broken at spaces if any; the space at a break is not drawn."""
    flat = "".join(span.text for span in spans)
    if flat.isascii():
        if len(flat) <= width:
            return [tuple(spans)]
        cuts = _ascii_cuts(flat, width)
    else:
        cuts = _cell_cuts(flat, width)
    return _slices(spans, cuts)


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
                line.append(Span(text, span.kind))
            if offset + len(span.text) > end:
                break
            following = next(queue, None)
            if following is None:
                break
            offset += len(span.text)
            span = following
        lines.append(tuple(line))
    return lines
