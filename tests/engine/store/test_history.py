"""The history of a run: what is kept is what the graphs showed, and damage to it does no harm."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.records import AnswerTimesRow, MomentRow, SampleRow
from llmdash.engine.model.timings import Timing
from llmdash.engine.model.view import SeriesView
from llmdash.engine.store.history import restore_history
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.series_steps import SeriesSpan
from llmdash.engine.store.store import Store
from llmdash.engine.store.time_series import TimeSeries

COLUMNS = ("sent", "tokens", "in_flight", "ttft_p50", "ttft_p95")
NAN = math.nan


class Record:
    """A journal with these moments and answers."""

    def __init__(self, moments: list[MomentRow], answers: list[AnswerTimesRow]) -> None:
        self._moments = moments
        self._answers = answers

    def moments(self) -> list[MomentRow]:
        return self._moments

    def answer_times(self, every: int) -> Iterator[AnswerTimesRow]:
        return iter(self._answers[::every])


NOTHING = Record([], [])


def empty() -> Store:
    store = Store(JobColumns(1, range(1)), lambda: 7.0)
    store.run_clock.stop()
    return store


def samples(seconds: int, seed: int = 1) -> list[SampleRow]:
    """The samples of a run of so many seconds."""
    chance = random.Random(seed)
    return [
        SampleRow(1e9 + second, float(second), 1, chance.randrange(1000), chance.randrange(64), 0, 0.2, 0.9)
        for second in range(1, seconds + 1)
    ]


def fact(seconds: int, **change: Any) -> Mapping[str, Any]:
    """What a version before samples kept of a run of so many seconds."""
    series = {
        "start_s": 0.5, "step_s": 1.0, "sent": [1] * seconds, "tokens": [30] * seconds,
        "in_flight": [8.0] * seconds, "ttft_p50": [0.25] * seconds, "ttft_p95": [None] * seconds,
        **change,
    }  # fmt: skip
    return {"history": json.dumps({"active_s": float(seconds), "series": series})}


@pytest.mark.case("engine", "done-run")
@pytest.mark.parametrize("seconds", [0, 1, 2, 90, 599, 700, 20_000])
def test_reopened_a_run_has_its_time_and_its_graphs(seconds: int) -> None:
    again, rows = empty(), samples(seconds)
    restore_history(again, {}, rows, NOTHING)
    part = again.time_series.part(SeriesView(10_000))
    assert again.run_clock() == pytest.approx(seconds)
    assert again.time_series.total_sent() == seconds
    assert again.time_series.total_tokens() == sum(row.tokens for row in rows)
    assert set(part.rate) <= {1.0}
    assert {round(p50 or 0, 6) for p50 in part.ttft.p50} <= {0.2}
    assert {round(p95 or 0, 6) for p95 in part.ttft.p95} <= {0.9}
    if part.step_s == 1.0:
        assert part.tokens_per_s == tuple(row.tokens for row in rows)[: len(part.rate)]
        assert part.in_flight == tuple(row.in_flight for row in rows)[: len(part.rate)]
        assert len(part.rate) == max(0, seconds - 1)


@pytest.mark.case("engine", "done-run")
def test_a_run_that_goes_on_continues_its_graphs_without_a_gap() -> None:
    again = empty()
    restore_history(again, {}, samples(90), NOTHING)
    again.time_series.sent(90.5)
    again.time_series.sent(91.5)
    assert again.time_series.part(SeriesView(1_000)).rate == (1.0,) * 91


def test_a_run_of_an_earlier_version_has_its_graphs_and_goes_on_with_samples() -> None:
    again = empty()
    restore_history(again, fact(50), [row for row in samples(60) if row.active_s > 50], NOTHING)
    assert again.run_clock() == 60.0
    assert again.time_series.total_sent() == 60
    part = again.time_series.part(SeriesView(1_000))
    assert part.rate[:49] == (1.0,) * 49
    assert part.tokens_per_s[:49] == (30.0,) * 49
    assert part.ttft.p95[:5] == (None,) * 5


@pytest.mark.parametrize(
    "text",
    [
        None, 7, b"\xff", "", "[]", "{}", "{", '{"active_s": -1, "series": {}}',
        '{"active_s": 1e999, "series": {}}',
        *[fact(5, **change)["history"] for change in (
            {"sent": [1]}, {"step_s": 0}, {"start_s": -5}, {"tokens": [-1] * 5}, {"in_flight": ["x"] * 5},
            dict.fromkeys(COLUMNS, [1] * 601),
        )],
    ],
)  # fmt: skip
def test_a_damaged_history_counts_as_none(text: object) -> None:
    store = empty()
    restore_history(store, {"history": text}, [], NOTHING)
    assert store.run_clock() == 0.0
    assert store.time_series.part(SeriesView(100)).rate == ()


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    store = empty()
    restore_history(store, {"history": text}, [], NOTHING)
    assert store.run_clock() == 0.0


ANYTHING: Any = st.one_of(st.none(), st.text(max_size=3), st.binary(max_size=3), st.integers(), st.floats())


@given(st.lists(st.tuples(*[ANYTHING] * len(SampleRow._fields)), max_size=8))
def test_no_damage_to_the_samples_breaks_it(rows: list[tuple[Any, ...]]) -> None:
    store = empty()
    restore_history(store, {}, [SampleRow._make(row) for row in rows], NOTHING)
    assert 0 <= store.run_clock() < math.inf
    assert len(store.time_series.part(SeriesView(10_000)).rate) < 600


def test_series_that_were_restored_can_be_merged_further() -> None:
    series = TimeSeries()
    series.restore([SeriesSpan(second, second + 1.0, 1) for second in range(599)])
    series.sent(10_000.5)
    assert series.total_sent() == 600
    assert len(series.part(SeriesView(1_000)).rate) <= 600


def test_what_happened_over_several_steps_is_divided_among_them() -> None:
    series = TimeSeries()
    series.restore([SeriesSpan(0.0, 10.0, 100, 35), SeriesSpan(10.0, 11.0, 7, 7)])
    part = series.part(SeriesView(1_000))
    assert part.rate == (10.0,) * 10
    assert set(part.tokens_per_s) == {3.0, 4.0}
    assert (series.total_sent(), series.total_tokens()) == (107, 42)


def test_the_times_of_answers_are_restored_where_these_were_complete() -> None:
    """In place of what stands in for them: a sample says only their p50 and their p95."""
    again, rows = empty(), [SampleRow(1_000.0 + second, float(second), sent=1) for second in range(1, 9)]
    answers = [AnswerTimesRow(1_004.5, 0.25, 2.0, 11, 0.5), AnswerTimesRow(1_006.5, None, 4.0, None, None)]
    restore_history(again, {}, rows, Record([], answers))
    part = again.time_series.whole(SeriesView(100, times=tuple(Timing)), 8.0)
    assert part.latency.p99 == (None, None, None, None, 2.0, None, 4.0, None)
    assert part.waited.p50[4] == 0.5
    assert part.itl.p50[4] == pytest.approx(0.175)
    assert part.tps.p50[4] == pytest.approx(11 / 1.75)
    assert part.ttft.p50 == (None, None, 0.25, None, None, None, None, None)


def test_marks_are_restored_at_the_seconds_of_work() -> None:
    """The time in which the clock of the run stood is left out."""
    again = empty()
    rows = [SampleRow(1_001.0, 1.0, sent=1), SampleRow(1_002.0, 2.0, sent=1), SampleRow(1_099.0, 3.0, sent=1)]
    moments = [MomentRow(1_000.2, "rate", None, "15.0"), MomentRow(1_098.5, "rate", None, "20.0")]
    restore_history(again, {}, rows, Record(moments, []))
    (mark,) = again.marks.between(0.0, 9.0)
    assert mark.at_s == pytest.approx(2.5)
    assert mark.detail == "15→20/s"
