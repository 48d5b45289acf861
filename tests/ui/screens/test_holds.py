"""A held run on the dashboard: what holds it, the keys that let it go on, and what it may spend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from llmdash.engine.model.commands import Release, Resume, RetryFailed, SetBudget, TakeWorker
from llmdash.engine.model.forecast import Hold, HoldKind
from llmdash.engine.model.frame import Alert, WorkerRow
from llmdash.engine.model.states import AlertKind, Severity, WorkerState
from llmdash.ui.app import LlmdashApp
from llmdash.ui.panels.filter_bar import FilterBar
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.panels.key_panel import KeyPanel
from llmdash.ui.panels.rate_slider import LogSlider
from llmdash.ui.panels.run_header import RunHeader
from llmdash.ui.panels.verdict_line import VerdictLine
from llmdash.ui.panels.worker_panel import WorkerPanel
from llmdash.ui.screens.budget import BudgetScreen
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.stream.pane import StreamPane
from llmdash.ui.tables.job_table import JobTable
from tests.ui.fake_session import FakeSession, Scene
from tests.ui.troubles import brake
from tests.ui.waiting import picture, until
from tests.ui.widget_app import lines

SHIPPED = Path(__file__).parents[3] / "themes"
TRIAL = Hold(HoldKind.TRIAL, "20 of 10,000 done", "the rest about $1.26", "u releases, -+ rate, q stops")
BUDGET = Hold(HoldKind.BUDGET, "$4.98 of $5.00 spent", "3,120 left, about $1.57", "b raises it, q stops")


def scene(hold: Hold | None) -> Scene:
    kind = AlertKind.TRIAL if hold is TRIAL else AlertKind.BUDGET
    alerts = () if hold is None else (Alert(kind, hold.text, hold.fix, severity=Severity.INFORMATION),)
    return Scene(hold=hold, budget=5.0, cost=4.98, alerts=alerts)


@asynccontextmanager
async def held(
    hold: Hold | None, size: tuple[int, int] = (120, 36)
) -> AsyncIterator[tuple[Pilot[Any], FakeSession]]:
    session = FakeSession(scene=scene(hold))
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=size) as pilot:
        await picture(pilot, session)
        yield pilot, session


def shown(pilot: Pilot[Any], widget: type[Any]) -> str:
    return "\n".join(lines(pilot.app.screen.query_one(widget)))


@pytest.mark.parametrize("hold", [TRIAL, BUDGET, None])
async def test_a_held_run_that_sends_nothing_is_not_offered_a_pause(hold: Hold | None) -> None:
    async with held(hold) as (pilot, _):
        assert ("p Pause" in shown(pilot, KeyBar)) == (hold is None)


@pytest.mark.parametrize("size", [(120, 36), (200, 60)])
async def test_a_held_trial_says_so_and_u_releases_it(size: tuple[int, int]) -> None:
    async with held(TRIAL, size) as (pilot, session):
        assert "◆ trial held" in shown(pilot, RunHeader)
        assert "the rest about $1.26" in shown(pilot, VerdictLine)
        assert "u Release" in shown(pilot, KeyBar)
        assert "b Budget" not in shown(pilot, KeyBar)
        await pilot.press("b", "u")
        assert session.commands == [Release()]


async def test_neither_key_does_anything_in_a_run_that_is_not_held() -> None:
    async with held(None) as (pilot, session):
        assert "u Release" not in shown(pilot, KeyBar)
        await pilot.press("u", "b")
        await pilot.pause()
        assert not session.commands
        assert isinstance(pilot.app.screen, DashboardScreen)


async def test_a_run_that_was_stopped_to_ask_goes_on_with_what_failed() -> None:
    session = FakeSession(scene=brake())
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=(120, 36)) as pilot:
        await picture(pilot, session)
        assert "fix the cause  R retry  q stop" in shown(pilot, VerdictLine)
        assert "R Retry failed" in shown(pilot, KeyBar)
        await pilot.press("c", "R")
        assert session.commands == [RetryFailed(), Resume()]


async def test_the_header_shows_what_is_spent_of_the_budget() -> None:
    async with held(None, (200, 60)) as (pilot, _session):
        assert "$4.98 → $4.98 of $5.00 budget" in shown(pilot, RunHeader)


async def test_b_asks_for_a_larger_budget() -> None:
    async with held(BUDGET) as (pilot, session):
        assert "◆ budget held: $4.98 of $5.00 spent" in shown(pilot, VerdictLine)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, BudgetScreen) and pilot.app.screen.is_mounted)
        for wrong in ("", "4", "5", "much", "-9", "1e9"):
            pilot.app.screen.query_one(Input).value = wrong
            await pilot.press("enter")
            await pilot.pause()
            problem = str(pilot.app.screen.query_one("#budget-problem", Static).render())
            assert problem == "Write an amount of more than $5.00, such as 10.00"
        assert not session.commands
        pilot.app.screen.query_one(Input).value = "$7.50"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))
        assert session.commands == [SetBudget(7.5)]


async def test_escape_leaves_the_budget_as_it_is() -> None:
    async with held(BUDGET) as (pilot, session):
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, BudgetScreen) and pilot.app.screen.is_mounted)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))
        assert not session.commands


@pytest.mark.parametrize("panel", [JobTable, KeyPanel, LogSlider, StreamPane])
async def test_the_keys_of_a_held_run_work_wherever_the_focus_is(panel: type[Any]) -> None:
    for hold in (TRIAL, BUDGET):
        async with held(hold, (200, 60)) as (pilot, session):
            pilot.app.screen.query(panel).first().focus()
            await pilot.pause()
            await pilot.press("u" if hold is TRIAL else "b")
            await until(pilot, lambda: session.commands or isinstance(pilot.app.screen, BudgetScreen))
            assert isinstance(pilot.app.screen, BudgetScreen) is (hold is BUDGET)


async def test_what_is_typed_into_the_filter_releases_nothing_and_raises_nothing() -> None:
    for hold in (TRIAL, BUDGET):
        async with held(hold) as (pilot, session):
            await pilot.press("slash", "b", "u", "b")
            assert pilot.app.screen.query_one(FilterBar).query_one(Input).value == "bub"
            assert isinstance(pilot.app.screen, DashboardScreen)
            assert not session.commands


async def test_with_the_focus_on_the_workers_u_takes_a_drained_one_and_else_releases() -> None:
    workers = (
        WorkerRow("w1", "here", WorkerState.DRAINED),
        WorkerRow("w2", "here", WorkerState.WORKING),
    )
    async with held(TRIAL, (200, 60)) as (pilot, session):
        session.scene = replace(session.scene, workers=workers)
        await picture(pilot, session)
        pilot.app.screen.query_one("#workers", WorkerPanel).focus()
        await pilot.press("u")
        assert session.commands == [TakeWorker("w1")]
        await pilot.press("down", "u")
        assert session.commands == [TakeWorker("w1"), Release()]
