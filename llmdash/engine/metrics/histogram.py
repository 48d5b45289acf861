"""LogHistogram: percentiles at a constant cost a value."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate

__all__ = ["LogHistogram"]


class LogHistogram:
    """Estimates percentiles of positive numbers without keeping them.

    Buckets are 2 % wide, so a percentile is within 1 % of the true value.
    """

    _BASE = math.log(1.02)
    _SMALLEST = 1e-6

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._total = 0
        self._known: tuple[int, Sequence[float], list[float | None]] = 0, (), []
        """Of how many values which percentiles were asked for last, and what they were."""

    def add(self, value: float) -> None:
        """Count one value. Values below 1e-6 count as 1e-6; NaN and infinities are ignored."""
        if not math.isfinite(value):
            return
        bucket = int(math.log(max(value, self._SMALLEST)) // self._BASE)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self._total += 1

    @classmethod
    def add_each(
        cls, some: Sequence[LogHistogram], others: Sequence[LogHistogram], values: Sequence[float | None]
    ) -> None:
        """Count one value in each of `some`, and in each of `others`: all in a row cost little more than one.
        None counts nowhere.
        """
        log, smallest, base = math.log, cls._SMALLEST, cls._BASE
        for one, other, value in zip(some, others, values, strict=True):
            if value is None or not -math.inf < value < math.inf:
                continue
            bucket = int(log(max(smallest, value)) // base)
            one._counts[bucket] = one._counts.get(bucket, 0) + 1
            other._counts[bucket] = other._counts.get(bucket, 0) + 1
            one._total += 1
            other._total += 1

    def include(self, other: LogHistogram) -> None:
        """Count all values of another one as well."""
        for bucket, number in other._counts.items():
            self._counts[bucket] = self._counts.get(bucket, 0) + number
        self._total += other._total

    def add_all(self, values: Iterable[float]) -> None:
        """Count many values."""
        low, base, log = self._SMALLEST, self._BASE, math.log
        found = Counter([log(max(low, value)) // base for value in values if -math.inf < value < math.inf])
        for bucket, number in found.items():
            self._counts[int(bucket)] = self._counts.get(int(bucket), 0) + number
        self._total += found.total()

    def copy(self) -> LogHistogram:
        """Return another one with the same values."""
        other = LogHistogram()
        other._counts, other._total = dict(self._counts), self._total
        return other

    def percentile(self, share: float) -> float | None:
        """Return the value below which `share` (0 to 1) of the values lie; None without values."""
        return self.percentiles([share])[0]

    def percentiles(self, shares: Sequence[float]) -> list[float | None]:
        """Return the percentile of each of the shares, in one pass over the buckets, or as they were returned
        before where there is no value more.
        """
        total, asked, known = self._known
        if total != self._total or asked != shares:
            known = self._percentiles(shares)
            self._known = self._total, tuple(shares), known
        return list(known)

    def _percentiles(self, shares: Sequence[float]) -> list[float | None]:
        if not self._total:
            return [None] * len(shares)
        buckets = sorted(self._counts)
        seen = list(accumulate(map(self._counts.__getitem__, buckets)))
        places = (min(bisect_left(seen, share * self._total), len(seen) - 1) for share in shares)
        return [math.exp((buckets[place] + 0.5) * self._BASE) for place in places]

    @property
    def total(self) -> int:
        """How many values there are."""
        return self._total

    def bars(self, most: int) -> tuple[tuple[float, ...], tuple[int, ...]]:
        """Return at most `most` bars from the least to the largest value: the edges between which each lies,
        one more than there are bars, and how many values it has. Each is as many buckets wide.
        """
        if not self._total or most < 1:
            return (), ()
        first, last = min(self._counts), max(self._counts)
        wide = -(-(last - first + 1) // most)
        numbers = [0] * (-(-(last - first + 1) // wide))
        for bucket, number in self._counts.items():
            numbers[(bucket - first) // wide] += number
        edges = [math.exp((first + place * wide) * self._BASE) for place in range(len(numbers) + 1)]
        return tuple(edges), tuple(numbers)
