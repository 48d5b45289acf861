"""What limits the rate is a word that can be read: it does not flicker."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.frames.steady import HOLD_S, SteadyBinding
from llmdash.engine.model.states import Binding

GENTLE = [Binding.RATE, Binding.CONCURRENCY, Binding.LATENCY]


@pytest.mark.case("screen", "what-binds")
def test_a_word_changes_once_it_has_been_wrong_for_two_seconds() -> None:
    steady = SteadyBinding()
    assert steady.follow(Binding.RATE, 0.0) is Binding.RATE
    assert steady.follow(Binding.CONCURRENCY, 1.9) is Binding.RATE
    assert steady.follow(Binding.CONCURRENCY, 2.1) is Binding.CONCURRENCY


@pytest.mark.parametrize("event", [None, Binding.PAUSE])
def test_after_a_start_the_first_limit_that_is_met_is_shown_at_once(event: Binding | None) -> None:
    steady = SteadyBinding()
    if event is not None:
        steady.follow(Binding.CONCURRENCY, 0.0)
        steady.happens(event)
    assert steady.follow(Binding.LATENCY, 5.0) is Binding.LATENCY
    assert steady.follow(Binding.RATE, 5.1) is Binding.RATE
    assert steady.follow(Binding.LATENCY, 5.2) is Binding.RATE


@pytest.mark.case("screen", "what-binds")
def test_two_that_alternate_leave_the_word_as_it_is() -> None:
    steady = SteadyBinding()
    shown = {steady.follow([Binding.CONCURRENCY, Binding.LATENCY][step % 2], step / 4) for step in range(100)}
    assert shown == {Binding.CONCURRENCY}


def test_a_word_that_is_never_true_goes_though_others_alternate() -> None:
    steady = SteadyBinding()
    steady.follow(Binding.RATE, 0.0)
    for step in range(12):
        shown = steady.follow([Binding.CONCURRENCY, Binding.LATENCY][step % 2], step / 4)
    assert shown is not Binding.RATE


def test_an_event_is_shown_at_once_and_so_is_its_end() -> None:
    steady = SteadyBinding()
    steady.follow(Binding.RATE, 0.0)
    assert steady.happens(Binding.PAUSE) is Binding.PAUSE
    assert steady.follow(Binding.RATE, 0.2) is Binding.RATE


def test_a_replay_shows_what_is_true_at_each_moment() -> None:
    steady = SteadyBinding(hold_s=0.0)
    assert steady.follow(Binding.RATE, 100.0) is Binding.RATE
    assert steady.follow(Binding.CONCURRENCY, 100.1) is Binding.CONCURRENCY
    steady.follow(Binding.RATE, 100.0)
    assert steady.follow(Binding.CONCURRENCY, 3.0) is Binding.CONCURRENCY


@given(st.lists(st.tuples(st.sampled_from(GENTLE), st.floats(0.01, 3.0)), min_size=1, max_size=60))
def test_no_word_changes_sooner_than_two_seconds_after_it_was_true(
    steps: list[tuple[Binding, float]],
) -> None:
    steady, now, true_at, before, met = SteadyBinding(), 0.0, 0.0, None, False
    for binding, later in steps:
        now += later
        shown = steady.follow(binding, now)
        if before is not None and shown is not before:
            assert now - true_at >= HOLD_S or (before is Binding.LATENCY and not met)
        met = met or binding is not Binding.LATENCY
        if binding is shown:
            true_at = now
        before = shown
