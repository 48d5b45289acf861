"""What is selected of the lines of a stream, as text: without marks and gaps, and with the breaks it had."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from llmdash.ui.stream.wrapping import Kind, Line, LineKind
from llmdash.ui.text.highlight import highlighted, highlighted_span

__all__ = ["selected_text", "text_of", "with_selection", "with_span"]

_LEFT_OUT = (Kind.MARK, Kind.GAP, Kind.STALL, Kind.CARET, Kind.THOUGHT)
_ENDS = {LineKind.TEXT: "\n", LineKind.HEADING: "\n", LineKind.BROKEN: "", LineKind.BROKEN_AT_BLANK: " "}


def selected_text(lines: Sequence[Line], rows: Sequence[LineKind], selection: Selection) -> str:
    """Return what `selection` (offsets in characters of lines as they are drawn) holds."""
    first = max(0, selection.start.y) if selection.start is not None else 0
    last = min(len(lines) - 1, selection.end.y) if selection.end is not None else len(lines) - 1
    shown = range(first, last + 1)
    return text_of((lines[index], rows[index], selection.get_span(index) or (0, -1)) for index in shown)


def text_of(parts: Iterable[tuple[Line, LineKind, tuple[int, int]]]) -> str:
    """Return the text of lines, each from a character to another (-1: to its end), without marks and gaps."""
    texts: list[str] = []
    for line, row, (start, end) in parts:
        if row is not LineKind.GAPS:
            texts += [_part(line, start, end), _ENDS[row]]
    return "".join(texts[:-1])


def _part(line: Line, start: int, end: int) -> str:
    """Return the text of a line from `start` to `end` (-1: to its end), without its marks."""
    at, kept = 0, []
    for span in line:
        stop = at + len(span.text)
        if span.kind not in _LEFT_OUT:
            until = stop if end == -1 else min(stop, end)
            kept.append(span.text[max(0, start - at) : max(0, until - at)])
        at = stop
    return "".join(kept)


def with_selection(view: Widget, strip: Strip, index: int) -> Strip:
    """Return the strip of line `index` so that it knows its place, with what is selected of it in colour."""
    return highlighted(view, strip, index).apply_offsets(0, index)


def with_span(view: Widget, strip: Strip, index: int, span: tuple[int, int] | None) -> Strip:
    """Return the same where `span`, from a character to another (-1: to its end), is what is selected."""
    return (strip if span is None else highlighted_span(view, strip, span)).apply_offsets(0, index)
