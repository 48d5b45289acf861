"""What `q` asks: whether a run stops, or goes on without its dashboard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import RunState
from llmdash.engine.model.view import View
from llmdash.ui.app import LlmdashApp
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.screens.leave import LeaveScreen
from tests.ui.fake_session import FakeSession
from tests.ui.waiting import until

SHIPPED = Path(__file__).parents[3] / "themes"


class EndedSession(FakeSession):
    """A run whose jobs have all ended."""

    def frame(self, view: View) -> Frame:
        frame = super().frame(view)
        run = replace(frame.run, state=RunState.DONE, jobs=9, done=9, failed=0, invalid=0, cancelled=0)
        return replace(frame, run=run)


async def asked(pilot: Pilot[None], app: LlmdashApp) -> None:
    await until(pilot, lambda: isinstance(app.screen, DashboardScreen))
    await pilot.press("q")
    await until(pilot, lambda: isinstance(app.screen, LeaveScreen) and app.screen.is_mounted)


@pytest.mark.parametrize(("key", "leaves"), [("enter", False), ("l", True)])
async def test_a_run_stops_or_is_left_running(key: str, leaves: bool) -> None:
    app = LlmdashApp(session=FakeSession(), shipped_themes=SHIPPED, goes_on_without=True)
    async with app.run_test() as pilot:
        await asked(pilot, app)
        assert not app.leaves_running
        await pilot.press(key)
        await until(pilot, lambda: app._exit)
        assert app.leaves_running is leaves
        assert app.return_code == 0


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_who_asked_by_mistake_goes_on_watching(key: str) -> None:
    app = LlmdashApp(session=FakeSession(), shipped_themes=SHIPPED, goes_on_without=True)
    async with app.run_test(size=(40, 10)) as pilot:
        await asked(pilot, app)
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, DashboardScreen))
        assert not app._exit


@pytest.mark.parametrize(("session", "goes_on"), [(EndedSession(), True), (FakeSession(), False)])
async def test_nothing_is_asked_where_there_is_nothing_to_choose(session: FakeSession, goes_on: bool) -> None:
    app = LlmdashApp(session=session, shipped_themes=SHIPPED, goes_on_without=goes_on)
    async with app.run_test() as pilot:
        await until(pilot, lambda: isinstance(app.screen, DashboardScreen))
        await pilot.press("q")
        await until(pilot, lambda: app._exit)
        assert not app.leaves_running


async def test_an_app_ends_with_the_session_that_it_shows() -> None:
    gone: list[bool] = []
    app = LlmdashApp(session=FakeSession(), shipped_themes=SHIPPED, gone=lambda: bool(gone))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert not app._exit
        gone.append(True)
        await until(pilot, lambda: app._exit)
        assert app.return_code == 0
