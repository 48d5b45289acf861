"""A table of Markdown as lines: its columns fit a width, and what is longer is wrapped in its cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final

from rich.cells import cell_len

from llmdash.ui.stream.wrapping import Kind, Line, Span, wrap

__all__ = ["table_lines"]

_Cell = Sequence[Span]
_BETWEEN: Final = " │ "
_LEAST: Final = 6
"""Cells to which a column is narrowed at most, where others can be."""


def table_lines(rows: Sequence[Sequence[_Cell]], width: int) -> Iterator[Line]:
    """Yield the lines of a table, the first row of which is its header, `width` cells wide at most where its
    columns can be that narrow.
    """
    columns = max(map(len, rows), default=0)
    filled = [[*row, *[()] * (columns - len(row))] for row in rows]
    widths = [max(1, *map(_width, column)) for column in zip(*filled, strict=True)]
    _narrow(widths, width - len(_BETWEEN) * (columns - 1))
    for number, row in enumerate(filled):
        header = not number
        parts = [_wrapped(cell, at, header=header) for cell, at in zip(row, widths, strict=True)]
        for line in zip_longest(*parts, fillvalue=()):
            yield _joined(line, widths)
        if header:
            yield (Span("─┼─".join("─" * each for each in widths), Kind.GAP),)


def _narrow(widths: list[int], room: int) -> None:
    """Take cells from the widest columns until all fit."""
    while sum(widths) > room and (widest := max(widths)) > _LEAST:
        second = max((each for each in widths if each < widest), default=0)
        number = widths.count(widest)
        least = max(second, _LEAST, widest - -(-(sum(widths) - room) // number))
        widths[:] = [least if each == widest else each for each in widths]


def _wrapped(cell: _Cell, width: int, *, header: bool) -> list[Line]:
    spans = [span._replace(kind=Kind.STRONG) for span in cell] if header else cell
    return [line for line, _row in wrap(spans, width)]


def _joined(cells: Sequence[_Cell], widths: Sequence[int]) -> Line:
    """Return a line of cells; no blanks stand behind the last one."""
    line: list[Span] = []
    for column, cell in enumerate(cells):
        if column:
            blanks = widths[column - 1] - _width(cells[column - 1])
            line += [Span(" " * blanks, Kind.TEXT), Span(_BETWEEN, Kind.GAP)]
        line += cell
    return tuple(span for span in line if span.text)


def _width(spans: _Cell) -> int:
    return sum(cell_len(span.text) for span in spans)
