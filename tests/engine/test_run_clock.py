"""The clock of a run: it counts work, over all starts, and stands while the run rests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.metrics.run_clock import RunClock

STEPS = st.lists(st.tuples(st.sampled_from(["start", "stop", "wait"]), st.integers(0, 500)), max_size=40)


class Clock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


@given(STEPS, st.integers(0, 10_000))
def test_it_counts_what_passed_while_it_ran_and_never_goes_back(
    steps: list[tuple[str, int]], before: int
) -> None:
    clock = Clock()
    run_clock = RunClock(clock)
    run_clock.add(before)
    worked, runs, last = float(before), True, 0.0
    for what, seconds in steps:
        if what == "start":
            run_clock.start()
            runs = True
        elif what == "stop":
            run_clock.stop()
            runs = False
        clock.time += seconds
        worked += seconds if runs else 0
        assert run_clock() == pytest.approx(worked)
        assert run_clock() >= last
        assert run_clock.stands is not runs
        last = run_clock()


def test_what_was_taken_back_was_never_counted() -> None:
    clock = Clock()
    run_clock = RunClock(clock)
    run_clock.add(60)
    clock.time += 5
    run_clock.take_back()
    clock.time += 100
    assert (run_clock(), run_clock.stands) == (60.0, True)
    run_clock.start()
    clock.time += 7
    assert run_clock() == 67.0


def test_a_moment_before_the_last_start_counts_as_that_start() -> None:
    clock = Clock()
    run_clock = RunClock(clock)
    clock.time += 5
    run_clock.stop()
    clock.time += 100
    run_clock.start()
    assert run_clock.at(clock.time - 50) == 5.0
    assert run_clock.at(clock.time + 2) == 7.0
