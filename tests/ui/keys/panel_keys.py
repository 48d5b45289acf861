"""The keys of the panels of the dashboard, each pressed where its panel has the focus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llmdash.engine.model.commands import (
    DisableKey,
    DrainWorker,
    RetryJobs,
    ReviveKey,
    Seek,
    SetWeight,
    TakeWorker,
)
from llmdash.engine.model.frame import ReplayPart
from llmdash.ui.panels.filter_bar import FilterBar
from llmdash.ui.panels.jump_bar import JumpBar
from llmdash.ui.panels.key_panel import KeyPanel
from llmdash.ui.panels.rate_slider import LogSlider
from llmdash.ui.panels.replay_bar import ReplayBar
from llmdash.ui.panels.worker_panel import WorkerPanel
from llmdash.ui.stream.pane import StreamPane
from llmdash.ui.stream.searched_lines import SearchedLines
from llmdash.ui.stream.tiles import StreamTiles
from llmdash.ui.tables.error_table import ErrorTable
from llmdash.ui.tables.event_table import EventTable
from llmdash.ui.tables.job_table import JobTable
from llmdash.ui.tables.line_table import LineTable
from tests.ui.fake_session import FakeSession, RestingSession, Scene
from tests.ui.keys.presses import Keys, Place, Presses, jobs, run_shown, sent
from tests.ui.troubles import failures, fleet
from tests.ui.waiting import picture
from tests.ui.widget_app import strips

__all__ = ["LONG", "PLACES", "moves", "scrolls", "searches"]

ROOMY = (200, 60)
LONG = "\n".join(f"line {number}" for number in range(200))


async def moves(keys: Keys, table: LineTable) -> None:
    """The six keys that move the cursor of any table, which has the focus and its cursor in the first row."""
    last = table.row_count() - 1
    page = min(last, max(1, table.page_rows - 1))
    ways = {"down": 1, "up": 0, "end": last, "home": 0, "pagedown": page, "pageup": 0}
    for key, row in ways.items():
        await keys.leads(key, lambda: table.cursor_row, row)


async def scrolls(keys: Keys, pane: Any) -> None:
    """The four keys that scroll any text, which begins at its top."""
    page = max(1, pane.content_size.height - 1)
    ways = {"down": 1, "up": 0, "pagedown": page, "pageup": 0}
    for key, top in ways.items():
        await keys.leads(key, lambda: pane.top, top)


async def searches(keys: Keys, pane: SearchedLines, words: str) -> None:
    """The keys of a search for words that are in several lines."""

    def found() -> str:
        return pane.border_words[2]

    before = found()
    await keys.press("slash", lambda: pane.is_typed_into)
    await keys.prepare(*words, "enter")
    await keys.changes("n", found)
    await keys.changes("N", found)
    await keys.press("escape", lambda: found() == before)


async def job_table(presses: Presses) -> None:
    session = FakeSession()
    async with run_shown(presses, session) as keys:
        table = keys.find(JobTable)
        await moves(keys, table)
        await keys.press("space", lambda: table.has_marks)
        await keys.press("c", lambda: keys.app.clipboard == "add-3426")
        await keys.press("M", lambda: jobs(session).filter)
        await keys.prepare("slash", "escape")
        await keys.focus(table)
        await keys.press("escape", lambda: not table.has_marks)
        await keys.press("slash", lambda: keys.find(FilterBar).is_open)
        await keys.prepare("escape")
        await keys.focus(table)
        await keys.prepare("home")
        await picture(keys.pilot, session)
        await keys.press("x", lambda: sent(session, "CancelJobs"))
        await keys.prepare("end")
        await picture(keys.pilot, session)
        await keys.press("r", lambda: sent(session, "RetryJobs"))
        await keys.press("f", lambda: table.follow)
        await keys.opens("enter", "Inspector")
        await keys.opens("C", "Columns")
        await keys.changes("i", lambda: jobs(session).descending)
        await keys.changes("s", lambda: jobs(session).sort)
        await keys.prepare("home", "up")  # into the summary, on its first figure
        await keys.changes("right", lambda: list(strips(table)))
        await keys.changes("left", lambda: list(strips(table)))


async def filter_bar(presses: Presses) -> None:
    session = FakeSession()
    async with run_shown(presses, session) as keys:
        bar, table = keys.find(FilterBar), keys.find(JobTable)
        await keys.prepare("slash", "s", "t")
        await picture(keys.pilot, session)
        await keys.press("tab", lambda: jobs(session).filter == "state:failed")
        for key in ("down", "up"):
            await keys.press(key, lambda: table.has_focus)
            await keys.prepare("slash")
        await keys.press("escape", lambda: not bar.is_open)


async def jump_bar(presses: Presses) -> None:
    async with run_shown(presses, FakeSession()) as keys:
        await keys.prepare("colon")
        await keys.press("escape", lambda: not keys.find(JumpBar).has_class("-open"))


async def key_panel(presses: Presses) -> None:
    session = FakeSession()
    async with run_shown(presses, session) as keys:
        panel = keys.find(KeyPanel)
        await keys.focus(panel)
        await moves(keys, panel)
        commands = session.commands
        await keys.press("d", lambda: commands[-1:] == [DisableKey("a1f2")])
        await keys.press("left_square_bracket", lambda: commands[-1:] == [SetWeight("a1f2", 0.75)])
        await keys.press("right_square_bracket", lambda: commands[-1:] == [SetWeight("a1f2", 1.5)])
        await keys.opens("e", "Errors")
        await keys.prepare("down")
        await keys.press("v", lambda: commands[-1:] == [ReviveKey("9bc0")])
        await keys.press("l", lambda: panel.edit_hint)
        await keys.prepare("escape")
        await keys.press("enter", lambda: jobs(session).filter == "key:9bc0")


async def slider(presses: Presses) -> None:
    session = FakeSession()
    async with run_shown(presses, session) as keys:
        await keys.focus(keys.find(LogSlider))
        ups = {
            "left": False,
            "right": True,
            "shift+left": False,
            "shift+right": True,
            "down": False,
            "up": True,
        }
        for key, up in {**ups, "home": False, "end": True}.items():
            await keys.goes(key, lambda: session.scene.rate, up=up)


async def stream(presses: Presses) -> None:
    session = FakeSession(scene=Scene(answer=LONG))
    async with run_shown(presses, session) as keys:
        pane = keys.find(StreamPane)
        await keys.focus(pane)
        await picture(keys.pilot, session)
        await keys.press("home", lambda: pane.top == 0 and not pane.follow)
        await scrolls(keys, pane)
        await keys.press("end", lambda: pane.follow)
        await keys.changes("b", lambda: pane.looks.marks)
        await keys.changes("t", lambda: pane.looks.ruler)
        await searches(keys, pane, "line")


async def tiles(presses: Presses) -> None:
    session = FakeSession(scene=Scene(answer=LONG))
    async with run_shown(presses, session, ROOMY) as keys:
        await keys.prepare("w")
        await picture(keys.pilot, session)
        wall = keys.find(StreamTiles)
        await keys.focus(wall)

        def drawn() -> list[Any]:
            return list(strips(wall))

        for key in ("right", "left", "down", "up", "pageup", "pagedown"):
            await keys.changes(key, drawn)
        for key in ("end", "escape"):
            before = drawn()
            await keys.prepare("pageup")
            await keys.leads(key, drawn, before)
        await keys.opens("enter", "Inspector")


async def replay_bar(presses: Presses) -> None:
    session = RestingSession(replay=ReplayPart(100.0, 500.0, 60.0, playing=False))
    async with run_shown(presses, session) as keys:
        await keys.focus(keys.find(ReplayBar))
        to = {
            "left": 95.0,
            "right": 105.0,
            "shift+left": 50.0,
            "shift+right": 150.0,
            "home": 0.0,
            "end": 500.0,
        }
        for key, at_s in to.items():
            await keys.leads(key, lambda: session.commands[-1:], [Seek(at_s)])


async def workers(presses: Presses) -> None:
    session = FakeSession(scene=fleet())
    async with run_shown(presses, session, ROOMY) as keys:
        panel = keys.find(WorkerPanel)
        await keys.focus(panel)
        await moves(keys, panel)
        await keys.prepare("down")
        await keys.press("d", lambda: session.commands[-1:] == [DrainWorker("w1")])
        await keys.prepare("end")
        await keys.press("u", lambda: session.commands[-1:] == [TakeWorker("w7")])
        await keys.press("enter", lambda: jobs(session).filter == "worker:w7")
        await keys.focus(panel)
        await keys.prepare("up")
        await keys.press("l", lambda: jobs(session).filter == "worker:w6")


async def errors(presses: Presses) -> None:
    session = FakeSession(scene=failures())
    async with run_shown(presses, session, ROOMY) as keys:
        table = keys.find(ErrorTable)
        await keys.focus(table)
        await moves(keys, table)
        await keys.press("r", lambda: isinstance(session.commands[-1], RetryJobs) if session.commands else 0)
        await keys.press("b", lambda: session.commands[-1:] == [DisableKey("9bc0")])
        await keys.press("k", lambda: table.skipped)
        await keys.press("enter", lambda: jobs(session).filter)


async def events(presses: Presses) -> None:
    async with run_shown(presses, FakeSession(), ROOMY) as keys:
        table = keys.find(EventTable)
        await keys.focus(table)
        await moves(keys, table)
        await keys.opens("enter", "Graphs")


PLACES: Final[Mapping[str, Place]] = {
    "tables.job_table.JobTable": job_table,
    "panels.filter_bar.FilterBar": filter_bar,
    "panels.jump_bar.JumpBar": jump_bar,
    "panels.key_panel.KeyPanel": key_panel,
    "panels.rate_slider.LogSlider": slider,
    "stream.pane.StreamPane": stream,
    "stream.tiles.StreamTiles": tiles,
    "panels.replay_bar.ReplayBar": replay_bar,
    "panels.worker_panel.WorkerPanel": workers,
    "tables.error_table.ErrorTable": errors,
    "tables.event_table.EventTable": events,
}
