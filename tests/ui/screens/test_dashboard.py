"""The dashboard: every key and click becomes the right command, and every frame is shown."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.selection import Selection
from textual.widget import Widget
from textual.widgets import Input, Static

from llmdash.engine.model.commands import (
    Cancel,
    CancelJobs,
    Command,
    DisableKey,
    Drain,
    Pause,
    Resume,
    RetryFailed,
    RetryJobs,
    ReviveEndpoint,
    ReviveKey,
    SetAuto,
    SetConcurrency,
    SetRate,
    SetWeight,
)
from llmdash.engine.model.frame import AutoPart, Frame, Notice
from llmdash.engine.model.states import RunState, Severity, SortColumn
from llmdash.engine.model.view import View
from llmdash.ui.app import LlmdashApp
from llmdash.ui.clipboard import Clipboard
from llmdash.ui.dashboard.arrangement import PanelSpace
from llmdash.ui.dashboard.keys import SORT_KEYS
from llmdash.ui.panels.filter_bar import FilterBar
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.panels.key_panel import KeyPanel
from llmdash.ui.panels.rate_panel import RatePanel
from llmdash.ui.panels.rate_slider import LogSlider
from llmdash.ui.panels.verdict_line import VerdictLine
from llmdash.ui.screens.alerts import AlertsScreen
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.stream.pane import StreamPane
from llmdash.ui.stream.tiles import StreamTiles
from llmdash.ui.tables.job_table import JobTable
from tests.rows import row
from tests.ui.fake_session import FakeSession, Scene
from tests.ui.troubles import MINE_PAUSED, OPENAI_DOWN, brake, endpoints_out
from tests.ui.waiting import picture, until
from tests.ui.widget_app import lines, lines_drawn

SHIPPED = Path(__file__).parents[3] / "themes"


@asynccontextmanager
async def dashboard(
    session: FakeSession, size: tuple[int, int] = (120, 36)
) -> AsyncIterator[tuple[Pilot[Any], DashboardScreen]]:
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=size, notifications=True) as pilot:
        await picture(pilot, session)
        screen = app.screen
        assert isinstance(screen, DashboardScreen)
        yield pilot, screen


@asynccontextmanager
async def told(scene: Scene | None = None) -> AsyncIterator[Callable[..., Awaitable[list[Command]]]]:
    """Gives `press(*keys, focus=, of=)`: what the session of one dashboard is told for these keys.

    Each time the run is again what it was at first, or as in the scene `of`; what the user did stays.
    """
    session = FakeSession(scene=replace(scene or Scene()))
    async with dashboard(session) as (pilot, screen):

        async def press(*keys: str, focus: type[Any] = JobTable, of: Scene | None = None) -> list[Command]:
            session.scene = replace(of or scene or Scene())
            await picture(pilot, session)
            session.commands.clear()
            screen.query(focus).first().focus()
            await pilot.press(*keys)
            await pilot.pause()
            return list(session.commands)

        yield press


async def test_p_pauses_a_running_run_and_resumes_a_held_one() -> None:
    async with told() as press:
        assert await press("p") == [Pause()]
        assert await press("p", "p") == [Pause(), Resume()]
        for state in (RunState.PAUSED, RunState.DRAINING, RunState.STOPPED):
            with row(state):
                assert await press("p", of=Scene(state=state)) == [Resume()]


async def test_minus_and_plus_change_the_rate_wherever_the_focus_is() -> None:
    async with told() as press:
        for focus in (JobTable, KeyPanel, LogSlider, StreamPane):
            with row(focus):
                (slower,) = await press("minus", focus=focus)
                (faster,) = await press("plus", focus=focus)
                (also_faster,) = await press("equals_sign", focus=focus)
                assert isinstance(slower, SetRate) and isinstance(faster, SetRate)
                assert slower.rate is not None and faster.rate is not None
                assert slower.rate < 18.0 < faster.rate
                assert also_faster == faster


async def test_a_lets_the_rate_be_found_by_itself_and_stops_that() -> None:
    found = Scene(auto=AutoPart(on=True, rate=9.0))
    async with told() as press:
        for focus in (JobTable, KeyPanel, LogSlider, StreamPane):
            with row(focus):
                assert await press("a", focus=focus) == [SetAuto(on=True)]
                assert await press("a", focus=focus, of=found) == [SetAuto(on=False)]
        assert await press("a", of=Scene(state=RunState.DONE)) == []


async def test_what_acts_on_the_table_works_wherever_the_focus_is() -> None:
    few = Scene(jobs=100)  # all of them have ended
    async with told() as press, told(few) as press_at_the_end:
        for focus in (JobTable, KeyPanel, StreamPane):
            with row(focus):
                assert await press("x", focus=focus) == [CancelJobs((3426,))]
                assert await press("R", focus=focus) == [RetryFailed()]
                assert await press_at_the_end("r", focus=focus) == [RetryJobs((99,))]


async def test_marked_jobs_act_together_and_are_unmarked_after() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        await pilot.press("down", "space", "space", "x")
        await pilot.pause()
        assert session.commands == [CancelJobs((3424, 3425))]
        assert not screen.query_one(JobTable).marked


@pytest.mark.case("engine", "d-twice")
async def test_d_drains_and_shift_x_stops_at_once() -> None:
    async with told() as press:
        assert await press("D", "y") == [Drain()]
        assert await press("D", "n") == await press("D", "escape") == await press("d") == []
        assert await press("X") == [Cancel()]


@pytest.mark.case("engine", "d-twice")
async def test_d_does_nothing_outside_the_key_panel() -> None:
    async with told() as press:
        for focus in (JobTable, LogSlider, StreamPane):
            with row(focus):
                assert await press("d", focus=focus) == []


@pytest.mark.case("engine", "slider-0")
@pytest.mark.parametrize(
    ("keys", "focus"),
    [
        (["i", "n", "f", "enter"], LogSlider),
        (["m", "a", "x", "enter"], LogSlider),
        (["end", "end"], LogSlider),
        (["shift+right", "shift+right", "shift+right"], LogSlider),
        (["plus"] * 40, JobTable),
    ],
)
async def test_no_limit_asks_first(keys: list[str], focus: type[Any]) -> None:
    unlimited = SetRate(None)
    async with told() as press:
        asked = await press(*keys, "n", focus=focus)
        assert unlimited not in asked
        assert await press(*keys, "y", focus=focus) == [*asked, unlimited]


@pytest.mark.case("engine", "slider-0")
async def test_a_limit_that_is_kept_shows_at_once() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        slider = screen.query(LogSlider).first()
        slider.focus()
        await pilot.press("i", "n", "f", "enter", "n")
        await pilot.pause()
        assert lines(slider)[0].startswith("set  18.0/s")


@pytest.mark.case("engine", "done-run")
@pytest.mark.parametrize("state", [RunState.DONE, RunState.STOPPED])
async def test_a_run_at_rest_is_looked_at_once_a_second_until_a_key_is_pressed(state: RunState) -> None:
    session = FakeSession(scene=Scene(state=state))
    async with dashboard(session) as (pilot, screen):
        await until(pilot, lambda: not screen.frame_loop.is_awake)
        before, began = len(session.views), time.monotonic()
        await pilot.pause(1.6)
        seconds = time.monotonic() - began
        assert len(session.views) - before <= seconds + 2, "15 frames a second would be 24"
        woken: list[bool] = []
        wake = screen.frame_loop.wake

        def note() -> None:
            wake()
            woken.append(screen.frame_loop.is_awake)

        vars(screen.frame_loop)["wake"] = note
        await pilot.press("down")
        await until(pilot, lambda: woken)  # it may be at rest again by now
        assert all(woken)
        await until(pilot, lambda: not screen.frame_loop.is_awake)
        session.scene.state = RunState.RUNNING
        await until(pilot, lambda: screen.frame_loop.is_awake)


class TellingSession(FakeSession):
    """Tells of what happens: `changes` counts it, `told` are those who wait for more."""

    changes = 7

    def frame(self, view: View) -> Frame:
        return replace(super().frame(view), changes=self.changes)

    def when_changed(self, _seen: int, call: Callable[[], None]) -> Callable[[], None]:
        self.told = [call]
        return lambda: None


async def test_a_run_at_work_to_which_nothing_happens_rests_until_it_is_told_of_more() -> None:
    session = TellingSession()
    async with dashboard(session) as (pilot, screen):
        await until(pilot, lambda: not screen.frame_loop.is_awake)
        session.changes += 1
        session.told[0]()
        assert screen.frame_loop.is_awake


@pytest.mark.case("screen", "final-rates")
@pytest.mark.case("engine", "done-run")
async def test_nothing_is_painted_while_a_run_has_ended() -> None:
    session = FakeSession(scene=Scene(state=RunState.DONE))
    async with dashboard(session) as (pilot, screen):
        await pilot.pause()
        drawn = [
            lines_drawn(widget)
            for widget in screen.query(Widget)
            if type(widget).__module__.startswith("llmdash")
        ]
        for _ in range(5):
            screen.poll()
            await pilot.pause()
        assert not any(drawn)


async def test_keys_are_switched_off_and_on_revived_and_weighed() -> None:
    async with told() as press:
        assert await press("d", focus=KeyPanel) == [DisableKey("a1f2")]
        assert await press("down", "v", focus=KeyPanel) == [ReviveKey("9bc0")]
        (weighed,) = await press("right_square_bracket", focus=KeyPanel)
    assert isinstance(weighed, SetWeight) and weighed.weight > 1.0


async def test_the_concurrency_slider_sets_the_concurrency() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        screen.query(LogSlider).last().focus()
        await pilot.press("right")
        await pilot.pause()
    (command,) = session.commands
    assert isinstance(command, SetConcurrency)
    assert command.concurrency > 64


async def test_a_click_on_the_key_bar_presses_the_key() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        bar = screen.query_one(KeyBar)

        def place_of(word: str) -> tuple[int, int]:
            return bar.render_line(0).text.index(word) + 1, 0

        await pilot.click(KeyBar, offset=place_of("Pause"))
        await until(pilot, lambda: session.commands)
        assert session.commands == [Pause()]
        await pilot.click(KeyBar, offset=(place_of("Rate")[0] - 2, 0))
        await until(pilot, lambda: len(session.commands) > 1)
        last = session.commands[-1]
        assert isinstance(last, SetRate)
        assert last.rate is not None
        assert last.rate > 18.0


async def test_the_key_bar_says_go_on_while_the_run_is_held() -> None:
    async with dashboard(FakeSession()) as (pilot, screen):
        bar = screen.query_one(KeyBar)
        assert "p Pause" in bar.render_line(0).text
        await pilot.press("p")
        await until(pilot, lambda: "p Go on" in bar.render_line(0).text)


async def test_f_stops_and_takes_up_following_and_the_stream_goes_along() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        table = screen.query_one(JobTable)
        looked = [(table.follow, session.views[-1].stream.job)]
        await pilot.press("f")
        await picture(pilot, session)
        looked.append((table.follow, session.views[-1].stream.job))
        await pilot.press("down")
        await picture(pilot, session)
        looked.append((table.follow, session.views[-1].stream.job))
        await pilot.press("f")
        await picture(pilot, session)
        looked.append((table.follow, session.views[-1].stream.job))
        assert looked == [(True, None), (False, 3426), (False, 3425), (True, None)]


async def test_s_sorts_by_the_next_column() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, _screen):
        await pilot.press("s")
        await picture(pilot, session)
        assert session.views[-1].jobs.sort is list(SortColumn)[1]


@pytest.mark.parametrize(("column", "key"), SORT_KEYS.items())
async def test_every_column_has_a_key_that_sorts_by_it(column: SortColumn, key: str) -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        screen.query_one(StreamPane).focus()
        await pilot.press("O" if key != "O" else "T", key)
        await picture(pilot, session)
        first = session.views[-1].jobs
        await pilot.press("i")
        await picture(pilot, session)
        second = session.views[-1].jobs
    assert (first.sort, second.sort) == (column, column)
    assert first.descending is not second.descending


async def test_w_shows_as_many_streams_as_fit_and_w_again_shows_one() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        assert session.views[-1].tiles == 0
        jobs = screen.query_one(JobTable).region.height
        await pilot.press("w")
        tiles = screen.query_one(StreamTiles)
        await until(pilot, lambda: session.views[-1].tiles == tiles.wanted() >= 4)
        assert tiles.region.height > 2
        assert screen.query_one(JobTable).region.height < jobs
        assert not screen.query_one(StreamPane).display
        await pilot.press("w")
        await until(pilot, lambda: session.views[-1].tiles == 0)
        assert screen.query_one(StreamPane).display


async def test_where_there_is_room_streams_are_tiles_and_w_leads_to_a_wall_and_to_one() -> None:
    session = FakeSession()
    async with dashboard(session, (200, 60)) as (pilot, screen):
        tiles, jobs = screen.query_one(StreamTiles), screen.query_one(JobTable)
        await until(pilot, lambda: session.views[-1].tiles == tiles.wanted() == 6)
        usual = jobs.region.height
        await pilot.press("w")
        await until(pilot, lambda: session.views[-1].tiles == tiles.wanted() > 6)
        assert jobs.region.height < usual
        await pilot.press("w")
        await until(pilot, lambda: screen.query_one(StreamPane).display and not tiles.display)
        assert jobs.region.height == usual
        await pilot.press("w")
        await until(pilot, lambda: tiles.display and session.views[-1].tiles == 6)


async def test_b_and_t_change_the_streams_wherever_the_focus_is() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        pane = screen.query_one(StreamPane)
        await until(pilot, lambda: "{|" in lines(pane)[1])
        for panel in (JobTable, KeyPanel, LogSlider):
            screen.query(panel).first().focus()
            before = pane.looks
            await pilot.press("b", "t")
            assert pane.looks[0] is not before[0] and pane.looks[1] is not before[1], panel
        await pilot.press("w")
        await picture(pilot, session)
        tiles = screen.query_one(StreamTiles)
        assert pane.looks[0] is False
        assert "{|" not in "".join(lines(tiles))


async def test_selected_text_of_a_stream_is_copied_with_ctrl_c_and_without_it_quits() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        pane = screen.query_one(StreamPane)
        await until(pilot, lambda: "{|" in lines(pane)[1])
        screen.selections = {pane: Selection(Offset(0, 1), Offset(16, 1))}
        await pilot.press("ctrl+c")
        assert pilot.app.clipboard == '{"expression"'
        assert pilot.app.is_running
        screen.clear_selection()
        await pilot.press("ctrl+c")
        await until(pilot, lambda: not pilot.app.is_running or pilot.app._exit)


@pytest.mark.case("screen", "copy-notice")
async def test_a_copy_of_ids_is_said_once() -> None:
    nowhere = Clipboard({"TERM": "xterm-kitty"}, find=lambda _name: None)
    app = LlmdashApp(session=FakeSession(), shipped_themes=SHIPPED, system_clipboard=nowhere)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, lambda: app.screen.query_one(JobTable).cursor_job is not None)
        await pilot.press("c")
        await until(pilot, lambda: len(app._notifications) > 0)
        await pilot.pause()
        (notice,) = app._notifications
        assert notice.message.startswith("Copied 1 id, ")
        assert notice.message.endswith("to the terminal's clipboard (OSC 52)")


async def test_slash_opens_the_filter_and_escape_closes_and_forgets_it() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        await pilot.press("slash", *"state:failed")
        await until(pilot, lambda: session.views[-1].jobs.filter == "state:failed")
        await pilot.press("enter")
        await until(pilot, lambda: screen.focused is screen.query_one(JobTable))
        assert screen.query_one(FilterBar).is_open, "a filter that holds stays in sight"
        await pilot.press("escape")
        await until(pilot, lambda: session.views[-1].jobs.filter == "")
        assert not screen.query_one(FilterBar).is_open


async def test_keys_typed_into_the_filter_are_text_and_no_actions() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        await pilot.press("slash", *"pqrx-")
        await pilot.pause()
        assert screen.query_one(FilterBar).query_one(Input).value == "pqrx-"
        assert session.commands == []
        await pilot.press("escape")
        await until(pilot, lambda: screen.focused is screen.query_one(JobTable))


async def test_what_is_wrong_with_a_filter_stands_beside_it() -> None:
    async with dashboard(FakeSession()) as (pilot, screen):
        await pilot.press("slash", *"speed:3")
        await until(pilot, lambda: "no such field" in str(screen.query_one("#problem").render()))
        await until(pilot, lambda: screen.query_one(FilterBar).region.height == 3)  # all of it can be read


async def test_notices_become_toasts_once_each_and_hold_no_markup() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        session.scene.notices = (
            Notice(1, Severity.ERROR, "key [/] died"),
            Notice(2, Severity.WARNING, "[red"),
        )
        for _ in range(3):
            screen.poll()
        await pilot.pause()
        told = [notification.message for notification in pilot.app._notifications]
        assert told == ["key [/] died", "[red"]
        assert session.views[-1].notices_after == 2


@pytest.mark.case("screen", "alert-line")
async def test_the_verdict_has_its_line_always_so_that_no_panel_moves() -> None:
    session = FakeSession()
    async with dashboard(session, (80, 24)) as (pilot, screen):
        line, space = screen.query_one(VerdictLine), screen.query_one(PanelSpace)
        region = space.region
        assert "▲ bound by rate 18.0/s" in line.render_line(0).text
        session.scene = brake()
        await until(pilot, lambda: "✖ stopped to ask: 20 requests" in line.render_line(0).text)
        session.scene = Scene()
        await until(pilot, lambda: "▲ bound by rate 18.0/s" in line.render_line(0).text)
        assert (line.region.height, space.region) == (1, region)


@pytest.mark.parametrize("way", ["key", "click"])
async def test_all_alerts_are_listed_in_full_live_and_escape_leads_back(way: str) -> None:
    session = FakeSession(scene=endpoints_out())
    async with dashboard(session, (80, 24)) as (pilot, screen):
        await (pilot.press("exclamation_mark") if way == "key" else pilot.click(VerdictLine))
        await until(pilot, lambda: isinstance(pilot.app.screen, AlertsScreen))

        def listed() -> str:
            return str(pilot.app.screen.query_one("#alert-list", Static).render())

        await until(pilot, lambda: pilot.app.screen.is_mounted)
        for words in (MINE_PAUSED.text, MINE_PAUSED.fix, OPENAI_DOWN.text, "next try in 8s", "✖ error"):
            assert words in listed()
        session.scene.alerts = ()
        await until(pilot, lambda: "Nothing blocks the run" in listed())
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)


async def test_v_on_an_endpoint_tries_it_again() -> None:
    async with told(endpoints_out()) as press:
        assert await press("v", focus=KeyPanel) == [ReviveEndpoint("openai")]


async def test_a_view_asks_for_what_is_on_screen_and_not_for_every_job() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        await until(pilot, lambda: session.views[-1].series.width > 0)
        rows = screen.query_one(JobTable).size.height
        assert 0 < session.views[-1].jobs.height < rows + 40
        assert session.views[-1].series.width >= screen.query_one(RatePanel).size.width


@pytest.mark.parametrize(("key", "code"), [("q", 0), ("ctrl+q", 0), ("ctrl+c", 130)])
async def test_q_quits_at_once_with_return_code_0_and_ctrl_c_as_its_signal_would(key: str, code: int) -> None:
    async with dashboard(FakeSession()) as (pilot, _screen):
        await pilot.press(key)
        await until(pilot, lambda: pilot.app.return_code == code)
        assert not pilot.app.is_running or pilot.app._exit


async def test_tab_goes_through_the_panels_and_back() -> None:
    async with dashboard(FakeSession()) as (pilot, screen):
        seen = []
        for _ in range(5):
            seen.append(type(screen.focused).__name__)
            await pilot.press("tab")
        assert seen == ["JobTable", "KeyPanel", "LogSlider", "LogSlider", "StreamPane"]
        assert isinstance(screen.focused, JobTable)
