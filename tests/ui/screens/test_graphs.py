"""The graphs screen: every key, the mouse, and what is exported."""

from __future__ import annotations

import csv
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from llmdash.engine.model.commands import SetRate
from llmdash.engine.model.states import RunState
from llmdash.ui.app import LlmdashApp
from llmdash.ui.charts.graph_board import GraphBoard
from llmdash.ui.charts.window import WHOLE
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.screens.graphs import GraphsScreen
from llmdash.ui.screens.help import HelpScreen
from tests.ui.boards import SHIPPED, board_shown
from tests.ui.fake_session import FakeSession, Scene
from tests.ui.waiting import picture, until
from tests.ui.widget_app import lines

TITLES = ["Requests a second", "Time to first token", "In flight", "Tokens a second"]


def graphs(
    session: FakeSession, *keys: str, size: tuple[int, int] = (120, 36)
) -> AbstractAsyncContextManager[tuple[Pilot[Any], GraphBoard]]:
    return board_shown(session, "g", GraphBoard, "achieved", *keys, size=size)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def titles(board: GraphBoard) -> list[str]:
    drawn = lines(board)
    return [title for line in drawn for title in (*TITLES, "Time to answer") if line.startswith(title)]


async def test_four_plots_stand_over_one_time_axis() -> None:
    session = FakeSession()
    async with graphs(session) as (_, board):
        assert titles(board) == TITLES
        drawn = lines(board)
        assert drawn[1].startswith("     25┤")
        assert "set 20" in drawn[0]
        axis, labels = drawn[-4], drawn[-3]
        assert {"✖", "◆", "↻", "◐"} <= set(axis)
        assert labels.split()[:2] == ["0:00", "1:00"]
        assert "◐ 77de rests 12s" in drawn[-2]
        assert session.views[-1].series.width == 2 * (118 - 8 - 17)
        assert session.views[-1].series.end_s is None


async def test_the_arrows_move_one_cursor_through_all_plots_and_its_values_stand_at_the_right() -> None:
    async with graphs(FakeSession(), "left") as (pilot, board):
        assert sum("┊" in line for line in lines(board)) >= 15
        assert "at 3:0" in lines(board)[1]
        before = board.cursor_s or 0.0
        await pilot.press("left")
        one = before - (board.cursor_s or 0.0)
        await pilot.press("shift+left")
        assert before - (board.cursor_s or 0.0) == pytest.approx(11 * one)
        await pilot.press("shift+right", "right", "right", "right")
        assert board.cursor_s == before, "not beyond what is measured"


async def test_the_line_of_the_cursor_says_what_bound_the_run_then() -> None:
    async with graphs(FakeSession(), "left", *["shift+left"] * 2, *["left"] * 7) as (_, board):
        assert "▲ 1:18" in lines(board)[-1]
        assert "bound by key cooldown · ◐ 77de rests 12s: 429, the server's hint" in lines(board)[-1]
        assert lines(board)[2].split()[-2:] == ["set", "20.0"]


async def test_escape_takes_the_cursor_away_and_then_leads_back() -> None:
    async with graphs(FakeSession(), "left", "escape") as (pilot, board):
        assert board.cursor_s is None
        assert isinstance(pilot.app.screen, GraphsScreen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))


async def test_g_leads_back_at_once() -> None:
    async with graphs(FakeSession(), "left", "g") as (pilot, _):
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))


async def test_brackets_zoom_and_the_view_asks_for_that_part_alone() -> None:
    session = FakeSession()
    async with graphs(session, "left", *["shift+left"] * 2) as (pilot, board):
        at_s = board.cursor_s or 0.0
        await pilot.press("right_square_bracket", "right_square_bracket")
        await picture(pilot, session)
        view = session.views[-1].series
        assert view.end_s is not None
        assert view.begin_s < at_s < view.end_s
        assert board.cursor_s == at_s
        await pilot.press("left_square_bracket")
        wider = board.wanted()
        assert (wider.end_s or 0) - wider.begin_s == pytest.approx(2 * (view.end_s - view.begin_s))
        await pilot.press(*["left_square_bracket"] * 4)
        assert board.window == WHOLE


async def test_one_pans_by_half_a_screen_and_home_shows_the_whole_run() -> None:
    session = FakeSession()
    async with graphs(session, *["right_square_bracket"] * 3) as (pilot, board):
        assert board.window.begin_s is None, "it follows the end"
        newest = board.wanted()
        await pilot.press("less_than_sign")
        earlier = board.wanted()
        assert newest.begin_s - earlier.begin_s == pytest.approx((newest.end_s or 0) / 2 - newest.begin_s / 2)
        await pilot.press("greater_than_sign", "greater_than_sign")
        assert board.window.begin_s is None
        await pilot.press("less_than_sign", "end")
        assert board.wanted() == newest
        await pilot.press("home")
        await picture(pilot, session)
        assert board.window == WHOLE


