"""SpendingBudget: what may be spent in all, and what is spent, reserved or unknown of it."""

from __future__ import annotations

import math

from llmdash.lean_dataclass import dataclass

__all__ = ["BudgetStatistics", "SpendingBudget"]

_GRAINS = 10**12
"""Grains in a dollar: sums of whole numbers, which have no rounding errors that add up."""


@dataclass(frozen=True, slots=True)
class BudgetStatistics:
    """Dollars: the limit (None: there is none), what is settled, reserved for requests in flight, and kept
    for those with an unknown outcome.
    """

    limit: float | None = None
    settled: float = 0.0
    reserved: float = 0.0
    unknown: float = 0.0

    @property
    def gone(self) -> float:
        """What cannot come back."""
        return self.settled + self.unknown


class SpendingBudget:
    """Counts dollars against a limit. Each request is reserved for by its job before it is sent, then settled
    at its cost, released, or kept as unknown.

    Nothing is counted while there is no limit. On the event loop only: between `fits` and `reserve` nothing
    else runs.
    """

    def __init__(self) -> None:
        self._limit: int | None = None
        self._settled = self._unknown = 0
        self._reserved: dict[int, int] = {}
        self._sum = 0

    @property
    def is_set(self) -> bool:
        return self._limit is not None

    @property
    def in_flight(self) -> int:
        """The number of requests that are reserved for."""
        return len(self._reserved)

    def set_limit(self, dollars: float | None) -> None:
        """Set the limit; None lifts it, and forgets what was counted. Raises ValueError for one below 0."""
        if dollars is not None and not 0 <= dollars < math.inf:
            raise ValueError(f"a budget is an amount of dollars from 0 on, not {dollars!r}")
        self._limit = None if dollars is None else round(dollars * _GRAINS)
        if dollars is None:
            self._settled = self._unknown = self._sum = 0
            self._reserved.clear()

    def begin_with(self, settled: float, unknown: float) -> None:
        """Count what was spent before the limit was set, and what may have been."""
        self._settled, self._unknown = _grains(settled), _grains(unknown)

    def fits(self, dollars: float) -> bool:
        """True if a request of at most `dollars` may be sent now: the limit may be reached, not exceeded."""
        if self._limit is None:
            return True
        return self._settled + self._unknown + self._sum + _grains(dollars) <= self._limit

    def would_fit(self, dollars: float) -> bool:
        """True if it might be sent once nothing is in flight, at best."""
        return self._limit is None or self._settled + self._unknown + _grains(dollars) <= self._limit

    def holds(self, job: int) -> bool:
        """True if the request of a job is reserved for."""
        return job in self._reserved

    def reserve(self, job: int, dollars: float) -> None:
        """Reserve for the request of a job, which has none in flight."""
        if self._limit is not None:
            self._sum += _grains(dollars)
            self._reserved[job] = _grains(dollars)

    def settle(self, job: int, dollars: float) -> None:
        """Count what the request of a job has cost, in place of what was reserved for it."""
        if self._limit is not None:
            self.release(job)
            self._settled += _grains(dollars)

    def release(self, job: int) -> None:
        """Give back what was reserved: the request costs nothing."""
        self._sum -= self._reserved.pop(job, 0)

    def keep(self, job: int) -> float:
        """Count the request of a job at what was reserved: its outcome is unknown. Return the dollars."""
        grains = self._reserved.pop(job, 0)
        self._sum -= grains
        self._unknown += grains
        return grains / _GRAINS

    def statistics(self) -> BudgetStatistics:
        limit = None if self._limit is None else self._limit / _GRAINS
        return BudgetStatistics(limit, self._settled / _GRAINS, self._sum / _GRAINS, self._unknown / _GRAINS)


def _grains(dollars: float) -> int:
    return round(dollars * _GRAINS)
