"""Delays, faults and repetitions: seeded, and close to what was asked for."""

from __future__ import annotations

import itertools
import random
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.simulator.answers import Question
from llmdash.simulator.behaviour import Behaviour, Rhythm
from llmdash.simulator.settings import SimulatorSettings


def question(text: str, stream: bool = False) -> Question:
    return Question("m", (("user", text),), stream=stream)


@pytest.mark.parametrize("chunks", [1, 2, 20, 80])
def test_the_mean_time_to_the_end_is_the_latency(chunks: int) -> None:
    rng = random.Random(1)
    rhythm = Rhythm(0.4, 0.35)
    times = [rhythm.draw(rng, chunks) for _ in range(6_000)]
    assert statistics.fmean(each[-1] for each in times) == pytest.approx(0.4, rel=0.02)
    share = 1.0 if chunks == 1 else 0.35
    assert statistics.fmean(each[0] for each in times) == pytest.approx(0.4 * share, rel=0.02)


def test_first_chunks_have_the_long_tail_of_a_real_model() -> None:
    rng = random.Random(1)
    first = sorted(Rhythm(1.0, 0.35).draw(rng, 5)[0] for _ in range(4_000))
    median, late = first[2_000], first[3_800]
    assert 1.6 < late / median < 2.8


def test_gaps_are_uneven_with_now_and_then_a_pause() -> None:
    rng = random.Random(1)
    times = Rhythm(1.0, 0.35).draw(rng, 1_000)
    gaps = sorted(later - earlier for earlier, later in itertools.pairwise(times))
    median = gaps[500]
    assert gaps[100] < 0.6 * median
    assert gaps[-1] > 6 * median


@given(st.floats(min_value=0, max_value=100), st.integers(min_value=1, max_value=200), st.integers())
def test_times_rise_and_are_never_negative(mean: float, chunks: int, seed: int) -> None:
    times = Rhythm(mean, 0.35).draw(random.Random(seed), chunks)
    assert len(times) == chunks
    assert list(times) == sorted(times)
    assert times[0] >= 0


def test_no_latency_means_no_delay_at_all() -> None:
    assert Rhythm(0.0, 0.35).draw(random.Random(1), 5) == (0.0,) * 5


def test_a_question_is_answered_the_same_whole_and_in_chunks() -> None:
    behaviour = Behaviour(SimulatorSettings(seed=3))
    for text in ("Hello!", "1 + 2 x 3 as JSON", "Why?", "Hello!"):
        whole = behaviour.plan(question(text), 0.0)
        streamed = behaviour.plan(question(text, stream=True), 0.0)
        assert whole == streamed


def test_the_seed_decides_everything() -> None:
    def answers(seed: int) -> list[str]:
        behaviour = Behaviour(SimulatorSettings(seed=seed))
        return [behaviour.plan(question("Tell me of the sea"), 0.3).answer.text for _ in range(20)]

    assert answers(1) == answers(1)
    assert answers(1) != answers(2)
    assert answers(-5) != answers(5)


def test_the_same_prompt_is_answered_in_many_ways() -> None:
    behaviour = Behaviour(SimulatorSettings())
    answers = {behaviour.plan(question("Hello, how are you?"), 0.0).answer.text for _ in range(10)}
    assert len(answers) >= 6


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.3, 1.0])
def test_errors_come_at_their_rate(rate: float) -> None:
    behaviour = Behaviour(SimulatorSettings())
    failed = sum(behaviour.plan(question(f"number {n}"), rate).fails for n in range(4_000))
    assert failed / 4_000 == pytest.approx(rate, abs=0.02)


def test_a_request_that_failed_may_succeed_when_it_is_sent_again() -> None:
    behaviour = Behaviour(SimulatorSettings())
    outcomes = {behaviour.plan(question("again"), 0.5).fails for _ in range(40)}
    assert outcomes == {True, False}


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"keys": ()}, "keys"),
        ({"keys": ("a", "")}, "keys"),
        ({"keys": ("a", "a")}, "keys"),
        ({"rpm": -1}, "rpm"),
        ({"tpm": -1}, "tpm"),
        ({"tpm": float("inf")}, "tpm"),
        ({"latency": float("nan")}, "latency"),
        ({"latency": float("inf")}, "latency"),
        ({"error_rate": 1.5}, "error_rate"),
        ({"wrong_rate": -0.1}, "wrong_rate"),
        ({"first_share": 2}, "first_share"),
        ({"seed": 2**64}, "seed"),
        ({"batch_speed": 0}, "batch_speed"),
        ({"batch_speed": float("inf")}, "batch_speed"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fields: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        SimulatorSettings(**fields)
