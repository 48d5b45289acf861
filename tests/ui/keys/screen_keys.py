"""The keys of the screens that lie over the dashboard, of the comparison, and of their tables."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, chdir
from pathlib import Path
from typing import Any, Final

from textual.command import CommandPalette

from llmdash.engine.model.changes import CHANGED
from llmdash.engine.model.commands import DisableKey, DrainWorker, TakeWorker
from llmdash.engine.model.comparison import PairSort
from llmdash.ui.charts.graph_board import GraphBoard
from llmdash.ui.charts.timing_board import TimingBoard
from llmdash.ui.panels.batch_panel import BatchPanel
from llmdash.ui.panels.filter_bar import FilterBar
from llmdash.ui.panels.key_panel import KeyPanel
from llmdash.ui.panels.rate_slider import LogSlider
from llmdash.ui.panels.worker_panel import WorkerPanel
from llmdash.ui.screens.columns import ColumnList
from llmdash.ui.tables.group_table import GroupTable
from llmdash.ui.tables.pair_table import PairTable
from tests.ui.batched import batched
from tests.ui.compared import FakeComparison
from tests.ui.fake_session import FakeSession
from tests.ui.keys.panel_keys import ROOMY, moves
from tests.ui.keys.presses import Keys, Place, Presses, jobs, run_shown, sent, shown
from tests.ui.troubles import failures, fleet
from tests.ui.waiting import picture, until
from tests.ui.widget_app import strips

__all__ = ["PLACES"]

DASHBOARD: Final = "Everywhere"


@asynccontextmanager
async def over(
    presses: Presses, session: FakeSession, opened_by: str, size: tuple[int, int] = ROOMY
) -> AsyncIterator[Keys]:
    """A screen over the dashboard, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        async with run_shown(presses, session, size, goes_on_without=True) as keys:
            await open_again(keys, session, opened_by)
            yield keys


async def open_again(keys: Keys, session: FakeSession, opened_by: str) -> None:
    await keys.prepare(opened_by)
    await picture(keys.pilot, session)


async def back_by(keys: Keys, session: FakeSession, opened_by: str, *ways: str) -> None:
    """Keys that lead to the dashboard."""
    for key in ways:
        await keys.press(key, lambda: keys.screen == DASHBOARD)
        await open_again(keys, session, opened_by)


async def usual(keys: Keys) -> None:
    """The keys that most screens have."""
    await keys.opens("question_mark", "Help")
    await keys.opens("q", "Leave")
    await keys.press("ctrl+p", lambda: isinstance(keys.app.screen, CommandPalette))
    await keys.close()


async def rates(keys: Keys, session: FakeSession) -> None:
    """The keys that change the rate, and pause."""
    for key, up in (("minus", False), ("plus", True), ("equals_sign", True)):
        await keys.goes(key, lambda: session.scene.rate, up=up)


async def errors(presses: Presses) -> None:
    session = FakeSession(scene=failures())
    async with over(presses, session, "e") as keys:
        table = keys.find(GroupTable)
        await keys.press("r", lambda: sent(session, "RetryJobs"))
        await keys.press("b", lambda: session.commands[-1:] == [DisableKey("9bc0")])
        await keys.press("R", lambda: sent(session, "RetryFailed"))
        await keys.press("k", lambda: table.skipped)
        await keys.changes("s", lambda: table.sort)
        await keys.press("c", lambda: keys.app.clipboard)
        await keys.press("slash", lambda: keys.find(FilterBar).is_open)
        await keys.prepare("escape")
        await keys.opens("i", "Inspector")
        await usual(keys)
        await back_by(keys, session, "e", "escape", "e")
        await keys.press("enter", lambda: keys.screen == DASHBOARD and jobs(session).filter)
        await keys.focus(keys.find(KeyPanel))
        await open_again(keys, session, "e")  # what that key has failed in
        await keys.press("a", lambda: not session.views[-1].errors_of)


async def groups(presses: Presses) -> None:
    async with over(presses, FakeSession(scene=failures()), "e") as keys:
        await moves(keys, keys.find(GroupTable))


