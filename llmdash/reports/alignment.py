"""Rows of cells as lines whose columns stand below each other."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["aligned"]


def aligned(rows: Sequence[Sequence[str]], words: int) -> list[str]:
    """Return a line for each row: the first `words` columns left-aligned, the others, numbers, right-aligned.

    Cells have to be safe to show.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if column < words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
