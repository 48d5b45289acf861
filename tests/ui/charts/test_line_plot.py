"""Curves in braille, and the level that is set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmdash.ui.charts.line_plot import Curve, Scale, plot_rows


@given(
    st.integers(min_value=1, max_value=12),
    st.floats(min_value=0.1, max_value=1000),
    st.floats(min_value=0, max_value=1),
)
def test_a_curve_that_runs_at_the_set_level_hides_it_wherever_that_is(
    rows: int, top: float, share: float
) -> None:
    value = top * share
    drawn = plot_rows([Curve((value,) * 8, "rate")], rows, 4, Scale(top), (value,) * 4)
    assert not any(text == "┈" for line in drawn for text, _style in line)


def test_a_level_is_drawn_where_its_curve_is_elsewhere() -> None:
    drawn = plot_rows([Curve((2.0,) * 8, "rate")], 4, 4, Scale(20.0), (15.0,) * 4)
    assert ["".join(text for text, _style in line) for line in drawn][1] == "┈┈┈┈"
