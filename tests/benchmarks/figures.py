"""What was measured, round by round, and the table of it: medians, and how many times as fast llmdash is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

__all__ = ["RATE", "THIS", "Figures", "Row", "ratio_table", "ratios", "records"]

THIS = "llmdash, this tree"
RATE = "jobs/s"


class Row(NamedTuple):
    """One line of the table: what was done, by whom, and the unit: jobs a second, or what one job costs."""

    what: str
    who: str
    unit: str


Figures = Mapping[Row, Sequence[float]]
"""A figure of each round for each row. The rows of THIS are what the others are compared with."""


def ratios(figures: Figures, row: Row) -> list[float]:
    """How many times as fast this tree is as `row`, round by round: above 1 it is the faster one.

    Within a round, since what else the machine does changes from round to round.
    """
    pairs = zip(figures[row._replace(who=THIS)], figures[row], strict=True)
    return [this / other if row.unit == RATE else other / this for this, other in pairs]


def records(figures: Figures) -> list[dict[str, Any]]:
    """The rows for a file: every figure, the medians, and the ratio to each row but those of this tree."""
    found = []
    for row, values in _grouped(figures):
        of_row = None if row.who == THIS else ratios(figures, row)
        record = {**row._asdict(), "median": median(values), "min": min(values), "max": max(values)}
        found.append({**record, "values": list(values), "ratio": of_row and median(of_row), "ratios": of_row})
    return found


def ratio_table(figures: Figures) -> str:
    """The rows for people, with the spread of each figure and each ratio."""
    lines = [("", "", "", "median", "min to max", "ratio", "min to max"), *_lines(figures)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < 3 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _grouped(figures: Figures) -> Iterator[tuple[Row, Sequence[float]]]:
    """The rows that can be compared one below the other, in the order in which they were measured."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in figures:
        groups.setdefault((row.what, row.unit), []).append(row)
    for group in groups.values():
        yield from ((row, figures[row]) for row in group)


def _lines(figures: Figures) -> Iterator[tuple[str, ...]]:
    above = ""
    for row, values in _grouped(figures):
        digits = 0 if row.unit == RATE else 1
        what, above = ("" if row.what == above else row.what), row.what
        spread = f"{min(values):,.{digits}f} to {max(values):,.{digits}f}"
        cells = (what, row.who, row.unit, f"{median(values):,.{digits}f}", spread)
        if row.who == THIS:
            yield (*cells, "", "")
        else:
            of_row = ratios(figures, row)
            yield (*cells, f"{median(of_row):.2f}x", f"{min(of_row):.2f} to {max(of_row):.2f}")
