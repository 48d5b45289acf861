"""The figures screen: every key, the mouse, and what is exported."""

from __future__ import annotations

import csv
import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot

from llmdash.engine.model.timings import Grouping, Timing
from llmdash.ui.charts.timing_board import TimingBoard
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.screens.figures import FiguresScreen
from llmdash.ui.screens.help import HelpScreen
from tests.ui.boards import board_shown
from tests.ui.fake_session import FakeSession, Scene
from tests.ui.waiting import choose, picture, until
from tests.ui.widget_app import lines


def figures(
    session: FakeSession, *keys: str, size: tuple[int, int] = (120, 36)
) -> AbstractAsyncContextManager[tuple[Pilot[Any], TimingBoard]]:
    return board_shown(session, "G", TimingBoard, "3,380 answers", *keys, size=size)


def shown(board: TimingBoard) -> Timing:
    return board.metric


def grouping(board: TimingBoard) -> Grouping:
    return board.timings.by


def group(board: TimingBoard) -> str | None:
    return board.timings.group


async def test_it_shows_percentiles_of_all_answers_and_of_each_key() -> None:
    async with figures(FakeSession()) as (_, board):
        drawn = lines(board)
        assert drawn[0].split()[:4] == ["all", "·", "3,380", "answers"]
        assert drawn[1].split()[:6] == ["›first", "token", "0.41s", "0.70s", "0.94s", "1.60s"]
        assert [line.split()[0] for line in drawn[2:6]] == ["whole", "between", "waited", "tokens/s,"]
        assert drawn[7].startswith("By key")
        assert [line.split()[0] for line in drawn[8:11]] == ["a1f2", "9bc0", "77de"]
        assert "Histogram · first token" in drawn[0]
        assert any("┴p50" in line for line in drawn)
        assert any("Over the run, all answers · first token" in line for line in drawn)


async def test_up_and_down_choose_the_metric() -> None:
    session = FakeSession()
    async with figures(session, "down") as (pilot, board):
        assert shown(board) is Timing.LATENCY
        assert "Histogram · whole answer" in lines(board)[0]
        assert session.views[-1].series.times == (Timing.LATENCY,)
        await pilot.press("up", "up")
        await picture(pilot, session)
        assert shown(board) is Timing.TPS
        assert "38.0" in lines(board)[8]


async def test_b_groups_by_endpoint_and_model() -> None:
    session = FakeSession()
    async with figures(session, "b") as (pilot, board):
        assert lines(board)[7].startswith("By endpoint")
        await pilot.press("b")
        await picture(pilot, session)
        assert lines(board)[7].startswith("By model")
        assert "gpt-4o-mini" in lines(board)[8]
        await pilot.press("B", "B")
        await picture(pilot, session)
        assert grouping(board) is Grouping.KEY


async def test_left_and_right_choose_a_group_whose_percentiles_and_histogram_are_shown() -> None:
    session = FakeSession()
    async with figures(session, "right", "right") as (pilot, board):
        assert session.views[-1].timings is not None
        assert session.views[-1].timings.group == "9bc0"
        assert lines(board)[0].startswith("9bc0 · 1,126 answers")
        assert lines(board)[9].startswith("›9bc0")
        await pilot.press("left", "left")
        await picture(pilot, session)
        assert lines(board)[0].startswith("all")


async def test_a_click_chooses_a_metric_a_group_or_another_grouping() -> None:
    session = FakeSession()
    async with figures(session) as (pilot, board):
        await pilot.click(board, offset=(5, 3))
        assert shown(board) is Timing.ITL
        await pilot.click(board, offset=(5, 10))
        assert group(board) == "77de"
        await picture(pilot, session)
        await pilot.click(board, offset=(5, 10))
        assert group(board) is None
        await pilot.click(board, offset=(5, 7))
        assert grouping(board) is Grouping.ENDPOINT
        await pilot.click(board, offset=(90, 3))
        assert shown(board) is Timing.ITL


async def test_without_streams_there_is_no_first_token_anywhere() -> None:
    async with figures(FakeSession(scene=Scene(is_streamed=False))) as (_, board):
        text = "\n".join(lines(board))
        assert "first token" not in text
        assert "tokens/s" not in text
        assert shown(board) is Timing.LATENCY


async def test_x_writes_csv_and_j_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with figures(FakeSession(), "x", "j") as (pilot, _):
        await until(pilot, lambda: (tmp_path / "figures-arithmetic-10k.json").exists())
        assert len(pilot.app._notifications) == 2
    with (tmp_path / "figures-arithmetic-10k.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["metric"] for row in rows[:5]] == ["ttft_s", "latency_s", "itl_s", "waited_s", "tps"]
    assert (rows[0]["by"], rows[5]["by"], rows[5]["group"], len(rows)) == ("run", "key", "a1f2", 20)
    record = json.loads((tmp_path / "figures-arithmetic-10k.json").read_text())
    assert record["all"]["ttft_s"] == {"p50": 0.41, "p90": 0.697, "p95": 0.943, "p99": 1.599}
    assert [group["name"] for group in record["groups"]] == ["a1f2", "9bc0", "77de"]
    assert sum(record["histograms"]["itl_s"]["counts"]) > 0


async def test_help_palette_and_the_way_back() -> None:
    session = FakeSession()
    async with figures(session, "question_mark") as (pilot, _):
        assert isinstance(pilot.app.screen, HelpScreen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, FiguresScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
        await choose(pilot, "figures")
        await until(pilot, lambda: isinstance(pilot.app.screen, FiguresScreen))


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (100, 20), (200, 60)])
async def test_it_fits_every_size(size: tuple[int, int]) -> None:
    async with figures(FakeSession(), "right", size=size) as (_, board):
        drawn = lines(board)
        assert len(drawn) == size[1] - 2
        assert all(len(line) <= size[0] - 2 for line in drawn)
