"""Intervals of a total and of a share, from a sample: honest for few and skewed values.

What is sampled costs as answers do: mostly little, now and then much. The usual interval, mean plus or minus
t standard errors, then misses high totals too often. `total_of_rest` uses three remedies:

- Where the values grow with a size that is known for all (the length of the prompt), they are regressed on
  it. The slope is shrunk by what chance alone gives (1 - 2 / F), so that a size without influence does no
  harm.
- The variance is that of the jackknife, which needs no equal scatter of long and short ones.
- The t statistic is corrected for skewness by Hall's cubic transformation (Annals of Statistics, 1992).

A small sample understates its own skewness: level and skewness are raised by a share that fades with its
size (`_MORE_LEVEL`, `_MORE_SKEW`; found by simulation over lognormal answers of a variation of 0.5 and 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul
from statistics import NormalDist, fmean
from typing import NamedTuple

__all__ = ["LEVEL", "share_of_rest", "student", "total_of_rest"]

LEVEL = 0.8
"""The share of intervals that hold what comes of it."""
_MORE_LEVEL, _MORE_SKEW = 0.18, 0.9
_LEAST = 3
"""Values below which there is no interval."""

Interval = tuple[float, float, float]
"""Low, middle, high."""


def total_of_rest(
    values: Sequence[float], sizes: Sequence[float], rest: int, rest_size: float, level: float = LEVEL
) -> Interval | None:
    """Return the interval of the sum of `rest` further values whose mean size is `rest_size`.

    `values` and `sizes` are those of the sample, one pair each; values are at least 0. None where there are
    fewer than three.
    """
    n = len(values)
    if n < _LEAST:
        return None
    sums = _Sums.over(sizes, values)
    middle = sums.expected(rest_size)
    pairs = zip(sizes, values, strict=True)
    pseudo = [n * middle - (n - 1) * sums.without(*pair).expected(rest_size) for pair in pairs]
    mean = fmean(pseudo)
    square, cube = (math.fsum((each - mean) ** power for each in pseudo) / n for power in (2, 3))
    spread = math.sqrt(square * n / (n - 1)) * math.sqrt(1 / n + 1 / max(1, rest))
    if spread <= abs(middle) * 1e-9:
        return (rest * max(0.0, middle),) * 3
    skewness = cube / square**1.5 * (1 + _MORE_SKEW / math.sqrt(n))
    raised = min(0.99, level + _MORE_LEVEL / math.sqrt(n))
    t = student(0.5 + raised / 2, n - 2)
    low, high = (middle - spread * _unskewed(side * t, skewness, n) for side in (1, -1))
    middle = max(0.0, middle)
    return rest * max(0.0, min(low, middle)), rest * middle, rest * max(high, middle)


class _Sums(NamedTuple):
    """Sums over pairs of size and value, both less an `origin` near their means: no digits are lost."""

    origin: tuple[float, float]
    n: int
    x: float
    y: float
    xx: float
    yy: float
    xy: float

    @classmethod
    def over(cls, sizes: Sequence[float], values: Sequence[float]) -> _Sums:
        size, value = fmean(sizes), fmean(values)
        x, y = [each - size for each in sizes], [each - value for each in values]
        squares = (_product(x, x), _product(y, y), _product(x, y))
        return cls((size, value), len(x), math.fsum(x), math.fsum(y), *squares)

    def without(self, size: float, value: float) -> _Sums:
        x, y = size - self.origin[0], value - self.origin[1]
        return _Sums(
            self.origin,
            self.n - 1,
            self.x - x,
            self.y - y,
            self.xx - x * x,
            self.yy - y * y,
            self.xy - x * y,
        )

    def expected(self, size: float) -> float:
        """The value expected at a size: the mean, moved along the slope as far as that is not chance."""
        n, mean = self.n, self.y / self.n
        across, total = self.xx - self.x**2 / n, self.yy - self.y * mean
        if n < _LEAST or across <= 1e-12 * self.xx or total <= 1e-12 * self.yy:
            return self.origin[1] + mean
        joint = self.xy - self.x * mean
        explained = min(1.0, joint * joint / across / total)
        ratio = explained * (n - 2) / max(1e-12, 1 - explained)  # the F statistic of the slope
        kept = max(0.0, 1 - 2 / ratio) if ratio > 0 else 0.0
        return self.origin[1] + mean + kept * joint / across * (size - self.origin[0] - self.x / n)


def _product(one: Sequence[float], other: Sequence[float]) -> float:
    return math.fsum(map(mul, one, other))


def _unskewed(t: float, skewness: float, n: int) -> float:
    """Hall's inverse transformation of a quantile."""
    if abs(skewness) < 1e-9:
        return t
    root, third = math.sqrt(n), skewness / 3
    inner = 1 + skewness * (t / root - skewness / (6 * n))
    return root * (math.copysign(abs(inner) ** (1 / 3), inner) - 1) / third


def student(share: float, freedom: float) -> float:
    """Return the quantile of Student's t at `share` (0 to 1), by the expansion of Cornish and Fisher."""
    z, f = NormalDist().inv_cdf(share), max(1.0, freedom)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + math.fsum(term / f ** (power + 1) for power, term in enumerate(terms))


def share_of_rest(found: int, sample: int, rest: int, level: float = LEVEL) -> Interval | None:
    """Return the interval of the share (0 to 1) among `rest` others, `found` of a `sample` having it.

    Wilson's interval, over a sample as much smaller as the rest is a sample too. None without a sample.
    """
    if sample <= 0:
        return None
    n, share = 1 / (1 / sample + 1 / max(1, rest)), found / sample
    z = NormalDist().inv_cdf(0.5 + level / 2)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return min(share, max(0.0, middle - half)), share, max(share, min(1.0, middle + half))