async def graphs(presses: Presses) -> None:
    session = FakeSession()
    async with over(presses, session, "g") as keys:
        board = keys.find(GraphBoard)

        def drawn() -> list[Any]:
            return list(strips(board))

        plain = drawn()
        await keys.prepare("left")
        for key in ("left", "right", "shift+left", "shift+right"):
            await keys.changes(key, drawn)
        await keys.press("escape", lambda: drawn() == plain)
        for key in ("right_square_bracket", "less_than_sign", "greater_than_sign", "left_square_bracket"):
            await keys.changes(key, board.wanted)
        await keys.prepare("right_square_bracket", "less_than_sign")
        await keys.changes("end", board.wanted)
        await keys.changes("home", board.wanted)
        for key in "1234":
            await keys.changes(key, drawn)
        await keys.press("x", lambda: list(Path.cwd().glob("*.csv")))
        await keys.press("p", lambda: sent(session, "Pause"))
        await rates(keys, session)
        await usual(keys)
        await back_by(keys, session, "g", "g", "escape")


async def figures(presses: Presses) -> None:
    session = FakeSession()
    async with over(presses, session, "G") as keys:
        board = keys.find(TimingBoard)
        for key in ("down", "up", "b", "B"):
            await keys.changes(key, lambda: list(strips(board)))
        await keys.prepare("b")
        await picture(keys.pilot, session)
        for key in ("right", "left"):
            await keys.changes(key, lambda: board.timings)
        await keys.press("x", lambda: list(Path.cwd().glob("*.csv")))
        await keys.press("j", lambda: list(Path.cwd().glob("*.json")))
        await usual(keys)
        await back_by(keys, session, "G", "escape", "G")


async def columns(presses: Presses) -> None:
    session = FakeSession()
    async with over(presses, session, "C") as keys:
        await back_by(keys, session, "C", "escape", "C", "q")


async def column_list(presses: Presses) -> None:
    async with over(presses, FakeSession(), "C", (80, 24)) as keys:
        table = keys.find(ColumnList)
        await moves(keys, table)

        def order() -> list[tuple[str, bool]]:
            return [table.row_at(row) for row in range(table.row_count())]

        usual_order = order()
        for key in ("space", "enter"):
            await keys.changes(key, order)
        await keys.prepare("home")
        for key in ("J", "K", "shift+down", "shift+up"):
            await keys.changes(key, order)
        await keys.press("backspace", lambda: order() == usual_order)


async def workers(presses: Presses) -> None:
    session = FakeSession(scene=fleet())
    async with over(presses, session, "m") as keys:
        await keys.prepare("down")
        await _off_the_table(keys)
        await keys.press("d", lambda: session.commands[-1:] == [DrainWorker("w1")])
        await keys.press("p", lambda: sent(session, "Pause"))
        await rates(keys, session)
        await keys.focus(keys.find(WorkerPanel))
        await keys.prepare("end")
        await _off_the_table(keys)
        await keys.press("u", lambda: session.commands[-1:] == [TakeWorker("w7")])
        await usual(keys)
        await back_by(keys, session, "m", "escape", "m")
        for key, title in (("e", "Errors"), ("g", "Graphs"), ("exclamation_mark", "Alerts")):
            await _off_the_table(keys)
            await keys.leads(key, lambda: keys.screen, title)
            await keys.close()
            if keys.screen == DASHBOARD:
                await open_again(keys, session, "m")
        for key in ("enter", "l"):
            await keys.prepare("down")
            await _off_the_table(keys)
            await keys.press(key, lambda: keys.screen == DASHBOARD and jobs(session).filter)
            await keys.prepare("slash", "escape")
            await open_again(keys, session, "m")


async def _off_the_table(keys: Keys) -> None:
    await keys.focus(keys.find(LogSlider))


