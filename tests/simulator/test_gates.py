"""Who is let in, on a clock of its own, and the orders for a key."""

from __future__ import annotations

from typing import Any

import pytest

from llmdash.simulator.gates import KeyGate
from llmdash.simulator.settings import SimulatorSettings


def gate_of(**settings: Any) -> KeyGate:
    return KeyGate(SimulatorSettings(**settings), 0.0)


def wait_of(gate: KeyGate, now: float, tokens: int = 0) -> float:
    """The seconds a request has to wait; 0 if it was let in."""
    wait = gate.admit(now, tokens)
    return wait.seconds if wait is not None else 0.0


def test_a_key_told_to_rest_is_throttled_until_then() -> None:
    gate = gate_of()
    assert gate.admit(0.0) is None
    gate.order({"throttle_s": 10}, now=0.0)
    assert wait_of(gate, 4.0) == pytest.approx(6.0)
    assert gate.admit(10.0) is None
    gate.order({"throttle_s": 10}, now=20.0)
    gate.order({"throttle_s": 0}, now=21.0)
    assert gate.admit(21.0) is None


def test_a_key_is_refused_until_it_is_taken_back() -> None:
    gate = gate_of(rpm=60)
    gate.order({"refuse": True}, now=0.0)
    assert gate.refused
    gate.order({"refuse": False}, now=0.0)
    assert not gate.refused


def test_a_throttled_request_takes_nothing_from_the_limit() -> None:
    gate = gate_of(rpm=1)
    assert gate.admit(0.0) is None
    waits = [wait_of(gate, float(second)) for second in (0, 20, 40)]
    assert waits == [pytest.approx(60), pytest.approx(40), pytest.approx(20)]
    assert gate.admit(60.0) is None


def test_tokens_of_the_prompt_and_of_the_answer_count() -> None:
    gate = gate_of(tpm=600)
    assert gate.admit(0.0, 200) is None
    gate.charge(350)
    wait = gate.admit(0.0, 100)
    assert wait is not None
    assert wait.limit == "tokens"
    assert wait.seconds == pytest.approx(5.0)
    assert gate.admit(5.0, 100) is None


def test_what_waits_for_tokens_takes_no_request_and_what_waits_for_a_request_no_tokens() -> None:
    gate = gate_of(tpm=600, rpm=2)
    assert gate.admit(0.0, 600) is None
    for _ in range(5):
        assert gate.admit(0.0, 60) is not None
    limits_left = gate.limits_left(0.0)
    assert limits_left.requests is not None
    assert limits_left.requests.remaining == 1
    assert gate.admit(6.0, 60) is None
    wait = gate.admit(29.0, 60)
    assert wait is not None
    assert wait.limit == "requests"
    assert wait.seconds == pytest.approx(1.0)
    assert gate.admit(30.0, 240) is None


def test_the_longer_of_two_waits_is_told() -> None:
    gate = gate_of(tpm=60, rpm=60)
    for _ in range(60):
        assert gate.admit(0.0, 0) is None
    assert wait_of(gate, 0.0, 1) == pytest.approx(1.0)
    gate.charge(60)
    assert wait_of(gate, 0.0, 30) == pytest.approx(30.0)


def test_without_limits_there_is_nothing_to_tell() -> None:
    gate = gate_of()
    assert not gate.limited
    assert gate.limits_left(0.0) == (None, None)


@pytest.mark.parametrize(
    "orders",
    [
        {"refuse": 1},
        {"throttle_s": -1},
        {"throttle_s": "x"},
        {"throttle_s": True},
        {"error_rate": 2},
        {"quirks": "no_done"},
        {"quirks": ["nonsense"]},
        {"quirks": [1]},
        {"quirks": None},
        {"what": 1},
    ],
)
def test_an_order_that_makes_no_sense_changes_nothing(orders: dict[str, Any]) -> None:
    gate = gate_of(error_rate=0.25)
    name = next(iter(orders))
    good = {"refuse": True, "error_rate": 0.5, "quirks": ["no_done"]}
    with pytest.raises(ValueError, match=name):
        gate.order({**good, **orders}, now=0.0)
    assert not gate.refused
    assert not gate.compat.no_done
    assert gate.error_rate == 0.25


def test_quirks_are_ordered_by_name_and_ended_by_an_empty_list() -> None:
    gate = gate_of()
    gate.order({"quirks": ["no_done", "no_usage"]}, now=0.0)
    assert gate.compat.no_done
    assert gate.compat.no_usage
    gate.order({"error_rate": 0.5}, now=0.0)
    assert gate.compat.no_done
    gate.order({"quirks": []}, now=0.0)
    assert not gate.compat.no_done
