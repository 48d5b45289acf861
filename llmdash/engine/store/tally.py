"""Tally: how often something happened over the run, in constant memory and at constant cost."""

from __future__ import annotations

from array import array
from itertools import pairwise

__all__ = ["Tally"]


class Tally:
    """Counts in equal steps of a second from the start of the run; when they are full, pairs are merged and a
    step is twice as long. Times are seconds at work and may come in any order.
    """

    def __init__(self, steps: int = 64) -> None:
        self.step_s = 1.0
        self._counts = array("I", bytes(4 * steps))

    def add(self, at_s: float, number: int = 1) -> None:
        """Count `number` events at `at_s`."""
        at_s = min(max(at_s, 0.0), 1e12)
        while at_s >= self.step_s * len(self._counts):
            self._halve()
        self._counts[int(at_s / self.step_s)] += number

    def counts(self, until_s: float) -> tuple[int, ...]:
        """Return the count of each step until `until_s`, the one that is filling included."""
        steps = self.steps(until_s)
        return tuple(self._counts[:steps]) + (0,) * (steps - len(self._counts))

    def steps(self, until_s: float) -> int:
        """Return how many steps there are until `until_s`, the one that is filling included."""
        return int(max(until_s, 0.0) / self.step_s) + 1

    def spread(self, until_s: float, cells: int) -> tuple[int, ...]:
        """Return the counts from the start until `until_s` in `cells` equal spans."""
        steps = min(len(self._counts), self.steps(until_s))
        edges = [round(cell * steps / cells) for cell in range(cells + 1)]
        return tuple(sum(self._counts[begin:end]) for begin, end in pairwise(edges))

    def _halve(self) -> None:
        counts, half = self._counts, len(self._counts) // 2
        merged = array("I", (counts[2 * step] + counts[2 * step + 1] for step in range(half)))
        self._counts = merged + array("I", bytes(4 * half))
        self.step_s *= 2
