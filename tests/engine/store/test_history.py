"""The history of a run: what is kept is what the graphs showed, and damage to it does no harm."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.store.history import history_text, restore_history
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import Store
from llmdash.engine.store.time_series import TimeSeries

COLUMNS = ("sent", "tokens", "in_flight", "ttft_p50", "ttft_p95")


def empty() -> Store:
    store = Store(JobColumns(1, range(1)), lambda: 7.0)
    store.run_clock.stop()
    return store


def played(seconds: int, seed: int = 1) -> Store:
    """A store with the series of a run of so many seconds."""
    chance = random.Random(seed)
    store = empty()
    store.run_clock.add(seconds)
    for second in range(seconds):
        at = second + 0.5
        store.time_series.sent(at)
        store.time_series.tokens(at, chance.randrange(1000))
        store.time_series.sample(at, chance.randrange(64))
        for _ in range(chance.randrange(3)):
            store.time_series.first_token(at, chance.random() * 3)
    return store


@pytest.mark.case("engine", "done-run")
@pytest.mark.parametrize("seconds", [0, 1, 2, 90, 700, 20_000])
def test_reopened_a_run_has_its_time_and_its_graphs(seconds: int) -> None:
    store, again = played(seconds), empty()
    restore_history(again, history_text(store))
    assert again.run_clock() == pytest.approx(seconds)
    before, after = store.time_series.part(10_000), again.time_series.part(10_000)
    assert (after.step_s, after.rate) == (before.step_s, before.rate)
    assert after.tokens_per_s == before.tokens_per_s
    assert after.in_flight == pytest.approx(before.in_flight, rel=1e-3)
    for name in ("ttft_p50", "ttft_p95"):
        for one, other in zip(getattr(before, name), getattr(after, name), strict=True):
            assert other == (None if one is None else pytest.approx(one, rel=1e-3))
    assert again.time_series.total_sent() == seconds


@pytest.mark.case("engine", "done-run")
def test_a_run_that_goes_on_continues_its_graphs_without_a_gap() -> None:
    again = empty()
    restore_history(again, history_text(played(90)))
    again.time_series.sent(90.5)
    again.time_series.sent(91.5)
    assert again.time_series.part(1_000).rate == (1.0,) * 91


def test_however_long_the_run_its_history_is_small() -> None:
    assert len(history_text(played(100_000))) < 32_000


def damaged(change: dict[str, Any]) -> str:
    history = json.loads(history_text(played(5)))
    history["series"].update(change)
    return json.dumps(history)


@pytest.mark.parametrize(
    "text",
    [
        None, 7, b"\xff", "", "[]", "{}", "{", '{"active_s": -1, "series": {}}',
        '{"active_s": 1e999, "series": {}}',
        damaged({"sent": [1]}), damaged({"step_s": 0}), damaged({"start_s": -5}),
        damaged({"tokens": [-1] * 5}),
        damaged({"in_flight": ["x"] * 5}), damaged(dict.fromkeys(COLUMNS, [1] * 601)),
    ],
)  # fmt: skip
def test_a_damaged_history_counts_as_none(text: object) -> None:
    store = empty()
    restore_history(store, text)
    assert store.run_clock() == 0.0
    assert store.time_series.part(100).rate == ()


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    restore_history(empty(), text)


def test_series_that_were_restored_can_be_merged_further() -> None:
    series = TimeSeries()
    series.restore(played(599).time_series.record())
    series.sent(10_000.5)
    assert series.total_sent() == 600
    assert len(series.part(1_000).rate) <= 600
