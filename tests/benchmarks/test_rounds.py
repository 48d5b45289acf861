"""Rounds of `just bench`: every step in each, but for those that take long or cannot be measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.__main__ import Rounds
from tests.benchmarks.cases import CASES
from tests.benchmarks.cases.case import Case, Step
from tests.benchmarks.figures import RATE, Row
from tests.benchmarks.measurements import Measurements

Measure = Callable[[Measurements], Mapping[Row, float]]


def noted(order: list[str], name: str) -> Measure:
    def measure(_measurements: Measurements) -> Mapping[Row, float]:
        order.append(name)
        return {Row("work", name, RATE): 1.0}

    return measure


def hangs(_measurements: Measurements) -> Mapping[Row, float]:
    raise AssertionError("waited in vain for the first answers\nmore")


def measured(steps: tuple[Step, ...], rounds: int, folder: Path) -> Rounds:
    found = Rounds([Case("one", "", steps), Case("two", "", steps[:1])])
    with ExitStack() as resources:
        found.measure(Measurements(folder, "", 1.0, resources), rounds)
    return found


def test_every_other_round_is_in_the_reverse_order_and_a_shared_step_once_in_each(tmp_path: Path) -> None:
    order: list[str] = []
    steps = tuple(Step(name, noted(order, name)) for name in "abc")
    measured(steps, 3, tmp_path)
    assert "".join(order) == "abccbaabc"


def test_what_takes_long_is_measured_in_the_first_rounds_only(tmp_path: Path) -> None:
    order: list[str] = []
    measured((Step("a", noted(order, "a")), Step("b", noted(order, "b"), rounds=1)), 3, tmp_path)
    assert "".join(order) == "abaa"


def test_what_hangs_is_a_line_and_the_others_are_measured(tmp_path: Path) -> None:
    order: list[str] = []
    found = measured((Step("a", hangs), Step("b", noted(order, "b"))), 2, tmp_path)
    assert found.missing == {"a": "waited in vain for the first answers"}
    assert order == ["b", "b"]


def test_every_goal_is_of_a_case_that_has_steps() -> None:
    assert all(case.steps and case.name == name for name, case in CASES.items())
