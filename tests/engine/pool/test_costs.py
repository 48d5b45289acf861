"""What a run costs: all attempts count, and an unknown price is not zero."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmdash.engine.model.frame import KeyRow
from llmdash.engine.pool.costs import Spending, Tokens, cost_so_far, projected
from llmdash.engine.pool.pool import KeyPool
from llmdash.llms.messages import Usage
from tests.engine.pools import Clock, pool_of


def used(label: str, ok: int, cut: int = 0) -> KeyRow:
    pool: KeyPool = pool_of(1, Clock())
    return replace(pool.statistics()[0], label=label, ok=ok, cut=cut)


def spent(**tokens: int) -> Spending:
    """That many tokens in, and as many out, with the key of each name."""
    spending = Spending()
    for label, number in tokens.items():
        spending.add(label, "m", Usage(number, number))
    return spending


def dollar_a_thousand(_label: str, _model: str, tokens: Tokens) -> float:
    return (tokens.input + tokens.output) / 1000


def test_the_cost_is_that_of_all_keys() -> None:
    keys = [used("a", 5), used("b", 5)]
    assert cost_so_far(spent(a=1000, b=500), keys, dollar_a_thousand).dollars == pytest.approx(3.0)


def test_a_request_whose_outcome_nobody_saw_counts_as_a_usual_one() -> None:
    """And it is said what of the cost is counted for such ones."""
    keys = [used("a", ok=10, cut=5)]
    found = cost_so_far(spent(a=1000), keys, dollar_a_thousand)
    assert found.dollars == pytest.approx(3.0)
    assert found.uncertain == pytest.approx(1.0)


def test_without_a_price_for_every_key_in_use_there_is_no_cost_rather_than_a_low_one() -> None:
    def only_a(label: str, model: str, tokens: Tokens) -> float | None:
        return dollar_a_thousand(label, model, tokens) if label == "a" else None

    keys = [used("a", 1), used("b", 1)]
    assert cost_so_far(spent(a=1000, b=1000), keys, only_a).dollars is None
    assert cost_so_far(spent(a=1000), keys, only_a).dollars == pytest.approx(2.0)


def test_each_model_of_a_key_has_its_own_price() -> None:
    spending = spent(a=1000)
    spending.add("a", "dear", Usage(1000, 0, cached_tokens=900, reasoning_tokens=7))
    spending.restore("a", "m", Tokens(1000, 1000))

    def priced(_label: str, model: str, tokens: Tokens) -> float:
        return tokens.input * (10 if model == "dear" else 1)

    assert cost_so_far(spending, [used("a", 3)], priced).dollars == pytest.approx(12_000)
    assert spending.total() == Tokens(3000, 2000, 900, 0, 7)


def test_before_anything_was_answered_there_is_no_cost() -> None:
    assert cost_so_far(Spending(), [used("a", 0)], dollar_a_thousand).dollars is None


def test_the_projection_takes_the_rest_to_cost_what_the_ended_ones_did() -> None:
    assert projected(2.0, ended=50, jobs=200) == pytest.approx(8.0)
    assert projected(2.0, ended=0, jobs=200) is None
    assert projected(2.5, ended=50, jobs=200, uncertain=0.5) == pytest.approx(8.5), "lost once"
    assert projected(None, ended=50, jobs=200) is None
