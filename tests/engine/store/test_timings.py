"""Percentiles of what was measured of answers, by key, endpoint and model."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.metrics.histogram import LogHistogram
from llmdash.engine.metrics.times_sample import TimesSample
from llmdash.engine.model.frame import HistogramPart, Percentiles
from llmdash.engine.model.timings import AnswerTimes, Grouping, Timing
from llmdash.engine.model.view import TimingView
from llmdash.engine.store.timings import SHARES, Source, Timings

WITHIN = 0.0102
"""What a bucket of 2 % is off by at most."""
SECONDS = st.floats(1e-4, 1e5)


def ranked(values: list[float], share: float) -> float:
    """The least value that at least this share of the values are not above."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def test_itl_and_tps_are_what_wire_md_says() -> None:
    times = AnswerTimes.of(0.5, 2.5, 21, 0.1)
    assert list(times) == pytest.approx([0.5, 2.5, 0.1, 0.1, 10.5])


@pytest.mark.parametrize("tokens", [None, 0, 1])
def test_itl_is_undefined_below_two_tokens(tokens: int | None) -> None:
    assert AnswerTimes.of(0.5, 2.5, tokens, 0.1).itl_s is None


def test_an_answer_fetched_whole_has_a_latency_alone() -> None:
    assert AnswerTimes.of(None, 2.5, 21, 0.1) == AnswerTimes(None, 2.5, None, 0.1, None)


@given(st.lists(SECONDS, min_size=1, max_size=300))
def test_percentiles_are_those_of_the_sorted_values_within_a_bucket(values: list[float]) -> None:
    timings = Timings()
    for value in values:
        timings.add(Source("k", "e", "m"), AnswerTimes(latency_s=value))
    found = timings.part(TimingView()).whole.latency
    for share, one in zip(SHARES, (found.p50, found.p90, found.p95, found.p99), strict=True):
        assert one == pytest.approx(ranked(values, share), rel=WITHIN)


@given(st.lists(st.tuples(st.sampled_from("abc"), SECONDS), max_size=200))
def test_one_by_one_or_all_at_once_they_are_the_same(answers: list[tuple[str, float]]) -> None:
    single, bulk = Timings(), Timings()
    of_key: dict[str, list[AnswerTimes]] = {}
    for key, value in answers:
        times = AnswerTimes.of(value / 2, value, 9, value / 3)
        single.add(Source(key, "e", "m"), times)
        of_key.setdefault(key, []).append(times)
    for key, many in of_key.items():
        bulk.add_all(Source(key, "e", "m"), many)
    for by in Grouping:
        assert single.part(TimingView(by)) == bulk.part(TimingView(by)) == bulk.copy().part(TimingView(by))


def test_groups_are_told_apart_and_the_largest_is_first() -> None:
    timings = Timings()
    for number in range(30):
        key = ("a", "b", "b")[number % 3]
        timings.add(
            Source(key, "east" if key == "a" else "west", "m"), AnswerTimes(latency_s=1.0 + (key == "b"))
        )
    rows = timings.part(TimingView(Grouping.KEY)).rows
    assert [(row.name, row.answers) for row in rows] == [("b", 20), ("a", 10)]
    assert [row.latency.p50 for row in rows] == [
        pytest.approx(2.0, rel=WITHIN),
        pytest.approx(1.0, rel=WITHIN),
    ]
    assert [row.name for row in timings.part(TimingView(Grouping.ENDPOINT)).rows] == ["west", "east"]
    assert [row.answers for row in timings.part(TimingView(Grouping.MODEL)).rows] == [30]
    assert [row.name for row in timings.part(TimingView()).rows] == ["all"]


def test_without_answers_nothing_is_known() -> None:
    part = Timings().part(TimingView(Grouping.KEY))
    assert part.rows == ()
    assert part.whole.latency == Percentiles()
    assert part.histogram(Timing.TTFT) == HistogramPart()


def test_keys_without_end_are_in_flat_memory() -> None:
    timings = Timings()
    for number in range(2_000):
        timings.add(Source(f"k{number}", "e", "m"), AnswerTimes(latency_s=1.0))
    assert len(timings._of) <= 257
    assert timings.part(TimingView(Grouping.MODEL)).whole.answers == 2_000


@given(st.lists(SECONDS, min_size=1, max_size=100), st.integers(1, 60))
def test_the_bars_of_a_histogram_hold_every_value_once(values: list[float], most: int) -> None:
    histogram = LogHistogram()
    histogram.add_all(values)
    edges, counts = histogram.bars(most)
    assert len(counts) <= most
    assert len(edges) == len(counts) + 1
    assert sum(counts) == histogram.total == len(values)
    assert edges[0] <= min(values) * 1.0001
    assert edges[-1] >= max(values) * 0.9999


@given(st.lists(SECONDS, min_size=1, max_size=200))
def test_a_sample_of_few_has_their_percentiles(values: list[float]) -> None:
    sample = TimesSample()
    for value in values:
        sample.add(value)
    ordered = sorted(values)
    for share, found in zip((0.50, 0.95, 0.99), sample.shares, strict=True):
        assert found == pytest.approx(ordered[min(len(ordered) - 1, int(share * len(ordered)))], rel=1e-6)


def test_a_sample_of_many_is_of_all_parts_of_a_step() -> None:
    """Not of the first ones alone."""
    sample = TimesSample()
    for number in range(100_000):
        sample.add(float(number))
    assert list(sample.shares) == pytest.approx([50_000, 95_000, 99_000], rel=0.02)
    assert len(sample._times) <= 200


def test_samples_that_are_merged_weigh_as_much_as_they_are_of() -> None:
    few, many = TimesSample(), TimesSample()
    few.add(9.0)
    for _ in range(10_000):
        many.add(1.0)
    assert few.merged(many).shares.p50 == many.merged(few).shares.p50 == 1.0


def test_percentiles_on_record_are_given_back_until_times_are_known() -> None:
    sample = TimesSample()
    for _ in range(50):
        sample.stand_in(0.2, 0.9)
    assert list(sample.shares[:2]) == pytest.approx([0.2, 0.9])
    sample.add(0.5)
    assert sample.shares.p95 == 0.5


def test_every_metric_has_a_place_in_a_row() -> None:
    timings = Timings()
    timings.add(Source(), AnswerTimes.of(0.5, 2.5, 21, 0.25))
    row = timings.part(TimingView()).rows[0]
    found = [row.times(metric).p50 for metric in Timing]
    assert found == [pytest.approx(value, rel=WITHIN) for value in (0.5, 2.5, 0.1, 0.25, 10.5)]
