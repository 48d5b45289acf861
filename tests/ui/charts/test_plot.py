"""Plots: the whole run at any size, gaps where nothing was measured."""

from __future__ import annotations

import math

import pytest

from llmdash.engine.model.frame import SeriesPart
from llmdash.ui.charts.mini_plot import MiniPlot
from llmdash.ui.charts.plot import Plot, Series
from llmdash.ui.text.format import duration
from tests.ui.widget_app import HOSTILE, assert_drawn_safely, lines, running

VALUES = tuple(10 + 5 * math.sin(step / 20) for step in range(300))
PART = SeriesPart(
    1.0, VALUES, VALUES, VALUES, tuple(None if step < 5 else 0.4 for step in range(300)), VALUES
)


async def test_a_plot_has_axes_a_legend_and_the_last_values() -> None:
    plot = Plot()
    async with running(plot, (60, 12)):
        plot.show([Series("rate", VALUES), Series("ttft", (0.4,) * 300, duration)], 1.0)
        drawn = lines(plot)
        assert "━ rate" in drawn[0]
        assert "━ ttft 400ms" in drawn[0]
        assert drawn[1].startswith("     15┤")
        assert drawn[10].startswith("      0┤")
        assert drawn[11].endswith("now")
        assert "5m00s ago" in drawn[11]


async def test_a_plot_without_values_says_so() -> None:
    plot = Plot()
    async with running(plot, (60, 12)):
        plot.show([Series("rate", ()), Series("ttft", (None, None))], 1.0)
        assert any("nothing measured yet" in line for line in lines(plot))


@pytest.mark.parametrize("size", [(8, 2), (10, 3), (20, 5), (80, 24), (200, 50)])
async def test_plots_fill_every_size(size: tuple[int, int]) -> None:
    plot, mini = Plot(), MiniPlot()
    series = [Series(text, (None, math.nan, math.inf, -5.0, 1e300, 0.0)) for text in HOSTILE[:4]]
    async with running(plot, size):
        for shown in ([], series, [Series("rate", VALUES)]):
            plot.show(shown, 0.1)
            assert_drawn_safely(plot)
    async with running(mini, size):
        for part in (SeriesPart(), PART):
            mini.show(part)
            assert_drawn_safely(mini)


async def test_the_small_plot_shows_more_where_there_is_room() -> None:
    mini = MiniPlot()
    async with running(mini, (80, 1)) as pilot:
        mini.show(PART)
        assert "rate" in lines(mini)[0]
        assert "ttft p50" in lines(mini)[0]
        await pilot.resize_terminal(80, 4)
        await pilot.pause()
        assert [line.split()[0] for line in lines(mini)] == ["rate", "ttft", "in", "tok/s"]
