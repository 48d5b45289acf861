"""A screen over the dashboard that draws one board, opened by its key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from textual.pilot import Pilot
from textual.widget import Widget

from llmdash.ui.app import LlmdashApp
from tests.ui.fake_session import FakeSession
from tests.ui.waiting import picture, until
from tests.ui.widget_app import lines

__all__ = ["SHIPPED", "board_shown"]

SHIPPED = Path(__file__).parents[2] / "themes"
_Board = TypeVar("_Board", bound=Widget)


@asynccontextmanager
async def board_shown(
    session: FakeSession,
    opened_by: str,
    board: type[_Board],
    drawn: str,
    *keys: str,
    size: tuple[int, int] = (120, 36),
) -> AsyncIterator[tuple[Pilot[Any], _Board]]:
    """Open a screen by a key; once the first line of its `board` has `drawn` words, press `keys`."""
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=size) as pilot:
        await pilot.press(opened_by)
        await picture(pilot, session)
        found = pilot.app.screen.query_one(board)
        await until(pilot, lambda: drawn in lines(found)[0])
        for key in keys:
            await pilot.press(key)
            await picture(pilot, session)
        yield pilot, found
