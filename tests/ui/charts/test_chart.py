"""Sparklines and braille lines: the right size whatever the values."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from llmdash.ui.charts.chart import bars, cell, dots, resample, sparkline


def braille(values: Sequence[float | None], width: int, height: int, high: float = 1.0) -> list[str]:
    return ["".join(map(cell, row)) for row in dots(values, width, height, 0.0, high)]


VALUES = st.lists(st.none() | st.floats(), max_size=60)
SIZES = st.integers(min_value=-2, max_value=40)


@given(VALUES, SIZES)
def test_a_sparkline_is_as_wide_as_asked(values: list[float | None], width: int) -> None:
    assert len(sparkline(values, width)) == max(0, width)


@given(VALUES, SIZES, SIZES)
def test_a_braille_line_fills_its_cells(values: list[float | None], width: int, height: int) -> None:
    rows = braille(values, width, height)
    assert len(rows) == max(0, height)
    assert all(len(row) == max(0, width) for row in rows)
    assert all(cell == " " or 0x2801 <= ord(cell) <= 0x28FF for row in rows for cell in row)


@example([5e-324, 5e-324], 1)
@given(VALUES, st.integers(min_value=1, max_value=20))
def test_resampling_keeps_order_and_range(values: list[float | None], size: int) -> None:
    kept = resample(values, size)
    assert len(kept) == min(len(values), size)
    known = [value for value in values if value is not None and math.isfinite(value)]
    for value in kept:
        if value is not None and math.isfinite(value) and max(map(abs, known)) < 1e300:
            # A share of the smallest numbers there are is rounded by as much as they are.
            slack = 1e-9 * max(map(abs, known)) + len(known) * math.ulp(0.0)
            assert min(known) - slack <= value <= max(known) + slack


def test_the_newest_value_is_at_the_right() -> None:
    assert sparkline([0, 1, 2, 7], 4) == "▁▁▂▇"
    assert sparkline([0, 7], 4) == "  ▁▇"
    assert sparkline([7, 7, 0, 7], 2) == "▁▇"


def test_a_gap_in_the_values_is_a_gap_in_the_line() -> None:
    assert sparkline([7, None, math.nan, 7], 4) == "▇  ▇"
    assert braille([1, 1, None, None, 1, 1], 3, 1) == ["⠉ ⠉"]


def test_a_jump_is_drawn_as_a_stroke() -> None:
    assert braille([0, 1], 1, 2) == ["⢸", "⡸"]


def test_a_flat_line_of_zeros_lies_at_the_bottom() -> None:
    assert braille([0, 0], 1, 2) == [" ", "⣀"]


@given(VALUES, SIZES, SIZES)
def test_bars_fill_their_cells(values: list[float | None], width: int, height: int) -> None:
    rows = bars(values, width, height)
    assert len(rows) == max(0, height)
    assert all(len(row) == max(0, width) for row in rows)


def test_bars_of_two_lines_have_twice_the_levels() -> None:
    assert bars([0, 7, 15], 3, 2) == ["  ▇", "▁▇█"]
