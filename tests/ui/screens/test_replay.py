"""A replay on the dashboard: its bar and its keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llmdash.engine.model.commands import Command, Pause, Resume, Seek
from llmdash.engine.model.frame import Frame, ReplayPart
from llmdash.engine.model.view import View
from llmdash.ui.app import LlmdashApp
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.panels.replay_bar import ReplayBar
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.text.keymap import entries
from tests.ui.fake_session import FakeSession

SHIPPED = Path(__file__).parents[3] / "themes"


class Replayed:
    """A session that plays."""

    def __init__(self, part: ReplayPart | None) -> None:
        self.part = part
        self.commands: list[Command] = []
        self._session = FakeSession()

    def frame(self, view: View) -> Frame:
        return replace(self._session.frame(view), replay=self.part)

    def command(self, command: Command) -> None:
        self.commands.append(command)


PLAYS = ReplayPart(100.0, 1_000.0, 60.0, True)


@pytest.mark.parametrize(("part", "command"), [(PLAYS, Pause()), (replace(PLAYS, playing=False), Resume())])
async def test_p_stops_it_and_plays_on(part: ReplayPart, command: Command) -> None:
    session = Replayed(part)
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await pilot.press("p")
        await pilot.pause()
        assert session.commands == [command]


@pytest.mark.parametrize("part", [PLAYS, replace(PLAYS, playing=False), None])
async def test_the_help_says_what_the_key_does_to_a_replay(part: ReplayPart | None) -> None:
    app = LlmdashApp(session=Replayed(part), shipped_themes=SHIPPED)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        [entry] = [entry for entry in entries(app.screen) if entry.action == "toggle_pause"]
        assert ("nothing new" in entry.help) == (part is None)
        assert ("replay" in entry.help) == (part is not None)


async def test_the_bar_takes_the_replay_elsewhere() -> None:
    session = Replayed(PLAYS)
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        app.screen.query_one(ReplayBar).focus()
        await pilot.press("end")
        await pilot.pause()
        assert session.commands == [Seek(1_000.0)]


async def test_a_run_itself_has_neither_bar_nor_keys_of_a_replay() -> None:
    session = Replayed(None)
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        assert not app.screen.query_one(ReplayBar).display
        await pilot.press("less_than_sign", "full_stop")
        await pilot.pause()
        assert session.commands == []
        screen = app.screen
        assert isinstance(screen, DashboardScreen)
        assert screen.renamed["replay_seek(-5)"] == ""
        assert screen.query_one(KeyBar)
