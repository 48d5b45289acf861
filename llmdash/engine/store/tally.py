"""Tally: how often something happened over the run, in constant memory and at constant cost."""

from __future__ import annotations

from array import array
from itertools import pairwise, zip_longest

__all__ = ["Tally"]


class Tally:
    """Counts in equal steps of a second from the start of the run; when they are full, pairs are merged and a
    step is twice as long. Times are seconds at work and may come in any order.
    """

    def __init__(self, steps: int = 64) -> None:
        self.step_s = 1.0
        self.total = 0
        """How many events there are; steps are merged only as one is added."""
        self._counts = array("I", bytes(4 * steps))

    def add(self, at_s: float, number: int = 1) -> None:
        """Count `number` events at `at_s`."""
        at_s = min(max(at_s, 0.0), 1e12)
        while at_s >= self.step_s * len(self._counts):
            self._halve()
        self._counts[int(at_s / self.step_s)] += number
        self.total += number

    def coarse(self, until_s: float) -> tuple[float, tuple[int, ...]]:
        """Return the seconds of a step and the count of each until `until_s`, in longer steps than those that
        are counted in where there would be more of them.
        """
        step_s, counts = self.step_s, self._counts
        while until_s >= step_s * len(self._counts):
            step_s *= 2
            counts = _halved(counts)
        steps = int(max(until_s, 0.0) / step_s) + 1
        return step_s, tuple(counts[:steps]) + (0,) * (steps - len(counts))

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
        merged = _halved(self._counts)
        self._counts = merged + array("I", bytes(4 * (len(self._counts) - len(merged))))
        self.step_s *= 2


def _halved(counts: array[int]) -> array[int]:
    """Return the sums of pairs of counts; one that is left over stays as it is."""
    pairs = zip_longest(counts[::2], counts[1::2], fillvalue=0)
    return array("I", [one + other for one, other in pairs])
