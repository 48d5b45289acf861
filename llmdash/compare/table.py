"""Formats experiments side by side as a table: for a terminal of any width, a plain file, Markdown."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, NamedTuple, TextIO, cast

from llmdash.compare.report import Comparison, Row
from llmdash.engine.model.frame import Percentiles
from llmdash.reports.output import Output
from llmdash.reports.wording import UNKNOWN, count, duration, money, share
from llmdash.sanitize import clean_line

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["markdown_table", "plain_table", "print_table"]

_GAP = "  "


class _Column(NamedTuple):
    title: str
    cell: Callable[[Comparison, Row], str]
    words: bool = False
    """True for words, which are aligned left; numbers are aligned right."""
    optional: bool = False
    """True if it is left out where no row has a figure."""


def _what(_comparison: Comparison, row: Row) -> str:
    marks = [word for word, holds in (("not whole", not row.whole), ("tuned", row.tuned)) if holds]
    return clean_line(row.what) + (f" ({', '.join(marks)})" if marks else "")


def _speed_up(comparison: Comparison, row: Row) -> str:
    value = comparison.speed_up(row)
    return UNKNOWN if value is None else f"{value:.1f}x"


def _accuracy(_comparison: Comparison, row: Row) -> str:
    if row.run.score is None:
        return UNKNOWN
    return f"{share(row.accuracy)} {count(row.run.score.right)}/{count(row.run.jobs)}"


def _percentiles(values: Percentiles) -> str:
    if values.p50 is None:
        return UNKNOWN
    return f"{_seconds(values.p50)} / {_seconds(values.p95)}"


def _seconds(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"


def _tokens(_comparison: Comparison, row: Row) -> str:
    about = "~" if row.run.tokens_estimated else ""
    return f"{about}{count(row.run.input_tokens)} / {count(row.run.output_tokens)}"


def _cost(_comparison: Comparison, row: Row) -> str:
    about = "~" if row.run.tokens_estimated and row.cost is not None else ""
    return about + money(row.cost)


_COLUMNS = (
    _Column("what", _what, words=True),
    _Column("keys", lambda _comparison, row: count(row.run.keys)),
    _Column("wall time", lambda _comparison, row: duration(row.wall_s)),
    _Column("speed-up", _speed_up, optional=True),
    _Column("accuracy", _accuracy, optional=True),
    _Column("TTFT p50/p95 s", lambda _comparison, row: _percentiles(row.run.ttft), optional=True),
    _Column("latency p50/p95 s", lambda _comparison, row: _percentiles(row.run.latency), optional=True),
    _Column("tokens in/out", _tokens),
    _Column("cost", _cost, optional=True),
    _Column("failed", lambda _comparison, row: count(row.run.failed)),
)


def _columns_of(comparison: Comparison) -> list[_Column]:
    """Return the columns that say something: where nothing was scored, there is no accuracy."""
    return [
        column
        for column in _COLUMNS
        if not (column.optional and all(column.cell(comparison, row) == UNKNOWN for row in comparison.rows))
    ]


def _grid(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the titles, then a line for each row; every cell is sanitized."""
    columns = _columns_of(comparison)
    lines = [tuple(column.title for column in columns)]
    lines += [tuple(column.cell(comparison, row) for column in columns) for row in comparison.rows]
    return lines


def _in_words(comparison: Comparison) -> list[bool]:
    """Return for each column whether it holds words."""
    return [column.words for column in _columns_of(comparison)]


def _widths(grid: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(line[place]) for line in grid) for place in range(len(grid[0]))]


def _aligned(line: Sequence[str], widths: Sequence[int], words: Sequence[bool]) -> list[str]:
    return [
        cell.ljust(width) if left else cell.rjust(width)
        for cell, width, left in zip(line, widths, words, strict=True)
    ]


def plain_table(comparison: Comparison) -> str:
    """Return aligned columns and the verdict below, without a line feed at the end."""
    grid = _grid(comparison)
    widths, words = _widths(grid), _in_words(comparison)
    lines = [_GAP.join(_aligned(line, widths, words)).rstrip() for line in grid]
    return "\n".join([*lines, *_last_words(comparison)])


def markdown_table(comparison: Comparison) -> str:
    """Return a GitHub Markdown table and the verdict below, without a line feed at the end."""
    grid = [tuple(_escaped(cell) for cell in line) for line in _grid(comparison)]
    widths, words = _widths(grid), _in_words(comparison)
    rule = [
        "-" * width if left else "-" * (width - 1) + ":" for width, left in zip(widths, words, strict=True)
    ]
    lines = [_aligned(grid[0], widths, words), rule, *(_aligned(line, widths, words) for line in grid[1:])]
    said = [_escaped(line) for line in _last_words(comparison)]
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), *said])


def _escaped(text: str) -> str:
    """Return `text` with the special characters of Markdown and HTML escaped."""
    return re.sub(r"([\\|`*_<>\[\]&])", r"\\\1", text)


def _last_words(comparison: Comparison) -> list[str]:
    verdict = comparison.verdict()
    return ["", verdict] if verdict else []


def print_table(comparison: Comparison, stream: TextIO | None = None) -> None:
    """Print a table that fits the terminal, transposed if needed; elsewhere the plain one."""
    output = Output(stream or sys.stdout)
    if not output.isatty():
        output.line(plain_table(comparison))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=cast("IO[str]", output), highlight=False, markup=False, emoji=False)
    grid = _grid(comparison)
    needed = sum(_widths(grid)) + 3 * len(grid[0]) + 1
    console.print(_upright(grid, _in_words(comparison)) if needed <= console.width else _lying(grid))
    if verdict := comparison.verdict():
        console.print(Text(verdict))
    output.flush()


def _upright(grid: Sequence[Sequence[str]], words: Sequence[bool]) -> Table:
    """Return a table with a row for each experiment."""
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for title, left in zip(grid[0], words, strict=True):
        table.add_column(Text(title), justify="left" if left else "right", no_wrap=True)
    for line in grid[1:]:
        table.add_row(*map(Text, line))
    return table


def _lying(grid: Sequence[Sequence[str]]) -> Table:
    """Return a table with a column for each experiment, for narrow terminals."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, padding=(0, 1), pad_edge=False)
    table.add_column(Text(grid[0][0]), no_wrap=True)
    for line in grid[1:]:
        table.add_column(Text(line[0]), justify="right", overflow="fold")
    for place, title in enumerate(grid[0][1:], 1):
        table.add_row(Text(title), *(Text(line[place]) for line in grid[1:]))
    return table
