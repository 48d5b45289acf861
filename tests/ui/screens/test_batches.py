"""The batches of a run: what is asked before one comes back, and what a run that is not at work says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmdash.engine.model.commands import AdoptBatch, BringBack, GiveUpBatch, SetBatchDeadline
from llmdash.engine.model.frame import BatchRow
from llmdash.engine.model.states import BatchState
from llmdash.ui.app import LlmdashApp
from llmdash.ui.panels.batch_panel import BatchPanel
from llmdash.ui.screens.batches import BatchesScreen
from llmdash.ui.screens.confirm import ConfirmScreen
from llmdash.ui.screens.entry import EntryScreen
from tests.ui.batched import BATCHES, batched
from tests.ui.fake_session import FakeSession, RestingSession
from tests.ui.test_app_snapshots import SHIPPED
from tests.ui.waiting import picture, until
from tests.ui.widget_app import HOSTILE, assert_drawn_safely, running


async def test_a_batch_is_brought_back_given_up_or_adopted_after_a_question() -> None:
    session = FakeSession(scene=batched())
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=(120, 36)) as pilot:
        await picture(pilot, session)

        async def ask(screen: type[object], *keys: str) -> None:
            await pilot.press(*keys)
            await until(pilot, lambda: isinstance(app.screen, screen) and app.screen.is_mounted)

        await ask(BatchesScreen, "h")
        await picture(pilot, session)
        await ask(ConfirmScreen, "end", "up", "x")
        assert session.commands == []
        await ask(BatchesScreen, "y")
        await ask(ConfirmScreen, "home", "down", "x")
        await ask(BatchesScreen, "y")
        await ask(EntryScreen, "a")
        await ask(BatchesScreen, *"batch_9", "enter")
        await ask(EntryScreen, "t")
        await pilot.press(*"soon", "enter")
        assert isinstance(app.screen, EntryScreen), "that is no time"
        await ask(BatchesScreen, *["backspace"] * 4, *"6h", "enter")
        *before, deadline = session.commands
        assert before == [BringBack(2), GiveUpBatch(4), AdoptBatch(4, "batch_9")]
        assert isinstance(deadline, SetBatchDeadline)
        session.scene.batches = BATCHES[:1]
        await picture(pilot, session)
        await pilot.press("x")
        await until(pilot, lambda: any("It is over" in note.message for note in app._notifications))


async def test_a_run_that_is_not_at_work_shows_its_batches_and_says_how_to_go_on_with_them() -> None:
    session = RestingSession(scene=batched())
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=(120, 36)) as pilot:
        await picture(pilot, session)
        await pilot.press("h")
        await until(pilot, lambda: isinstance(app.screen, BatchesScreen) and app.screen.is_mounted)
        await picture(pilot, session)
        assert app.screen.query_one(BatchPanel).row_count() == len(BATCHES)
        for key in ("x", "t"):
            await pilot.press(key)
            await until(pilot, lambda: any("--resume" in note.message for note in app._notifications))
            app.clear_notifications()
        assert isinstance(app.screen, BatchesScreen)
        assert session.commands == []


@pytest.mark.parametrize("width", [36, 76, 196])
async def test_whatever_a_provider_says_the_columns_stay_straight(width: int) -> None:
    shown = BatchPanel()
    rows = [
        BatchRow(number, BatchState.OUT, text, text, text, text, text, detail=text)
        for number, text in enumerate(HOSTILE)
    ]
    async with running(shown, (width, 40)):
        shown.show((*rows, *(replace(row, detail="") for row in rows)))
        assert_drawn_safely(shown)
