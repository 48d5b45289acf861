"""The bar of a run: how its jobs stand, one cell a share."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final, NamedTuple

from llmdash.engine.model.frame import RunPart

__all__ = ["LEFT", "Stretch", "run_bar"]


class Stretch(NamedTuple):
    """Cells of one kind: how many, their glyph, and the end of their component class's name."""

    cells: int
    glyph: str
    style: str


_DONE: Final = ("━", "success")
_FAILED: Final = ("×", "error")
_CANCELLED: Final = ("━", "muted")
_IN_FLIGHT: Final = ("╍", "brand")
_BATCHED: Final = ("╌", "brand")
LEFT: Final = ("─", "faint")


def run_bar(run: RunPart, width: int) -> list[Stretch]:
    """Return the bar in exactly `width` cells: done, failed, cancelled, in flight, in batches,
    left.

    A share that is not zero has a cell at least, where there are as many cells as shares; the largest share
    gives it. What is still to be done never looks done.
    """
    shares = (
        (run.done, _DONE),
        (run.failed + run.invalid, _FAILED),
        (run.cancelled, _CANCELLED),
        (run.in_flight, _IN_FLIGHT),
        (run.batched, _BATCHED),
        (max(0, run.jobs - run.ended - run.in_flight - run.batched), LEFT),
    )
    cells = _cells([number for number, _look in shares], width)
    if not run.jobs:
        cells[-1] = width
    return [Stretch(count, *look) for count, (_number, look) in zip(cells, shares, strict=True) if count]


def _cells(numbers: list[int], width: int) -> list[int]:
    """The numbers in proportion, `width` in all."""
    total = sum(numbers)
    if not total or width <= 0:
        return [0] * len(numbers)
    ends = [total_so_far * width // total for total_so_far in itertools.accumulate(numbers)]
    cells = [end - start for start, end in itertools.pairwise((0, *ends))]
    for place in _unseen(numbers, cells):
        largest = max(range(len(cells)), key=cells.__getitem__)
        if cells[largest] > 1:
            cells[largest] -= 1
            cells[place] = 1
    return cells


def _unseen(numbers: list[int], cells: list[int]) -> Iterator[int]:
    return (place for place, number in enumerate(numbers) if number and not cells[place])
