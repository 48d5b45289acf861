"""Over the run, in small: plots where there is room for them, spark lines where there is little."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from llmdash.engine.model.frame import Mark, MarkKind, SeriesPart, TimesSeries
from llmdash.ui.charts.mini_plot import MiniPlot
from tests.ui.fake_session import MARKS
from tests.ui.widget_app import HOSTILE, assert_drawn_safely, lines, running

VALUES = tuple(10 + 5 * math.sin(step / 20) for step in range(300))
PART = SeriesPart(
    end_s=300.0,
    rate=VALUES,
    in_flight=VALUES,
    tokens_per_s=VALUES,
    set_rate=(16.0,) * 300,
    set_concurrency=(64,) * 300,
    ttft=TimesSeries(tuple(None if step < 5 else 0.4 for step in range(300)), (0.9,) * 300, (1.5,) * 300),
    latency=TimesSeries((2.0,) * 300, (3.0,) * 300, (4.0,) * 300),
    marks=MARKS,
)
ODD = (None, math.nan, math.inf, -5.0, 1e300, 0.0)


@pytest.mark.parametrize("size", [(8, 2), (24, 1), (10, 3), (20, 5), (40, 7), (40, 16), (80, 24), (200, 50)])
async def test_it_fills_every_size(size: tuple[int, int]) -> None:
    mini = MiniPlot()
    odd = tuple(value if value is not None else 0.0 for value in ODD)
    hostile = tuple(Mark(float(at), kind, text[:99], text[:99]) for at, (kind, text) in
                    enumerate(zip(list(MarkKind) * 2, HOSTILE, strict=False)))  # fmt: skip
    broken = SeriesPart(
        end_s=6.0, rate=odd, in_flight=odd, tokens_per_s=odd, set_rate=ODD, ttft=TimesSeries(ODD, ODD, ODD),
        marks=hostile,
    )  # fmt: skip
    one = SeriesPart(end_s=1.0, rate=(3.0,), in_flight=(1.0,), tokens_per_s=(0.0,), is_over=True)
    async with running(mini, size):
        for part in (SeriesPart(), PART, broken, one, replace(PART, step_s=400.0, end_s=120_000.0)):
            mini.show(part)
            assert_drawn_safely(mini)


async def test_three_plots_stand_over_one_time_axis() -> None:
    mini = MiniPlot()
    async with running(mini, (40, 16)):
        mini.show(PART)
        drawn = lines(mini)
        heads = [line.split()[0] for line in drawn if "now" in line or "p50" in line]
        assert heads == ["req/s", "first", "in"]
        assert "peak 15.0" in drawn[0]
        assert drawn[1].startswith("   20┤")
        assert [line[5] for line in drawn[1:5]] == ["┤", "│", "│", "┤"]
        assert drawn[13].startswith("     └✖")
        assert {"◆", "◐"} <= set(drawn[13]), "the most severe of each column"
        assert "0:00" in drawn[14]
        assert "✖ c3d4 dead" in drawn[15]


async def test_a_tall_one_shows_tokens_as_well_and_a_short_one_the_rate_alone() -> None:
    mini = MiniPlot()
    async with running(mini, (60, 24)) as pilot:
        mini.show(PART)
        assert any(line.startswith("tokens/s") for line in lines(mini))
        await pilot.resize_terminal(60, 7)
        await pilot.pause()
        assert [line for line in lines(mini) if "p50" in line] == []
        assert lines(mini)[0].startswith("req/s")


async def test_where_there_is_little_room_each_measure_is_a_line() -> None:
    mini = MiniPlot()
    async with running(mini, (80, 1)) as pilot:
        mini.show(PART)
        assert "req/s" in lines(mini)[0]
        assert "p50" in lines(mini)[0]
        await pilot.resize_terminal(40, 4)
        await pilot.pause()
        assert [line.split()[0] for line in lines(mini)] == ["req/s", "p50", "in", "tokens/s"]
        assert lines(mini)[0].rstrip().endswith("max 15.0")
        assert "p95 0.90s" in lines(mini)[1]


@pytest.mark.case("screen", "graph-width")
async def test_it_grows_from_the_left_and_at_the_end_fills_its_width() -> None:
    mini = MiniPlot()
    async with running(mini, (46, 7)):
        mini.show(PART)
        assert max(len(line.rstrip()) for line in lines(mini)[1:4]) == 6 + 38, "300 s of 320"
        mini.show(replace(PART, is_over=True))
        assert max(len(line.rstrip()) for line in lines(mini)[1:4]) == 46
        assert "now" not in lines(mini)[0]


async def test_without_streams_it_shows_the_time_to_the_answer() -> None:
    mini = MiniPlot()
    async with running(mini, (46, 16)):
        mini.show(replace(PART, is_streamed=False, ttft=TimesSeries()))
        assert not any("first token" in line for line in lines(mini))
        assert any("answer" in line and "p50 2.00s" in line for line in lines(mini))


async def test_in_spark_lines_a_name_never_touches_its_figure() -> None:
    mini = MiniPlot()
    async with running(mini, (54, 4)):
        mini.show(PART)
        drawn = lines(mini)
        assert [line[:9] for line in drawn] == ["req/s    ", "p50      ", "in flight", "tokens/s "]
        assert {line[9] for line in drawn} == {" "}
        assert all(line[10].isdigit() for line in drawn)


@pytest.mark.case("screen", "graph-width")
async def test_with_nothing_measured_it_says_so() -> None:
    mini = MiniPlot()
    async with running(mini, (46, 16)):
        mini.show(SeriesPart())
        mini.redraw()
        assert "nothing measured yet" in "".join(lines(mini))
