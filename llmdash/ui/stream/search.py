"""StreamSearch in the lines of a stream: what is found in a line, and the lines in which something is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from llmdash.ui.stream.wrapping import Kind, Line, Span

__all__ = ["StreamSearch"]

_SEARCHED = (
    *(Kind.TEXT, Kind.NAME, Kind.HEADING, Kind.STRONG, Kind.CODE, Kind.ROLE, Kind.WARNING, Kind.SUCCESS),
    *(Kind.TAKEN, Kind.ADDED),
)


class StreamSearch:
    """Looks for `words` as they stand, in capitals or not, in texts and headings; marks between do not count.

    What is found lies within one line.
    """

    def __init__(self, words: str) -> None:
        self.words = words
        self._pattern = re.compile(re.escape(words), re.IGNORECASE) if words else None

    def is_in(self, line: Line) -> bool:
        """Return True if something is found in the line."""
        return self._pattern is not None and self._pattern.search(_text(line)) is not None

    def highlighted(self, line: Line) -> Line:
        """Return the line with what is found in spans of its own."""
        if self._pattern is None:
            return line
        found = [match.span() for match in self._pattern.finditer(_text(line))]
        return tuple(_split(line, found)) if found else line

    def places(self, lines: Sequence[Line]) -> list[int]:
        """Return the indexes of the lines in which something is found."""
        return [index for index, line in enumerate(lines) if self.is_in(line)]


def _text(line: Line) -> str:
    return "".join(span.text for span in line if span.kind in _SEARCHED)


def _split(line: Line, found: Sequence[tuple[int, int]]) -> Iterator[Span]:
    """Yield the spans of a line, those parts that are `found` apart."""
    at = 0
    for span in line:
        if span.kind not in _SEARCHED:
            yield span
            continue
        begin, end = at, at + len(span.text)
        for start, stop in found:
            if stop <= at or start >= end:
                continue
            if start > at:
                yield span._replace(text=span.text[at - begin : start - begin])
                at = start
            until = min(stop, end)
            yield Span(span.text[at - begin : until - begin], Kind.FOUND)
            at = until
        if at < end:
            yield span._replace(text=span.text[at - begin :])
        at = end
