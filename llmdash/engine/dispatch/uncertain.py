"""Uncertain: what may have to be paid for although no server counted it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

__all__ = ["UNCERTAIN", "Uncertain"]

UNCERTAIN = "uncertain"
"""The fact with the dollars of failed requests that may be billed all the same, over all starts."""


def _ignore(_dollars: float) -> None:
    """Record nothing."""


class Uncertain:
    """Failed requests that may be billed all the same, in `dollars`, and those that were `lost`: sent, and of
    unknown outcome. All starts of a run count, with a budget or without: it may be given one later.

    `record` is called with the new dollars.
    """

    def __init__(
        self,
        dollars: float = 0.0,
        lost: Iterable[tuple[int, str]] = (),
        record: Callable[[float], object] = _ignore,
    ) -> None:
        self.dollars = dollars
        self.lost = list(lost)
        """(job, label of its key) of each."""
        self._record = record

    def add(self, dollars: float) -> None:
        """Count a failed request."""
        if dollars:
            self.dollars += dollars
            self._record(self.dollars)

    def lose(self, job: int, label: str) -> None:
        """Count a request of unknown outcome."""
        self.lost.append((job, label))
