"""Intervals hold what comes of it as often as they say, for few and skewed values, sorted or not."""

from __future__ import annotations

import math
import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.dispatch.trial_forecast import spread
from llmdash.engine.metrics.intervals import share_of_rest, student, total_of_rest

JOBS, TRIAL, DRAWS = 400, 20, 250


def lognormal(rng: random.Random, variation: float) -> float:
    """A length with mean 1 and this coefficient of variation."""
    spread_of = math.log(1 + variation**2)
    return rng.lognormvariate(-spread_of / 2, math.sqrt(spread_of))


def drawn(
    rng: random.Random, kind: str, variation: float, *, in_order: bool
) -> tuple[list[float], list[float]]:
    """Sizes of prompts, and what each costs."""
    sizes = [float(math.ceil(200 * lognormal(rng, 1.0))) for _ in range(JOBS)]
    if in_order:
        sizes.sort()
    answers = {
        "of any length": lambda size: 300 * lognormal(rng, variation),
        "longer for longer prompts": lambda size: 20 * math.sqrt(size) * lognormal(rng, variation),
    }
    return sizes, [0.15 * size + 0.6 * answers[kind](size) for size in sizes]


def holds(sizes: list[float], costs: list[float], trial: int = TRIAL) -> bool:
    ahead = set(spread(trial, len(sizes)))
    rest = [job for job in range(len(sizes)) if job not in ahead]
    first = sorted(ahead)
    found = total_of_rest(
        [costs[job] for job in first],
        [sizes[job] for job in first],
        len(rest),
        fmean(sizes[job] for job in rest),
    )
    assert found is not None
    return found[0] <= math.fsum(costs[job] for job in rest) <= found[2]


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("variation", [0.5, 1.0])
@pytest.mark.parametrize("kind", ["of any length", "longer for longer prompts"])
def test_four_of_five_intervals_hold_the_cost_of_the_rest(
    kind: str, variation: float, in_order: bool
) -> None:
    rng = random.Random(f"{kind} {variation} {in_order}")
    hits = sum(holds(*drawn(rng, kind, variation, in_order=in_order)) for _ in range(DRAWS))
    assert 0.74 <= hits / DRAWS <= 0.92


def test_the_first_of_a_sorted_file_would_mislead() -> None:
    """Why a trial is spread: the mean of the head is far below that of the file."""
    rng = random.Random(5)
    sizes, costs = drawn(rng, "longer for longer prompts", 0.5, in_order=True)
    head = total_of_rest(costs[:TRIAL], [0.0] * TRIAL, JOBS - TRIAL, 0.0)
    assert head is not None
    assert head[2] < math.fsum(costs[TRIAL:])
    assert holds(sizes, costs)


def test_a_cost_that_follows_the_prompt_is_known_almost_exactly() -> None:
    sizes = [float(n + 1) for n in range(JOBS)]
    costs = [2 * size + 1 for size in sizes]
    ahead = sorted(spread(TRIAL, JOBS))
    rest = [job for job in range(JOBS) if job not in ahead]
    found = total_of_rest(
        [costs[job] for job in ahead],
        [sizes[job] for job in ahead],
        len(rest),
        fmean(sizes[job] for job in rest),
    )
    assert found is not None
    actual = math.fsum(costs[job] for job in rest)
    assert found[0] == pytest.approx(actual, rel=1e-6)
    assert found[2] == pytest.approx(actual, rel=1e-6)


amounts = st.floats(0, 1e9, allow_nan=False)


@given(st.lists(st.tuples(amounts, amounts), max_size=40), st.integers(1, 10**6), amounts)
def test_an_interval_is_in_order_whatever_the_values(
    pairs: list[tuple[float, float]], rest: int, size: float
) -> None:
    found = total_of_rest([value for value, _ in pairs], [each for _, each in pairs], rest, size)
    if len(pairs) < 3:
        assert found is None
    else:
        assert found is not None
        assert all(math.isfinite(end) for end in found)
        assert 0 <= found[0] <= found[1] <= found[2]


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 10**6))
def test_a_share_is_between_0_and_1(found: int, others: int, rest: int) -> None:
    interval = share_of_rest(found, found + others, rest)
    if not found + others:
        assert interval is None
    else:
        assert interval is not None
        assert 0 <= interval[0] <= interval[1] <= interval[2] <= 1


def test_the_quantiles_are_those_of_the_tables() -> None:
    assert student(0.9, 18) == pytest.approx(1.330, abs=2e-3)
    assert student(0.9, 3) == pytest.approx(1.638, abs=2e-2)
    assert student(0.975, 1e9) == pytest.approx(1.960, abs=1e-3)


@given(st.integers(1, 300), st.integers(0, 3_000))
def test_a_trial_is_spread_over_the_whole_file(size: int, jobs: int) -> None:
    chosen = list(spread(size, jobs))
    assert len(chosen) == min(size, jobs)
    assert chosen == sorted(set(chosen))
    for part, job in enumerate(chosen):
        assert part * jobs // len(chosen) <= job < (part + 1) * jobs // len(chosen)
