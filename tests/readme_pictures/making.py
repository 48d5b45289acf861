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
from llmdash.ui.app import LlmdashApp
from llmdash.ui.screens.dashboard import DashboardScreen
from tests.readme_pictures.run import PicturedSession, pictured_run
from tests.readme_pictures.svg import Screen, moving, screen_of, still

FOLDER: Final = Path(__file__).parents[2] / ".github" / "pictures"
SIZE: Final = (120, 36)
THEMES: Final = {"dark": "deep-harbor", "light": "morning-mist"}
STEP_S: Final = 0.5
STEPS: Final = 24
BEGIN_S: Final = 20.0
SLIDE_S: Final = 26.0
"""When the rate is raised."""


def pictures() -> Iterator[tuple[str, str]]:
    """Yield the name and the SVG of each picture."""
    for shade, theme in THEMES.items():
        screens = asyncio.run(_moving(theme))
        yield f"run-{shade}.svg", moving(screens, STEP_S, "A run: jobs, keys, rate and streams as they move")


@asynccontextmanager
async def _shown(session: PicturedSession, theme: str) -> AsyncIterator[Pilot[Any]]:
    app = LlmdashApp(session=session, shipped_themes=locations.themes_dir())
    async with app.run_test(size=SIZE) as pilot:
        app.theme = theme
        await pilot.pause()
        yield pilot


async def _moving(theme: str) -> list[Screen]:
    with pictured_run() as session:
        session.advance(BEGIN_S)
        async with _shown(session, theme) as pilot:
            screens = []
            for step in range(STEPS):
                screens.append(await _picture(pilot))
                session.advance(STEP_S)
                if BEGIN_S + (step + 1) * STEP_S == SLIDE_S:
                    session.command(SetRate(20.0))
            return screens


async def _picture(pilot: Pilot[Any]) -> Screen:
    screen = pilot.app.screen
    assert isinstance(screen, DashboardScreen)
    screen.poll()
    await pilot.pause()
    return screen_of(pilot.app)


__all__ = ["FOLDER", "pictures", "still"]
