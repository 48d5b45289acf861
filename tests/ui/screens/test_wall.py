"""The streams side by side on the dashboard: they choose and open jobs as the table does."""

from __future__ import annotations

from pathlib import Path

from llmdash.ui.app import LlmdashApp
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.screens.inspector import InspectorScreen
from llmdash.ui.stream.pane import StreamPane
from llmdash.ui.stream.tiles import StreamTiles
from llmdash.ui.tables.job_table import JobTable
from tests.ui.fake_session import FakeSession
from tests.ui.waiting import picture, until

SHIPPED = Path(__file__).parents[3] / "themes"


async def test_escape_leaves_the_wall_once_its_streams_are_followed() -> None:
    session = FakeSession(clock=lambda: 200.0)
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=(120, 36)) as pilot:
        await picture(pilot, session)
        tiles, one = app.screen.query_one(StreamTiles), app.screen.query_one(StreamPane)
        await pilot.press("w")
        await until(pilot, lambda: tiles.display and not one.display)
        await picture(pilot, session)
        tiles.focus()
        await pilot.press("escape")
        await until(pilot, lambda: one.display and not tiles.display)
        await picture(pilot, session)
        assert session.views[-1].tiles == 0


async def test_a_stream_that_is_clicked_is_the_job_of_the_table_and_twice_or_enter_opens_it() -> None:
    session = FakeSession(clock=lambda: 200.0)
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=(200, 60)) as pilot:
        await picture(pilot, session)
        screen = app.screen
        assert isinstance(screen, DashboardScreen)
        tiles, jobs = screen.query_one(StreamTiles), screen.query_one(JobTable)
        await until(pilot, lambda: len(session.frame(session.views[-1]).tiles) >= 2)
        second = session.frame(session.views[-1]).tiles[1].job
        await pilot.click(tiles, offset=(tiles.content_size.width // 2 + 6, 3))
        await until(pilot, lambda: jobs.cursor_job == second)
        assert screen.focused is tiles and not jobs.follow
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, InspectorScreen))
        await picture(pilot, session)
        assert session.views[-1].inspect == second
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.click(tiles, offset=(6, 3), times=2)
        await until(pilot, lambda: isinstance(app.screen, InspectorScreen))
