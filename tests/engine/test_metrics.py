"""Windows and percentiles."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.metrics.histogram import LogHistogram
from llmdash.engine.metrics.windows import RollingCounter, SecondsWindow

moments = st.lists(st.tuples(st.floats(0.0, 100.0), st.integers(1, 50)), max_size=40)


@given(moments, st.floats(0.0, 200.0))
def test_a_rolling_counter_holds_the_last_minute(steps: list[tuple[float, int]], pause: float) -> None:
    counter, now = RollingCounter(60), 1_000.0
    added: list[tuple[int, int]] = []
    for wait, amount in steps:
        now += wait
        counter.add(now, amount)
        added.append((int(now), amount))
        counter.total(now)
    now += pause
    expected = [sum(n for at, n in added if at == int(now) - back) for back in range(59, -1, -1)]
    assert counter.series(now, 60) == tuple(expected)
    assert counter.series(now, 30) == tuple(expected[30:])
    assert counter.total(now) == sum(expected)
    assert counter.total(now) == sum(expected), "asking changes nothing"


def test_a_window_gives_the_rate_over_the_time_it_really_spans() -> None:
    window = SecondsWindow(10.0)
    assert window.rate(5.0) == 0.0
    for step in range(200):
        window.add(100.0 + step * 0.1)
    assert window.rate(120.0) == pytest.approx(10.0, rel=0.02)
    assert window.rate(125.0) == pytest.approx(5.0, rel=0.05)
    assert window.rate(1_000.0) == 0.0


def test_a_young_window_does_not_boast() -> None:
    window = SecondsWindow(10.0)
    window.add(100.0, 7)
    assert window.rate(100.001) == 7.0


@given(st.lists(st.floats(1e-3, 1e4), min_size=1, max_size=200), st.sampled_from([0.01, 0.5, 0.95, 1.0]))
def test_a_percentile_is_within_a_hundredth_of_the_truth(values: list[float], share: float) -> None:
    histogram = LogHistogram()
    for value in values:
        histogram.add(value)
    place = next(n for n in range(1, len(values) + 1) if n >= share * len(values))
    assert histogram.percentile(share) == pytest.approx(sorted(values)[place - 1], rel=0.0101)


def test_a_histogram_bears_nonsense() -> None:
    histogram = LogHistogram()
    assert histogram.percentile(0.5) is None
    for value in (float("nan"), float("inf"), float("-inf")):
        histogram.add(value)
    assert histogram.percentile(0.5) is None
    histogram.add(-1.0)
    histogram.add(0.0)
    assert (histogram.percentile(0.5) or 1.0) < 1e-5


def test_a_histogram_of_a_million_values_stays_small() -> None:
    histogram, rng = LogHistogram(), random.Random(1)
    for _ in range(100_000):
        histogram.add(rng.lognormvariate(0.0, 1.0))
    assert histogram.percentile(0.5) == pytest.approx(1.0, rel=0.02)
    assert histogram.percentile(0.95) == pytest.approx(5.18, rel=0.03)
