"""Intervals and a test for paired data. Each docstring names the source of its formula."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Sequence
from itertools import islice

from llmdash.engine.model.comparison import Interval

__all__ = ["bootstrap_interval", "mcnemar_mid_p", "newcombe_interval", "normal_interval", "wilson_interval"]

Z = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""
_RESAMPLES = 1_000
_DRAWS = 1 << 16


def wilson_interval(successes: int, trials: int) -> Interval:
    """Return the 95 % score interval of a share.

    Wilson (1927), J. Am. Stat. Assoc. 22, 209-212; without trials nothing is known: 0 to 1.
    """
    if trials == 0:
        return Interval(0.0, 1.0)
    share = successes / trials
    middle = share + Z * Z / (2 * trials)
    spread = Z * math.sqrt(share * (1 - share) / trials + Z * Z / (4 * trials * trials))
    scale = 1 + Z * Z / trials
    low = 0.0 if successes == 0 else max(0.0, (middle - spread) / scale)
    high = 1.0 if successes == trials else min(1.0, (middle + spread) / scale)
    return Interval(low, high)


def newcombe_interval(both: int, only_a: int, only_b: int, neither: int) -> Interval:
    """Return the 95 % interval of (share in B) - (share in A) of the same prompts.

    Newcombe (1998), Statistics in Medicine 17, 2635-2650, method 10: score intervals of the two shares,
    squared and added, with a continuity-corrected correlation. Without prompts: -1 to 1.
    """
    n = both + only_a + only_b + neither
    if n == 0:
        return Interval(-1.0, 1.0)
    share_a, share_b = (both + only_a) / n, (both + only_b) / n
    a, b = wilson_interval(both + only_a, n), wilson_interval(both + only_b, n)
    phi = _correlation(both, only_a, only_b, neither)
    difference = (only_b - only_a) / n
    down = _added(share_b - b.low, a.high - share_a, phi)
    up = _added(b.high - share_b, share_a - a.low, phi)
    return Interval(max(-1.0, difference - down), min(1.0, difference + up))


def _correlation(both: int, only_a: int, only_b: int, neither: int) -> float:
    """Newcombe's corrected phi; 0 where all prompts of a run are alike."""
    sides = (both + only_a, only_b + neither, both + only_b, only_a + neither)
    if 0 in sides:
        return 0.0
    n = both + only_a + only_b + neither
    excess: float = both * neither - only_a * only_b
    if excess > 0:
        excess = max(0.0, excess - n / 2)
    return excess / math.sqrt(math.prod(sides))


def _added(one: float, other: float, correlation: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * correlation * one * other + other * other))


def mcnemar_mid_p(only_a: int, only_b: int) -> float:
    """Return the two-sided mid-p value of McNemar's test: is A as often right where B is not as the reverse?

    Fagerland, Lydersen, Laake (2013), BMC Medical Research Methodology 13:91: the exact conditional p value
    less the probability of what was observed. It keeps its level where the exact one is far below it.
    """
    n, fewer = only_a + only_b, min(only_a, only_b)
    if n == 0:
        return 1.0
    observed = math.exp(_log_binomial(n, fewer))
    if only_a == only_b:
        return 1.0 - 0.5 * observed
    tail = term = observed
    for k in range(fewer, 0, -1):
        term *= k / (n - k + 1)
        tail += term
        if term < tail * 1e-17:
            break
    return min(1.0, 2 * tail - observed)


def _log_binomial(n: int, k: int) -> float:
    """The logarithm of the probability of k heads in n throws of a fair coin."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2)


def normal_interval(mean: float, squares: float, n: int) -> Interval | None:
    """Return the 95 % interval of a mean of n values whose squared deviations from it sum up to `squares`.

    The central limit theorem, with the unbiased variance (Student 1908 is the same from some hundred values
    on); None for fewer than two values.
    """
    if n < 2:
        return None
    half = Z * math.sqrt(max(0.0, squares) / (n - 1) / n)
    return Interval(mean - half, mean + half)


def bootstrap_interval(values: Sequence[float], seed: int) -> Interval | None:
    """Return the 95 % percentile interval of the mean of at most 65,535 values, over 1,000 resamples.

    Efron (1979), Annals of Statistics 7, 1-26; Efron and Tibshirani (1993), chapter 13. The same values and
    seed give the same interval. None for fewer than two values.
    """
    n = len(values)
    if n < 2:
        return None
    low = min(values)
    if low == max(values):
        return Interval(low, low)
    means = sorted(low - 1.0 + total / n for total in _resampled_sums([v - low + 1.0 for v in values], seed))
    return Interval(_quantile(means, 0.025), _quantile(means, 0.975))


def _resampled_sums(above_zero: Sequence[float], seed: int) -> list[float]:
    """Sums of n values drawn with replacement, without a step of Python for each draw.

    A draw of 16 bits names a value; those beyond the last whole round of the values are 0, and filtered out,
    so that every value is as likely as every other.
    """
    n = len(above_zero)
    rounds = _DRAWS // n
    table = [*above_zero] * rounds + [0.0] * (_DRAWS - rounds * n)
    source = random.Random(seed)
    expected = n * _DRAWS // (rounds * n)
    size = expected + 6 * math.isqrt(expected) + 16
    sums: list[float] = []
    while len(sums) < _RESAMPLES:
        drawn = list(islice(filter(None, map(table.__getitem__, _words(source, size))), n))
        if len(drawn) == n:
            sums.append(sum(drawn))
    return sums


def _words(source: random.Random, count: int) -> array[int]:
    """`count` numbers below 65,536."""
    return array("H", source.randbytes(2 * count))


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Linear between the two nearest values: definition 7 of Hyndman and Fan (1996)."""
    place = share * (len(ordered) - 1)
    at = math.floor(place)
    above = ordered[min(at + 1, len(ordered) - 1)]
    return ordered[at] + (place - at) * (above - ordered[at])