@pytest.mark.parametrize("number", [1, 2, 3, 4])
async def test_a_number_shows_one_graph_alone_and_again_all(number: int) -> None:
    async with graphs(FakeSession(), str(number)) as (pilot, board):
        assert titles(board) == [TITLES[number - 1]]
        await pilot.press(str(number % 4 + 1))
        assert titles(board) == [TITLES[number % 4]]
        await pilot.press(str(number % 4 + 1))
        assert titles(board) == TITLES


async def test_a_click_puts_the_cursor_there_a_drag_moves_it_and_the_wheel_zooms() -> None:
    session = FakeSession()
    async with graphs(session) as (pilot, board):
        await pilot.mouse_down(board, offset=(30, 5))
        first = board.cursor_s
        assert first is not None
        await pilot.hover(board, offset=(40, 5))
        await pilot.mouse_up(board, offset=(40, 5))
        await pilot.click(board, offset=(40, 5))
        assert (board.cursor_s or 0.0) > first
        await pilot.click(board, offset=(3, 5))
        assert (board.cursor_s or 0.0) > first, "left of the axis is no moment"
        board.post_message(_wheel(board, up=True))
        await until(pilot, lambda: board.window != WHOLE)
        board.post_message(_wheel(board, up=False))
        await until(pilot, lambda: board.window == WHOLE)


def _wheel(board: GraphBoard, *, up: bool) -> Any:
    from textual import events

    kind = events.MouseScrollUp if up else events.MouseScrollDown
    return kind(board, 40, 5, 0, 0, 0, False, False, False)


async def test_x_writes_every_step_into_a_new_file_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    session = FakeSession()
    async with graphs(session, "x", "x") as (pilot, board):
        await until(pilot, lambda: (tmp_path / "graphs-arithmetic-10k-2.csv").exists())
        said = [note.message for note in pilot.app._notifications]
        assert any("graphs-arithmetic-10k.csv" in words for words in said)
        assert lines(board)[0].startswith(TITLES[0])
    with (tmp_path / "graphs-arithmetic-10k.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 190
    assert [rows[20][name] for name in ("begin_s", "set_rate", "set_concurrency", "bound_by")] == [
        "20", "20", "64", "rate"
    ]  # fmt: skip
    assert rows[3]["ttft_s_p95"] == ""
    assert float(rows[9]["waited_s_p50"]) > 0


async def test_where_nothing_can_be_written_it_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.setattr(Path, "cwd", lambda: gone)
    gone.rmdir()
    async with graphs(FakeSession(), "x") as (pilot, _):
        await until(pilot, lambda: any("cannot be written" in n.message for n in pilot.app._notifications))


async def test_a_page_in_a_browser_writes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with graphs(FakeSession()) as (pilot, _):
        monkeypatch.setattr(pilot.app, "in_browser", True)
        await pilot.press("x")
        await until(pilot, lambda: any("writes no files" in n.message for n in pilot.app._notifications))
    assert names_in(tmp_path) == []


async def test_with_nothing_measured_there_is_nothing_to_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    session = FakeSession(clock=lambda: 0.0)
    async with graphs(session, "x") as (pilot, board):
        await until(
            pilot, lambda: any("Nothing is measured yet" in n.message for n in pilot.app._notifications)
        )
        assert sum("nothing measured yet" in line for line in lines(board)) == 4
        await pilot.press("left", "right_square_bracket", "less_than_sign", "home")
    assert names_in(tmp_path) == []


async def test_without_streams_the_second_plot_is_the_time_to_the_answer() -> None:
    async with graphs(FakeSession(scene=Scene(is_streamed=False))) as (_, board):
        assert titles(board) == [TITLES[0], "Time to answer", *TITLES[2:]]
        assert not any("first token" in line.lower() for line in lines(board))


async def test_a_run_that_has_ended_fills_the_axis_and_stands_still() -> None:
    session = FakeSession(clock=lambda: 190.0, scene=Scene(state=RunState.DONE))
    async with graphs(session) as (pilot, board):
        drawn = lines(board)
        assert any(line[99:101].strip() for line in drawn[1:8])
        assert "end " in " ".join(drawn)
        bar = pilot.app.screen.query_one(KeyBar).render_line(0).text
        assert "Export CSV" in bar and "Pause" not in bar and "Rate" not in bar
        await picture(pilot, session)
        assert lines(board) == drawn


async def test_the_rate_is_steered_from_here() -> None:
    session = FakeSession()
    async with graphs(session, "plus") as (pilot, _):
        await until(pilot, lambda: any(isinstance(command, SetRate) for command in session.commands))


async def test_help_lists_the_keys() -> None:
    async with graphs(FakeSession(), "question_mark") as (pilot, _):
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))


@pytest.mark.parametrize(("size", "number"), [((60, 16), 3), ((60, 12), 2), ((80, 24), 4), ((200, 60), 4)])
async def test_as_many_plots_are_shown_as_there_is_room_for(size: tuple[int, int], number: int) -> None:
    session = FakeSession()
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=size) as pilot:
        app.screen.query_one("#jobs")
        await pilot.press("g")
        await picture(pilot, session)
        board = app.screen.query_one(GraphBoard)
        await until(pilot, lambda: "0:00" in "".join(lines(board)))
        assert len(titles(board)) == number
