"""The keys of what asks or tells something over a screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual.widgets import Input

from llmdash.engine.model.commands import Drain, SendInBatches, SetBatchDeadline, SetBudget
from llmdash.ui.screens.budget import BudgetScreen
from tests.ui.batched import batched
from tests.ui.fake_session import FakeSession
from tests.ui.keys.presses import Keys, Place, Presses, run_shown
from tests.ui.keys.screen_keys import DASHBOARD
from tests.ui.screens.test_holds import BUDGET
from tests.ui.screens.test_holds import scene as held
from tests.ui.troubles import endpoints_out
from tests.ui.waiting import until

__all__ = ["PLACES"]


async def _open(keys: Keys, key: str, title: str) -> None:
    await keys.prepare(key)
    await until(keys.pilot, lambda: keys.screen == title and keys.app.screen.is_mounted)


async def _closed_by(keys: Keys, opened_by: str, title: str, *ways: str) -> None:
    for key in ways:
        await _open(keys, opened_by, title)
        await keys.press(key, lambda: keys.screen == DASHBOARD)


async def help_screen(presses: Presses) -> None:
    async with run_shown(presses, FakeSession()) as keys:
        await _open(keys, "question_mark", "Help")
        words = keys.app.screen.query_one(Input)
        await keys.press("slash", lambda: words.has_focus)
        await keys.press("escape", lambda: not words.has_focus and keys.screen == "Help")
        await keys.press("escape", lambda: keys.screen == DASHBOARD)
        await _closed_by(keys, "question_mark", "Help", "question_mark", "q")


async def alerts(presses: Presses) -> None:
    async with run_shown(presses, FakeSession(scene=endpoints_out())) as keys:
        await _closed_by(keys, "exclamation_mark", "Alerts", "escape", "exclamation_mark", "q")


async def budget(presses: Presses) -> None:
    session = FakeSession(scene=held(BUDGET))
    async with run_shown(presses, session) as keys:
        await _closed_by(keys, "b", "Budget", "escape")
        await _open(keys, "b", "Budget")
        assert isinstance(keys.app.screen, BudgetScreen)
        await keys.prepare(*"12.5")
        keys.app.screen.set_focus(None)  # in the field enter is the field's own
        await keys.press("enter", lambda: session.commands == [SetBudget(12.5)])


async def confirm(presses: Presses) -> None:
    session = FakeSession()
    async with run_shown(presses, session) as keys:
        await _closed_by(keys, "D", "Confirm", "n", "escape", "q")
        assert session.commands == []
        await _closed_by(keys, "D", "Confirm", "y")
        assert session.commands == [Drain()]


async def leave(presses: Presses) -> None:
    async with run_shown(presses, FakeSession(), goes_on_without=True) as keys:
        await _closed_by(keys, "q", "Leave", "escape", "q")
    for key, goes_on in (("enter", False), ("l", True)):
        async with run_shown(presses, FakeSession(), goes_on_without=True) as keys:
            await _open(keys, "q", "Leave")
            await keys.press(key, lambda: keys.app._exit)
            assert keys.app.leaves_running is goes_on


async def send_batches(presses: Presses) -> None:
    session = FakeSession(scene=batched())
    async with run_shown(presses, session) as keys:
        await _closed_by(keys, "B", "Send in batches", "n", "escape", "q")
        assert session.commands == []
        await _closed_by(keys, "B", "Send in batches", "y")
        assert session.commands == [SendInBatches()]


async def entry(presses: Presses) -> None:
    session = FakeSession(scene=batched())
    async with run_shown(presses, session) as keys:
        await _open(keys, "h", "Batches")
        await _open(keys, "t", "Entry")
        await keys.press("escape", lambda: keys.screen == "Batches")
        await _open(keys, "t", "Entry")
        await keys.prepare(*"never")
        keys.app.screen.set_focus(None)  # in the field enter is the field's own
        await keys.press("enter", lambda: session.commands == [SetBatchDeadline(None)])


async def jump(presses: Presses) -> None:
    async with run_shown(presses, FakeSession()) as keys:
        await _closed_by(keys, "ctrl+o", "Jump", "escape", "ctrl+o")


PLACES: Final[Mapping[str, Place]] = {
    "screens.help.HelpScreen": help_screen,
    "screens.alerts.AlertsScreen": alerts,
    "screens.budget.BudgetScreen": budget,
    "screens.confirm.ConfirmScreen": confirm,
    "screens.leave.LeaveScreen": leave,
    "screens.send_batches.SendBatchesScreen": send_batches,
    "screens.entry.EntryScreen": entry,
    "screens.jump.JumpScreen": jump,
}
