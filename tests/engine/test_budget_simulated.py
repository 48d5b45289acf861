"""Hundreds of runs whose answers have heavy tails: what a budget bounds, and by how much it can be missed."""

from __future__ import annotations

from statistics import median

import pytest

from tests.engine.bounded_runs import Length, bounded, lognormal, pareto

RUNS = 100
BUDGET = 0.04
"""Fifty answers or so."""


@pytest.mark.parametrize("length", [lognormal, pareto])
@pytest.mark.parametrize("runs", [RUNS, pytest.param(5 * RUNS, marks=pytest.mark.slow)])
def test_a_run_exceeds_its_budget_by_no_more_than_what_was_in_flight_costs_over_its_reservation(
    length: Length, runs: int
) -> None:
    overshoots = []
    for seed in range(runs):
        run = bounded(length, seed=seed, budget=BUDGET)
        assert run.overshoot <= max(0.0, run.excess) + 1e-12
        overshoots.append(run.overshoot / BUDGET)
    assert median(overshoots) < 0.02


@pytest.mark.parametrize("length", [lognormal, pareto])
@pytest.mark.parametrize("concurrency", [1, 16, 512])
def test_with_a_token_limit_there_is_no_overshoot(length: Length, concurrency: int) -> None:
    for seed in range(20):
        run = bounded(length, seed=seed, budget=BUDGET, concurrency=concurrency, options={"max_tokens": 200})
        assert run.spent <= BUDGET
        assert run.spent > 0.9 * BUDGET


def test_prompts_that_are_longer_than_estimated_are_reserved_for_once_that_is_known() -> None:
    for seed in range(20):
        run = bounded(lognormal, seed=seed, budget=BUDGET, asked=500, options={"max_tokens": 50})
        assert run.overshoot <= max(0.0, run.excess) + 1e-12
        assert run.overshoot < 0.01 * BUDGET
