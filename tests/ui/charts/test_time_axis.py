"""The time axis: columns, ticks, and where values lie on it."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmdash.ui.charts.line_plot import Curve, Scale, axis_labels, plot_rows
from llmdash.ui.charts.marks_line import axis_line, labels_line, legend_line, words_below
from llmdash.ui.charts.measures import axis_seconds, short_number
from llmdash.ui.charts.time_axis import TimeAxis, moment, place
from llmdash.ui.charts.window import WHOLE, Window
from tests.ui.fake_session import MARKS

SECONDS = st.floats(0.0, 1e8)
COLUMNS = st.integers(1, 250)
VALUES = st.lists(st.none() | st.floats(), max_size=80)


@pytest.mark.case("screen", "graph-width")
@given(SECONDS, COLUMNS)
@example(100_000.0, 100)
def test_all_of_a_run_that_goes_on_is_on_its_axis_and_at_least_half_of_that_is_used(
    end_s: float, columns: int
) -> None:
    axis = TimeAxis.growing(end_s, columns)
    assert axis.end_s >= end_s
    assert axis.column_s == 0.25 or axis.end_s / 2 < end_s


@given(SECONDS, st.floats(0.01, 1e8), COLUMNS)
def test_ticks_are_apart_and_their_labels_are_not_cut(begin_s: float, span_s: float, columns: int) -> None:
    axis = TimeAxis.fitted(begin_s, begin_s + span_s, columns)
    ticks = axis.ticks()
    assert len(ticks) <= columns / 9 + 2
    assert [column for column, _ in ticks] == sorted({column for column, _ in ticks})
    drawn = labels_line(axis, 8)
    assert len(drawn) == columns + 8
    assert set(drawn.split()) <= {label for _, label in ticks}
    assert len(axis_line(axis, MARKS, 0)) == columns


def test_a_run_of_a_day_has_hours_on_its_axis() -> None:
    axis = TimeAxis.growing(100_000.0, 96)
    assert [label for _, label in axis.ticks()][:3] == ["0:00", "6:00:00", "12:00:00"]


def test_a_moment_is_written_with_the_units_that_it_needs() -> None:
    assert [moment(at) for at in (0.0, 88.2, 3723.0, 100_000.0, 5e5)] == [
        "0:00", "1:28", "1:02:03", "27:46:40", "5d18h"
    ]  # fmt: skip
    assert moment(88.27, 0.1) == "1:28.2"


@given(SECONDS, COLUMNS, st.data())
def test_the_middle_of_a_column_is_in_it(end_s: float, columns: int, data: st.DataObject) -> None:
    axis = TimeAxis.growing(end_s, columns)
    column = data.draw(st.integers(0, columns - 1))
    assert axis.column(axis.middle(column)) == column
    assert axis.column(axis.end_s) == columns - 1
    assert axis.column(-1.0) is None


@given(VALUES, st.floats(0.0, 1e6), st.sampled_from((0.5, 1.0, 2.0, 64.0)), SECONDS, COLUMNS)
def test_values_on_an_axis_are_known_and_within_their_range(
    values: list[float | None], begin_s: float, step_s: float, end_s: float, columns: int
) -> None:
    axis = TimeAxis.growing(end_s, columns)
    placed = place(values, begin_s, step_s, begin_s + len(values) * step_s, axis)
    assert len(placed) == 2 * columns
    known = [value for value in values if value is not None and abs(value) < 1e300]
    for value in placed:
        if value is not None and known and math.isfinite(value) and len(known) == len(values):
            slack = 1e-9 * max(map(abs, known)) + math.ulp(0.0) * len(known)
            assert min(known) - slack <= value <= max(known) + slack


def test_each_step_is_a_dot_where_they_are_as_long_and_gaps_stay_gaps() -> None:
    axis = TimeAxis(0.0, 2.0, 4)
    placed = place([1.0, 2.0, None, 4.0], 0.25, 1.0, 4.25, axis)
    assert placed == [1.0, 2.0, None, 4.0, None, None, None, None]


def test_many_steps_in_a_dot_are_their_mean_and_a_long_step_is_many_dots() -> None:
    assert place([1.0, 3.0, 5.0, 7.0], 0.0, 1.0, 4.0, TimeAxis(0.0, 4.0, 1)) == [2.0, 6.0]
    assert place([1.0, 3.0], 0.0, 2.0, 4.0, TimeAxis(0.0, 1.0, 5)) == [1.0] * 4 + [3.0] * 4 + [None] * 2


@given(VALUES, VALUES)
def test_a_scale_holds_what_is_measured_and_is_never_out_of_the_world(
    values: list[float | None], levels: list[float | None]
) -> None:
    measured = [value for value in values if value is None or not math.isfinite(value) or abs(value) < 1e300]
    top = Scale.of([Curve(measured, "line")], levels).top
    known = [value for value in measured if value is not None and math.isfinite(value)]
    assert top > 0
    assert all(value <= top for value in known)


def test_a_set_value_far_above_all_that_is_measured_does_not_flatten_the_line() -> None:
    curve = Curve([10.0, 20.0], "line")
    assert Scale.of([curve], [30.0]).top >= 30.0
    assert Scale.of([curve], [1_000.0]).top == 25.0


def test_the_set_value_and_the_cursor_are_drawn_where_the_line_leaves_a_cell_free() -> None:
    rows = plot_rows([Curve([5.0, 5.0, 5.0, 5.0, None, None], "line")], 4, 3, Scale(10.0), [5.0, 9.0, 9.0], 2)
    texts = ["".join(text for text, _ in row) for row in rows]
    assert texts[0] == " ┈┊"
    assert texts[1:3] != ["   ", "   "]
    assert [row[2] for row in rows] == [("┊", "cursor")] * 4
    assert len(rows) == 4


@pytest.mark.case("screen", "small-plots")
def test_an_axis_has_its_highest_and_its_lowest_and_where_there_is_room_the_middle() -> None:
    assert axis_labels(7, Scale(25.0), short_number, 7)[::3] == ["     25┤", "   12.5┤", "      0┤"]
    assert axis_labels(3, Scale(2.0), axis_seconds, 5) == ["   2s┤", "     │", "    0┤"]
    assert axis_labels(1, Scale(0.4), axis_seconds, 5) == ["400ms┤"]


@pytest.mark.parametrize("width", [0, 5, 30, 80, 200])
def test_words_of_marks_are_whole_and_fit(width: int) -> None:
    axis = TimeAxis.growing(200.0, max(1, width))
    for cells in (legend_line(MARKS, width), words_below(MARKS, axis, width)):
        text = "".join(text for text, _ in cells)
        assert len(text.rstrip()) <= width
        if width >= 30:
            assert "✖ c3d4 dead" in text, "the most severe first"
    everything = "".join(text for text, _ in legend_line(MARKS, 200))
    assert everything.split("  ")[:5] == [
        "✖ c3d4 dead", "◆ 15→20/s", "↻ 11 x 500", "◐ 77de rests 12s", "◐ 77de rests"
    ]  # fmt: skip


# Windows.


@given(st.floats(20.0, 1e7), st.lists(st.sampled_from(("in", "out", "left", "right")), max_size=30))
def test_wherever_one_zooms_and_pans_the_window_is_within_the_run(end_s: float, moves: list[str]) -> None:
    window = WHOLE
    for move in moves:
        axis = window.axis(end_s, 100, is_over=False)
        around_s = axis.middle(70)
        match move:
            case "in" | "out":
                window = window.zoomed(0.5 if move == "in" else 2.0, around_s, end_s, axis)
            case _:
                window = window.panned(0.5 if move == "right" else -0.5, end_s, axis)
        shown = window.axis(end_s, 100, is_over=False)
        assert shown.begin_s >= 0
        if window != WHOLE:
            assert shown.end_s <= end_s * 1.000001
            assert shown.end_s - shown.begin_s >= 9.999


def test_what_is_zoomed_at_stays_where_it_is() -> None:
    axis = WHOLE.axis(1_000.0, 100, is_over=True)
    window = WHOLE.zoomed(0.5, 300.0, 1_000.0, axis)
    assert window.axis(1_000.0, 100, is_over=True).column(300.0) == axis.column(300.0) == 30


def test_a_window_at_the_end_follows_the_run_and_any_other_stands_still() -> None:
    axis = WHOLE.axis(1_000.0, 100, is_over=True)
    newest = WHOLE.zoomed(0.1, 1_000.0, 1_000.0, axis)
    assert newest.axis(1_500.0, 100, is_over=False).end_s == pytest.approx(1_500.0)
    older = newest.panned(-0.5, 1_000.0, newest.axis(1_000.0, 100, is_over=True))
    assert older.axis(1_500.0, 100, is_over=False).begin_s == older.axis(1_000.0, 100, is_over=False).begin_s
    assert older.zoomed(16.0, 950.0, 1_000.0, older.axis(1_000.0, 100, is_over=True)) == WHOLE
    assert WHOLE.panned(1.0, 1_000.0, axis) == WHOLE
    assert Window(100.0).axis(40.0, 10, is_over=False).begin_s == 0.0
