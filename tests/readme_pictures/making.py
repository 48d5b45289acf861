"""Which pictures the README has, and how each is made: the app over a run on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from textual.pilot import Pilot

from llmdash import locations
from llmdash.engine.model.commands import SetRate
from llmdash.engine.model.rows import NO_TEXT
from llmdash.ui.app import LlmdashApp
from llmdash.ui.dashboard.steps import Steps
from llmdash.ui.screens.dashboard import DashboardScreen
from tests.readme_pictures.run import PicturedSession, pictured_run
from tests.readme_pictures.svg import Screen, moving, screen_of
from tests.ui.waiting import until

__all__ = ["FOLDER", "THEMES", "moving_picture", "pictures"]

FOLDER: Final = Path(__file__).parents[2] / ".github" / "pictures"
SIZE: Final = (120, 36)
THEMES: Final = {"dark": "deep-harbor", "light": "morning-mist"}
STEP_S: Final = 0.5
STEPS: Final = 24
BEGIN_S: Final = 48.0
SLIDE_S: Final = 51.0
"""When the rate is raised; a second later a key is rate limited."""


def pictures() -> Iterator[tuple[str, str]]:
    """Yield the name and the SVG of each picture."""
    for shade in THEMES:
        yield f"run-{shade}.svg", moving_picture(shade)


def moving_picture(shade: str) -> str:
    """Return a run as it moves, dark or light."""
    screens = asyncio.run(_screens(THEMES[shade]))
    return moving(screens, STEP_S, "A run: jobs, keys, rate and streams as they move")


async def _screens(theme: str) -> list[Screen]:
    with pictured_run() as session:
        session.advance(BEGIN_S)
        async with _shown(session, theme) as pilot:
            found = []
            for step in range(STEPS):
                found.append(await _screen(pilot))
                session.advance(STEP_S)
                if BEGIN_S + (step + 1) * STEP_S == SLIDE_S:
                    session.command(SetRate(20.0))
            return found


@asynccontextmanager
async def _shown(session: PicturedSession, theme: str) -> AsyncIterator[Pilot[Any]]:
    app = LlmdashApp(session=session, shipped_themes=locations.themes_dir())
    async with app.run_test(size=SIZE) as pilot:
        app.theme = theme
        screen = app.screen
        assert isinstance(screen, DashboardScreen)
        screen._board._steps = Steps(session.now)  # what moves by a clock moves by that of the run
        screen._board._keys._clock = session.now
        await until(pilot, lambda: screen._board.query("#jobs"))
        yield pilot


async def _screen(pilot: Pilot[Any]) -> Screen:
    """What is shown once the texts of all rows are read."""
    screen = pilot.app.screen
    assert isinstance(screen, DashboardScreen)
    screen.poll()
    await until(pilot, lambda: _has_texts(screen))
    await pilot.pause()
    return screen_of(pilot.app)


def _has_texts(screen: DashboardScreen) -> bool:
    screen.poll()
    rows = screen._frame.jobs.rows
    return all(row.text is not NO_TEXT for row in rows if row.state.ended)
