"""What a run costs: all attempts count, and an unknown price is not zero."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmdash.engine.model.frame import KeyRow
from llmdash.engine.pool.costs import cost_so_far, projected
from llmdash.engine.pool.pool import KeyPool
from tests.engine.pools import Clock, pool_of


def used(label: str, ok: int, cut: int = 0, tokens: int = 1000) -> KeyRow:
    pool: KeyPool = pool_of(1, Clock())
    return replace(
        pool.statistics()[0], label=label, ok=ok, cut=cut, input_tokens=tokens, output_tokens=tokens
    )


def dollar_a_thousand(_label: str, inward: int, outward: int) -> float:
    return (inward + outward) / 1000


def test_the_cost_is_that_of_all_keys() -> None:
    assert cost_so_far([used("a", 5), used("b", 5, tokens=500)], dollar_a_thousand) == pytest.approx(3.0)


def test_a_request_whose_outcome_nobody_saw_counts_as_a_usual_one() -> None:
    assert cost_so_far([used("a", ok=10, cut=5)], dollar_a_thousand) == pytest.approx(3.0)


def test_without_a_price_for_every_key_in_use_there_is_no_cost_rather_than_a_low_one() -> None:
    def only_a(label: str, inward: int, outward: int) -> float | None:
        return dollar_a_thousand(label, inward, outward) if label == "a" else None

    assert cost_so_far([used("a", 1), used("b", 1)], only_a) is None
    assert cost_so_far([used("a", 1), used("b", 0, tokens=0)], only_a) == pytest.approx(2.0)


def test_before_anything_was_answered_there_is_no_cost() -> None:
    assert cost_so_far([used("a", 0, tokens=0)], dollar_a_thousand) is None


def test_the_projection_takes_the_rest_to_cost_what_the_ended_ones_did() -> None:
    assert projected(2.0, ended=50, jobs=200) == pytest.approx(8.0)
    assert projected(2.0, ended=0, jobs=200) is None
    assert projected(None, ended=50, jobs=200) is None
