"""StreamText: the text of a stream as wrapped lines. The cost of adding depends only on what is added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len

from llmdash.ui.stream.gap_lines import Ruler, gap_lines
from llmdash.ui.stream.gaps import GapScale
from llmdash.ui.stream.wrapping import Kind, Line, LineKind, Span, plain, wrap
from llmdash.ui.text.format import fit

__all__ = ["AnswerHeading", "Chunk", "StreamText"]

KEEP_CHARACTERS: Final = 1_000_000
KEEP_CHUNKS: Final = 100_000
MARK: Final = "|"
_THOUGHTS: Final = "reasoning"
"""The word in place of chunks that are no part of the answer."""
_HEADING_NAME: Final = 40
"""Cells of the name in a heading at most."""


class Chunk(NamedTuple):
    """A chunk as received, and the seconds since the one before it (None if unknown)."""

    text: str
    gap_s: float | None


class AnswerHeading(NamedTuple):
    """The line over an answer: whose it is, and what is to be said of it."""

    name: str
    rest: str = ""


class StreamText:
    """Wraps chunks at words to `width` cells, with a mark behind each and the gap before it below its mark,
    if wanted.

    Answers can follow one another, each under a heading. Only the last million characters are kept. The text
    stays when width, marks or ruler change.
    """

    def __init__(self) -> None:
        self._width = 80
        self._marks = True
        self._ruler = Ruler.HEIGHTS
        self._chunks: list[Chunk | AnswerHeading] = []
        self._starts: list[int] = []
        self._characters = 0
        self._scale = GapScale()
        self._begins = True
        """Whether the next chunk is the first one of an answer."""
        self._is_marked = False
        """Whether the last chunk had no text, and a mark that others of its kind share."""
        self._lines: list[Line] = [()]
        self._rows: list[LineKind] = [LineKind.TEXT]
        self._heading: int | None = None

    @property
    def lines(self) -> Sequence[Line]:
        """The wrapped lines; the last one may still grow."""
        return self._lines

    @property
    def rows(self) -> Sequence[LineKind]:
        """What each of the lines is."""
        return self._rows

    @property
    def last_text(self) -> int:
        """The index of the last line of text: that which grows."""
        last = len(self._rows) - 1
        while self._rows[last] is LineKind.GAPS:
            last -= 1
        return last

    @property
    def plain(self) -> str:
        """The text without marks and headings."""
        return "".join(chunk.text for chunk in self._chunks if isinstance(chunk, Chunk))

    def clear(self) -> None:
        """Drop all text."""
        self._chunks, self._starts = [], []
        self._scale, self._begins, self._is_marked = GapScale(), True, False
        self._characters = 0
        self._lines, self._rows = [()], [LineKind.TEXT]
        self._heading = None

    def configure(self, width: int, marks: bool, ruler: Ruler) -> None:
        """Set how the text is wrapped, and rewrap it if anything differs."""
        width = max(1, width)
        if (width, marks, ruler) == (self._width, self._marks, self._ruler):
            return
        self._width, self._marks, self._ruler = width, marks, ruler
        kept = self._chunks
        self.clear()
        self.add(kept)

    def add(self, chunks: Iterable[Chunk | AnswerHeading]) -> None:
        """Append chunks, and headings of answers that begin."""
        spans: list[Span] = []
        for chunk in chunks:
            if isinstance(chunk, AnswerHeading):
                self._write(spans)
                spans = []
                self.head(chunk)
                continue
            shown = Chunk(plain(chunk.text), chunk.gap_s)
            self._starts.append(self.last_text)
            spans += self._spans(shown)
            if "\n" in shown.text:
                self._write(spans)
                spans = []
            self._chunks.append(shown)
            self._characters += len(shown.text)
        self._write(spans)
        if self._characters > KEEP_CHARACTERS * 5 // 4 or len(self._chunks) > KEEP_CHUNKS * 5 // 4:
            self._drop_oldest()

    def head(self, heading: AnswerHeading) -> None:
        """Start another answer, under a heading of one line."""
        if self._lines[-1]:
            self._append((), LineKind.TEXT)
        self._heading = len(self._chunks)
        self._starts.append(len(self._lines) - 1)
        self._chunks.append(heading)
        self._scale, self._begins, self._is_marked = GapScale(), True, False
        self._lines[-1], self._rows[-1] = self._heading_line(heading), LineKind.HEADING
        self._append((), LineKind.TEXT)

    def drop_last(self) -> None:
        """Drop the last answer and its heading, if that is still kept; else everything."""
        if self._heading is None:
            self.clear()
            return
        lines = self._starts[self._heading]
        self._characters -= sum(_size(chunk) for chunk in self._chunks[self._heading :])
        del self._chunks[self._heading :], self._starts[self._heading :]
        del self._lines[lines:], self._rows[lines:]
        self._append((), LineKind.TEXT)
        self._heading = None

    def rename(self, heading: AnswerHeading) -> None:
        """Replace the heading of the last answer, if it is still kept."""
        if self._heading is not None:
            self._chunks[self._heading] = heading
            self._lines[self._starts[self._heading]] = self._heading_line(heading)

    def _heading_line(self, heading: AnswerHeading) -> Line:
        name = fit(heading.name, min(_HEADING_NAME, self._width)).rstrip()
        rest = fit(heading.rest, max(0, self._width - cell_len(name))).rstrip()
        return tuple(span for span in (Span(name, Kind.NAME), Span(rest, Kind.HEADING)) if span.text)

    def _spans(self, chunk: Chunk) -> list[Span]:
        """Return a chunk and the mark behind it; chunks without text, which are thoughts, share one."""
        is_first, self._begins = self._begins, False
        gap = self._scale.gap(chunk.gap_s, first=is_first)
        if not self._marks:
            return [Span(chunk.text, Kind.TEXT)]
        if not chunk.text and self._is_marked:
            return []
        self._is_marked = not chunk.text
        said = Span(chunk.text, Kind.TEXT) if chunk.text else Span(_THOUGHTS, Kind.THOUGHT)
        return [said, Span(MARK, Kind.MARK, gap)]

    def _write(self, spans: Sequence[Span]) -> None:
        """Append spans to the last line, wrapping as needed."""
        if not spans:
            return
        while self._rows[-1] is LineKind.GAPS:
            self._lines.pop()
            self._rows.pop()
        open_line = list(self._lines.pop())
        self._rows.pop()
        for span in spans:
            if "\n" not in span.text:
                _push(open_line, span)
                continue
            first, *rest = span.text.split("\n")
            _push(open_line, span._replace(text=first))
            for text in rest:
                self._close(open_line)
                open_line = []
                _push(open_line, span._replace(text=text))
        self._close(open_line)

    def _close(self, line: Sequence[Span]) -> None:
        """Append a line, wrapped, each part of it with the gaps of its marks below it."""
        for part, row in wrap(line, self._width):
            self._append(part, row)
            for gaps in gap_lines(part, self._width, self._ruler):
                self._append(gaps, LineKind.GAPS)

    def _append(self, line: Line, row: LineKind) -> None:
        self._lines.append(line)
        self._rows.append(row)

    def _drop_oldest(self) -> None:
        """Drop the oldest chunks, and the lines before the first one that stays."""
        drop = max(0, len(self._chunks) - KEEP_CHUNKS)
        left = self._characters - sum(_size(chunk) for chunk in self._chunks[:drop])
        while left > KEEP_CHARACTERS and drop < len(self._chunks) - 1:
            left -= _size(self._chunks[drop])
            drop += 1
        lines = self._starts[drop]
        del self._chunks[:drop]
        del self._lines[:lines]
        del self._rows[:lines]
        self._starts = [start - lines for start in self._starts[drop:]]
        if self._heading is not None:
            self._heading = self._heading - drop if self._heading >= drop else None
        self._characters = left


def _size(chunk: Chunk | AnswerHeading) -> int:
    return len(chunk.text) if isinstance(chunk, Chunk) else 0


def _push(line: list[Span], span: Span) -> None:
    """Append a span to a line, merged with the one before it if both are of one kind."""
    if not span.text:
        return
    if line and line[-1].kind is span.kind is not Kind.MARK:
        line[-1] = Span(line[-1].text + span.text, span.kind)
    else:
        line.append(span)
