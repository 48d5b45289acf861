"""Columns that fit, and the stops of a logarithmic scale."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.ui.charts.log_scale import LogScale
from llmdash.ui.tables.columns import Column, place
from llmdash.ui.tables.job_columns import DESCRIPTIONS, INPUT, JobWidths, job_columns

RATE = LogScale(0.1, 1000, unlimited=True)
CONCURRENCY = LogScale(1, 512, integral=True)
RATES = st.floats(min_value=0.1, max_value=1000)


COLUMNS = st.lists(
    st.sampled_from([*DESCRIPTIONS, f"{INPUT}date", f"{INPUT}a long name of a field"]), unique=True
)


@given(
    COLUMNS,
    st.builds(JobWidths, st.integers(9, 24), st.integers(4, 12), st.integers(0, 12), st.integers(10, 18)),
    st.integers(min_value=0, max_value=250),
)
def test_whatever_columns_are_chosen_they_never_overlap_or_stick_out(
    names: list[str], widths: JobWidths, width: int
) -> None:
    end = 0
    for placed in place(job_columns(names, widths), width):
        assert placed.x >= end
        assert placed.width <= placed.column.most
        end = placed.x + placed.width + placed.column.gap
        assert placed.x + placed.width <= width


@given(COLUMNS, st.integers(min_value=40, max_value=250))
def test_the_id_and_the_state_are_there_wherever_they_were_chosen(names: list[str], width: int) -> None:
    shown = [placed.column.key for placed in place(job_columns(names, JobWidths(12, 4, 0, 12)), width)]
    assert {"id", "state"} & set(names) <= set(shown)
    assert [name for name in shown if name in names] == [name for name in names if name in shown]


def test_columns_of_low_priority_vanish_first() -> None:
    priorities = {"a": 0, "b": 1, "c": 2, "d": 0}
    columns = [Column(key, key, 4, priority=priority) for key, priority in priorities.items()]
    assert [placed.column.key for placed in place(columns, 19)] == ["a", "b", "c", "d"]
    assert [placed.column.key for placed in place(columns, 18)] == ["a", "b", "d"]
    assert [placed.column.key for placed in place(columns, 13)] == ["a", "d"]


def test_flexible_columns_share_the_rest() -> None:
    columns = (Column("a", "a", 4), Column("b", "b", 4, flex=1), Column("c", "c", 4, flex=3))
    assert [placed.width for placed in place(columns, 34)] == [4, 9, 19]


def test_twenty_steps_are_a_decade() -> None:
    assert RATE.step(1.0, 20) == 10.0
    assert RATE.step(10.0, -20) == 1.0
    assert [RATE.step(1.0, steps) for steps in (1, 2, 3, 10)] == [1.1, 1.3, 1.4, 3.2]


@given(RATES)
def test_a_step_up_is_larger_and_a_step_down_smaller(value: float) -> None:
    up, down = RATE.step(value, 1), RATE.step(value, -1)
    assert up is None or up > value or value == RATE.maximum
    assert down is not None
    assert down < value or value == RATE.minimum


@given(st.integers(min_value=1, max_value=512))
def test_whole_numbers_stay_whole_and_move(value: int) -> None:
    for moved in (CONCURRENCY.step(value, 1), CONCURRENCY.percent(value, 1)):
        assert moved is not None
        assert moved == round(moved)
        assert moved > value or value == 512


def test_past_the_maximum_there_is_no_limit_only_where_that_is_possible() -> None:
    assert RATE.step(1000, 1) is None
    assert RATE.step(None, 1) is None
    assert RATE.step(None, -1) == 1000
    assert RATE.decade(1000, 1) is None
    assert RATE.percent(None, -1) == 1000
    assert CONCURRENCY.step(512, 1) == 512


@given(st.floats(min_value=-1, max_value=2))
def test_every_place_on_the_track_has_a_value_near_it(fraction: float) -> None:
    value = RATE.at(fraction)
    assert RATE.minimum <= value <= RATE.maximum
    assert RATE.fraction(value) == pytest.approx(min(1, max(0, fraction)), abs=0.01)


@pytest.mark.parametrize(
    ("text", "value"),
    [("42", 42.0), ("0.05", 0.1), ("5.", 5.0), ("1e9", 1000.0), ("inf", None), ("max", None)],
)
def test_a_typed_value_is_held_on_the_scale(text: str, value: float | None) -> None:
    assert RATE.parse(text) == value


def test_a_typed_value_without_meaning_is_refused() -> None:
    for text in ("", "nan", "Infinity", "12x", "0", "0.0", "-1"):
        with pytest.raises(ValueError):
            RATE.parse(text)
    with pytest.raises(ValueError, match=r"type 1 to 512$"):
        CONCURRENCY.parse("0")
    assert CONCURRENCY.parse("max") == CONCURRENCY.parse("inf") == 512


def test_the_decades_between_the_ends_are_ticks() -> None:
    assert RATE.decades() == [1.0, 10.0, 100.0]
    assert CONCURRENCY.decades() == [10.0, 100.0]
