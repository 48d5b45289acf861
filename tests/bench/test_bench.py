"""A bench: what its steps measure, when it stops, and what it says to keep."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.bench.figures import StepFigures, TimedCall, measure
from llmdash.bench.ladder import ladder, requests_of
from llmdash.bench.report import bench_record, bench_report, settings_lines, step_record
from llmdash.bench.verdict import BenchResult, Stop, harm_in


def step(concurrency: int, throughput: float, p50: float = 1.0, **more: int) -> StepFigures:
    return StepFigures(concurrency, 12, throughput, 10.0, p50, 1.2 * p50, **more)


def rounds(concurrency: int, count: int, latency_s: float) -> list[TimedCall]:
    """So many rounds of requests that all take the same time."""
    return [TimedCall((n + 1) * latency_s, latency_s, 5) for n in range(count) for _ in range(concurrency)]


def test_the_first_round_fills_a_step_and_the_others_are_its_throughput() -> None:
    figures = measure(4, rounds(4, 3, 0.5), 0.0)
    assert (figures.requests, figures.throughput, figures.tokens_per_s) == (12, 8.0, 40.0)
    assert (figures.p50, figures.p95) == (0.5, 0.5)


def test_what_was_sent_before_the_step_says_nothing_of_its_latency() -> None:
    figures = measure(1, [TimedCall(1.0, 9.0), TimedCall(2.0, 0.5), TimedCall(3.0, 0.5)], 0.0)
    assert (figures.p95, figures.throughput) == (0.5, 1.0)


def test_too_few_answers_tell_nothing() -> None:
    assert measure(4, rounds(4, 1, 0.5), 0.0).throughput is None
    assert measure(2, [TimedCall(1.0, None), TimedCall(2.0, None)], 0.0) == StepFigures(2, 2)


@given(st.integers(1, 600), st.integers(0, 5_000))
def test_the_steps_double_and_take_no_more_than_they_may(most: int, requests: int) -> None:
    steps = list(ladder(most, requests))
    assert sum(map(requests_of, steps)) <= requests
    assert all(after in (2 * before, most) for before, after in pairwise(steps))
    assert max(steps, default=0) <= most


@pytest.mark.parametrize(
    ("last", "stop"),
    [
        (step(2, 1.9), None),
        (step(2, 1.9, refused=1), Stop.REFUSED),
        (step(2, 1.9, errors=1), None),
        (step(2, 1.9, errors=2), Stop.ERRORS),
        (step(2, 1.05, 1.9), Stop.LATENCY),
        (step(2, 1.9, 1.9), None),
        (step(2, 1.05, 1.1), None),
    ],
)
def test_a_step_does_harm_by_429_by_failures_and_past_the_knee(last: StepFigures, stop: Stop | None) -> None:
    assert harm_in(last, [step(1, 1.0)]) is stop


def test_the_settings_to_keep_are_those_of_the_last_step_before_harm() -> None:
    bench = BenchResult((step(1, 0.99), step(2, 1.98), step(4, 3.0, refused=2)), Stop.REFUSED)
    kept = tomllib.loads("\n".join(settings_lines(bench)))
    assert kept == {"rate": "1.9/s", "concurrency": 2, "auto": True}
    assert bench_record(bench, attempts=30, cost=0.5) == {
        "type": "summary",
        "stop": "refused",
        "harm": True,
        "rate": 1.9,
        "concurrency": 2,
        "auto": True,
        "attempts": 30,
        "cost": 0.5,
    }


def test_without_harm_the_last_step_is_kept_and_how_to_try_more_is_said() -> None:
    bench = BenchResult((step(1, 0.99), step(2, 123.4)), Stop.REQUESTS)
    report = bench_report(bench)
    assert tomllib.loads("\n".join(settings_lines(bench))) == {"rate": "120/s", "concurrency": 2}
    assert "no limit was met; a higher --max-requests tries more\nwhat did no harm so far" in report


def test_harm_at_once_leaves_nothing_to_keep() -> None:
    bench = BenchResult((step(1, 0.9, errors=12),), Stop.ERRORS)
    assert bench.best is None and not settings_lines(bench)
    assert "no settings to keep" in bench_report(bench)
    assert bench_record(bench, attempts=12, cost=None)["rate"] is None


@given(st.lists(st.tuples(st.floats(0.001, 1e4), st.floats(0.001, 600.0)), max_size=10))
def test_the_curve_fits_a_terminal_whatever_was_measured(measured: Sequence[tuple[float, float]]) -> None:
    steps = tuple(step(2**n, done, waits) for n, (done, waits) in enumerate(measured))
    lines = bench_report(BenchResult(steps, Stop.REQUESTS)).splitlines()
    assert len(lines) >= len(steps) + 2
    assert all(len(line) <= 80 for line in lines[: len(steps) + 1])
    for each in steps:
        assert step_record(each)["concurrency"] == each.concurrency


def test_the_longest_bar_is_the_most_that_was_done() -> None:
    lines = bench_report(BenchResult((step(1, 5.0), step(2, 10.0)), Stop.REQUESTS)).splitlines()
    bars = [line.split("/s")[1].split()[0] for line in lines[1:3]]
    assert bars == ["█" * 10, "█" * 20]
