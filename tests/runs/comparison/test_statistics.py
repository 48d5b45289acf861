"""The intervals and the test of paired data give published values, and never leave their range."""

from __future__ import annotations

import math
import random
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.runs.comparison.statistics import (
    bootstrap_interval,
    mcnemar_mid_p,
    newcombe_interval,
    normal_interval,
    wilson_interval,
)

few = st.integers(0, 60)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_those_of_newcombe_1998_table_1(
    successes: int, trials: int, low: float, high: float
) -> None:
    interval = wilson_interval(successes, trials)
    assert interval == pytest.approx((low, high), abs=5e-5)


def test_the_paired_interval_is_the_published_one_of_airway_hyper_responsiveness() -> None:
    """Fagerland, Lydersen, Laake (2014), Statistics in Medicine 33: 1, 1, 7, 12 of 21 children."""
    interval = newcombe_interval(both=1, only_a=7, only_b=1, neither=12)
    assert interval == pytest.approx((-0.507, -0.026), abs=5e-4)


def test_the_mid_p_value_is_the_published_one_of_airway_hyper_responsiveness() -> None:
    """Fagerland, Lydersen, Laake (2013), table 3: exact 0.0703, mid-p 0.0391."""
    assert mcnemar_mid_p(1, 7) == pytest.approx(0.0391, abs=5e-5)


@given(few, few)
def test_the_mid_p_value_is_that_of_the_definition(only_a: int, only_b: int) -> None:
    n = only_a + only_b
    chances = [comb(n, k) / 2**n for k in range(n + 1)]
    fewer = min(only_a, only_b)
    expected = 1 - chances[fewer] / 2 if only_a == only_b else 2 * sum(chances[: fewer + 1]) - chances[fewer]
    assert mcnemar_mid_p(only_a, only_b) == pytest.approx(1.0 if n == 0 else expected, rel=1e-9)
    assert mcnemar_mid_p(only_a, only_b) == mcnemar_mid_p(only_b, only_a)


@pytest.mark.parametrize(("only_a", "only_b"), [(300_000, 300_900), (499_000, 501_000)])
def test_the_mid_p_value_of_a_million_discordant_pairs_is_that_of_the_normal_limit(
    only_a: int, only_b: int
) -> None:
    z = abs(only_a - only_b) / math.sqrt(only_a + only_b)
    assert mcnemar_mid_p(only_a, only_b) == pytest.approx(math.erfc(z / math.sqrt(2)), rel=1e-3)


def test_a_difference_beyond_all_doubt_has_a_p_value_of_nothing() -> None:
    assert mcnemar_mid_p(0, 1_000_000) == 0.0


@given(few, few, few, few)
def test_a_paired_interval_holds_the_difference_and_turns_with_the_runs(
    a: int, b: int, c: int, d: int
) -> None:
    n = a + b + c + d
    low, high = newcombe_interval(a, b, c, d)
    assert -1 <= low <= high <= 1
    if n:
        assert low - 1e-12 <= (c - b) / n <= high + 1e-12
    turned = newcombe_interval(a, c, b, d)
    assert (turned.low, turned.high) == pytest.approx((-high, -low))


@given(st.integers(0, 2_000_000), st.integers(0, 2_000_000))
def test_a_wilson_interval_holds_the_share(successes: int, failures: int) -> None:
    trials = successes + failures
    low, high = wilson_interval(successes, trials)
    assert 0 <= low <= (successes / trials if trials else 0.5) <= high <= 1


def test_a_normal_interval_is_the_mean_and_1_96_standard_errors() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    squares = sum((value - 3.0) ** 2 for value in values)
    assert normal_interval(3.0, squares, 5) == pytest.approx((3 - 1.3859, 3 + 1.3859), abs=1e-4)
    assert normal_interval(3.0, 0.0, 1) is None


def test_a_bootstrap_is_the_same_for_the_same_seed_and_near_the_normal_interval() -> None:
    source = random.Random(3)
    values = [source.gauss(-4.0, 2.0) for _ in range(2_000)]
    mean = sum(values) / len(values)
    normal = normal_interval(mean, sum((value - mean) ** 2 for value in values), len(values))
    found = bootstrap_interval(values, 1)
    assert found == bootstrap_interval(values, 1)
    assert found != bootstrap_interval(values, 2)
    assert found == pytest.approx(normal, abs=0.02)


def test_a_bootstrap_of_a_skewed_sample_leans_to_its_tail() -> None:
    values = [0.0] * 28 + [10.0, 30.0]
    mean = sum(values) / len(values)
    found = bootstrap_interval(values, 1)
    assert found is not None
    assert found.low >= 0.0
    assert found.high - mean > mean - found.low


@pytest.mark.parametrize("values", [[], [1.0]])
def test_fewer_than_two_values_have_no_interval(values: list[float]) -> None:
    assert bootstrap_interval(values, 1) is None


def test_equal_values_have_an_interval_without_width() -> None:
    assert bootstrap_interval([2.5] * 9, 1) == (2.5, 2.5)


@pytest.mark.parametrize("n", [2, 3, 7, 10_000])
def test_every_value_is_as_likely_as_every_other(n: int) -> None:
    """The mean of resampled means is the mean of the values, whatever their number."""
    values = [float(place % 10) for place in range(n)]
    found = bootstrap_interval(values, 5)
    assert found is not None
    assert (found.low + found.high) / 2 == pytest.approx(sum(values) / n, abs=0.05 * max(1.0, max(values)))