async def batches(presses: Presses) -> None:
    session = FakeSession(scene=batched())
    async with over(presses, session, "h") as keys:
        await keys.prepare("down")
        await _off_the_table(keys)
        await keys.opens("x", "Confirm")
        await keys.opens("a", "Entry")
        await keys.opens("t", "Entry")
        await keys.opens("B", "Send in batches")
        await keys.press("p", lambda: sent(session, "Pause"))
        await rates(keys, session)
        await usual(keys)
        await back_by(keys, session, "h", "escape", "h")
        for key, title in (("e", "Errors"), ("g", "Graphs"), ("exclamation_mark", "Alerts")):
            await _off_the_table(keys)
            await keys.leads(key, lambda: keys.screen, title)
            await keys.close()
            if keys.screen == DASHBOARD:
                await open_again(keys, session, "h")
        for key in ("enter", "l"):
            await _off_the_table(keys)
            await keys.press(key, lambda: keys.screen == DASHBOARD and jobs(session).filter == "batch:5")
            await keys.prepare("slash", "escape")
            await open_again(keys, session, "h")


async def batch_table(presses: Presses) -> None:
    session = FakeSession(scene=batched())
    async with over(presses, session, "h") as keys:
        table = keys.find(BatchPanel)
        await keys.focus(table)
        await moves(keys, table)
        await keys.prepare("home")
        await keys.opens("x", "Confirm")
        await keys.prepare("down")
        await keys.opens("a", "Entry")
        for key in ("enter", "l"):
            await keys.press(key, lambda: keys.screen == DASHBOARD and jobs(session).filter)
            await keys.prepare("slash", "escape")
            await open_again(keys, session, "h")


async def comparison(presses: Presses) -> None:
    source = FakeComparison()
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        async with shown(presses, comparison=source) as keys:
            await until(keys.pilot, lambda: source.views and source.views[-1] == keys.find(PairTable).view)
            await _compared(keys, source)
        for key in ("q", "escape"):
            async with shown(presses, comparison=source) as keys:
                await keys.press(key, lambda: keys.app._exit)
                assert keys.app.return_code == 0


async def _compared(keys: Keys, source: FakeComparison) -> None:
    table, screen = keys.find(PairTable), keys.app.screen
    for key in "123456789":
        await keys.press(key, lambda: table.changes != CHANGED and len(source.views[-1].changes) <= 2)
        await keys.prepare(key)
    await keys.press("a", lambda: table.changes > CHANGED)
    await keys.press("0", lambda: table.changes == CHANGED)
    await keys.opens("ctrl+o", "Jump")
    await keys.opens("question_mark", "Help")
    await keys.press("ctrl+p", lambda: isinstance(keys.app.screen, CommandPalette))
    await keys.close()
    await keys.press("e", lambda: source.exported)
    await keys.press("slash", lambda: keys.find(FilterBar).is_open)
    await keys.prepare("escape")
    screen.set_focus(None)
    await keys.press("enter", lambda: screen.has_class("answers-large"))
    await keys.press("s", lambda: source.views[-1].sort is not PairSort.INPUT)
    await keys.press("i", lambda: source.views[-1].reverse)


async def pairs(presses: Presses) -> None:
    source = FakeComparison()
    async with shown(presses, comparison=source) as keys:
        table = keys.find(PairTable)
        await until(keys.pilot, lambda: source.views and source.views[-1] == table.view and table.row_count())
        await moves(keys, table)
        await keys.changes("s", lambda: source.views[-1].sort)
        await keys.changes("i", lambda: source.views[-1].reverse)
        await keys.press("enter", lambda: keys.app.screen.has_class("answers-large"))


PLACES: Final[Mapping[str, Place]] = {
    "screens.errors.ErrorsScreen": errors,
    "tables.group_table.GroupTable": groups,
    "screens.graphs.GraphsScreen": graphs,
    "screens.figures.FiguresScreen": figures,
    "screens.columns.ColumnsScreen": columns,
    "screens.columns.ColumnList": column_list,
    "screens.workers.WorkersScreen": workers,
    "screens.batches.BatchesScreen": batches,
    "panels.batch_panel.BatchPanel": batch_table,
    "screens.comparison.ComparisonScreen": comparison,
    "tables.pair_table.PairTable": pairs,
}
