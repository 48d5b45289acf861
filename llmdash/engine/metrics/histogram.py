"""LogHistogram: percentiles at a constant cost a value."""

from __future__ import annotations

import math

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

    def add(self, value: float) -> None:
        """Count one value. Values below 1e-6 count as 1e-6; NaN and infinities are ignored."""
        if not math.isfinite(value):
            return
        bucket = int(math.log(max(value, self._SMALLEST)) // self._BASE)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self._total += 1

    def percentile(self, share: float) -> float | None:
        """Return the value below which `share` (0 to 1) of the values lie; None without values."""
        if not self._total:
            return None
        wanted, seen = share * self._total, 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return math.exp((bucket + 0.5) * self._BASE)
        return None
