"""The keys of the dashboard, pressed where no panel has them, and those of its job table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from textual.command import CommandPalette

from llmdash.engine.model.commands import (
    Cancel,
    Seek,
    SetSpeed,
)
from llmdash.engine.model.frame import ReplayPart
from llmdash.engine.model.states import SortColumn
from llmdash.ui.dashboard.keys import SORT_KEYS
from llmdash.ui.home.kept_table import KeptTable
from llmdash.ui.panels.filter_bar import FilterBar
from llmdash.ui.panels.jump_bar import JumpBar
from llmdash.ui.panels.key_panel import KeyPanel
from llmdash.ui.panels.rate_slider import LogSlider
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.screens.home import HomeScreen
from llmdash.ui.stream.pane import StreamPane
from llmdash.ui.stream.tiles import StreamTiles
from llmdash.ui.tables.job_table import JobTable
from tests.ui.batched import BATCHES
from tests.ui.fake_session import FakeSession, RestingSession
from tests.ui.keys.presses import Keys, Place, Presses, jobs, run_shown, sent, shown
from tests.ui.screens.test_holds import BUDGET, TRIAL
from tests.ui.screens.test_holds import scene as held
from tests.ui.screens.test_home import FakeLauncher
from tests.ui.troubles import brake, finished, fleet
from tests.ui.waiting import picture, until

__all__ = ["PLACES"]


async def dashboard(presses: Presses) -> None:
    await _run_at_work(presses)
    await _sorting(presses)
    await _openings(presses)
    await _troubles(presses)
    await _replay(presses)
    await _home(presses)


async def _run_at_work(presses: Presses) -> None:
    session = FakeSession()
    async with run_shown(presses, session, write_results=lambda *_: "results.jsonl") as keys:
        table = keys.find(JobTable)
        await keys.prepare("end")
        await picture(keys.pilot, session)
        await _to_slider(keys)
        await keys.press("r", lambda: sent(session, "RetryJobs"))
        await keys.press("c", lambda: keys.app.clipboard == "add-0000")
        await keys.press("f", lambda: table.follow)
        await picture(keys.pilot, session)
        await keys.press("x", lambda: sent(session, "CancelJobs"))
        await keys.focus(keys.find(KeyPanel))  # on the slider this begins `inf`
        await keys.changes("i", lambda: jobs(session).descending)
        await _to_slider(keys)
        await keys.changes("s", lambda: jobs(session).sort)
        await keys.press("p", lambda: sent(session, "Pause"))
        await keys.press("a", lambda: sent(session, "SetAuto"))
        await keys.press("X", lambda: sent(session, "Cancel"))
        rates = [session.scene.rate or 0.0]
        for key, up in (("minus", False), ("plus", True), ("equals_sign", True)):
            await keys.press(key, lambda: sent(session, "SetRate") and session.scene.rate != rates[-1])
            rates.append(session.scene.rate or 0.0)
            assert (rates[-1] > rates[-2]) is up
        pane = keys.find(StreamPane)
        await keys.changes("b", lambda: pane.looks.marks)
        await keys.changes("t", lambda: pane.looks.ruler)
        await keys.press("w", lambda: not pane.display and keys.find(StreamTiles).display)
        await keys.said("o", "results.jsonl")
        await keys.press("ctrl+z", lambda: keys.app.stops)
        await _finding(keys, session)


async def _finding(keys: Keys, session: FakeSession) -> None:
    table, bar, jump = keys.find(JobTable), keys.find(FilterBar), keys.find(JumpBar)
    await keys.press("slash", lambda: bar.is_open)
    await keys.prepare("enter")
    await keys.focus(table)
    await keys.prepare("space")
    await _to_slider(keys)
    await keys.press("M", lambda: jobs(session).filter)
    await _to_slider(keys)
    await keys.press("escape", lambda: not jobs(session).filter)
    await keys.press("colon", lambda: jump.has_class("-open"))
    await keys.prepare("escape")
    await keys.press("tab", lambda: not table.has_focus)
    await keys.press("shift+tab", lambda: table.has_focus)


async def _to_slider(keys: Keys) -> None:
    """The focus goes where none of the keys is another's."""
    await keys.focus(keys.find(LogSlider))


async def _sorting(presses: Presses) -> None:
    session = FakeSession()
    async with run_shown(presses, session) as keys:
        for column, key in (*list(SORT_KEYS.items())[1:], (SortColumn.NEWEST, SORT_KEYS[SortColumn.NEWEST])):
            await keys.leads(key, lambda: jobs(session).sort, column)


async def _openings(presses: Presses) -> None:
    session = FakeSession(scene=fleet())
    async with run_shown(presses, session, goes_on_without=True) as keys:
        await _to_slider(keys)
        titles = {
            "enter": "Inspector", "C": "Columns", "e": "Errors", "g": "Graphs", "G": "Figures",
            "D": "Confirm", "exclamation_mark": "Alerts",
            "question_mark": "Help", "ctrl+o": "Jump", "q": "Leave",
        }  # fmt: skip
        for key, title in titles.items():
            await keys.opens(key, title)
        await keys.focus(keys.find(KeyPanel))  # on the slider this begins `max`
        await keys.opens("m", "Workers")
        session.scene.batches = BATCHES
        await picture(keys.pilot, session)
        await keys.opens("h", "Batches")
        await keys.opens("B", "Send in batches")
        await keys.press("ctrl+p", lambda: isinstance(keys.app.screen, CommandPalette))


async def _troubles(presses: Presses) -> None:
    trial = FakeSession(scene=held(TRIAL))
    async with run_shown(presses, trial) as keys:
        await keys.press("u", lambda: sent(trial, "Release"))
    budget = FakeSession(scene=held(BUDGET))
    async with run_shown(presses, budget) as keys:
        await keys.opens("b", "Budget")
    failed = FakeSession(clock=lambda: 700.0, scene=finished())
    async with run_shown(presses, failed) as keys:
        await _to_slider(keys)
        await keys.press("R", lambda: sent(failed, "RetryFailed"))


async def _replay(presses: Presses) -> None:
    session = RestingSession(replay=ReplayPart(100.0, 561.0, 60.0, playing=False))
    async with run_shown(presses, session) as keys:
        for key, command in (
            ("less_than_sign", Seek(71.95)),
            ("greater_than_sign", Seek(128.05)),
            ("comma", SetSpeed(20.0)),
            ("full_stop", SetSpeed(100.0)),
        ):
            await keys.leads(key, lambda: session.commands[-1:], [command])


async def _home(presses: Presses) -> None:
    stopped = FakeSession(scene=brake())
    async with _begun_at_home(presses, stopped) as keys:
        await keys.press("c", lambda: Cancel() in stopped.commands)
    done = FakeSession(clock=lambda: 700.0, scene=finished())
    async with _begun_at_home(presses, done) as keys:
        await keys.press("n", lambda: isinstance(keys.app.screen, HomeScreen))


@asynccontextmanager
async def _begun_at_home(presses: Presses, session: FakeSession) -> AsyncIterator[Keys]:
    """The dashboard of a run that was opened at home."""
    launcher = FakeLauncher(holds_run=True, session=lambda: session)
    async with shown(presses, launcher=launcher) as keys:
        table = keys.find(KeptTable)
        await until(keys.pilot, lambda: table.row_count() == 3)
        await keys.focus(table)
        await keys.prepare("enter")
        await until(keys.pilot, lambda: isinstance(keys.app.screen, DashboardScreen))
        await picture(keys.pilot, session)
        yield keys


PLACES: Final[Mapping[str, Place]] = {"screens.dashboard.DashboardScreen": dashboard}
