"""The keys of home, of its list of kept runs, and of its lines of choices."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from textual.command import CommandPalette
from textual.widgets import Static

from llmdash.ui.home.choice_strip import ChoiceStrip
from llmdash.ui.home.kept_table import KeptTable
from llmdash.ui.launcher import PromptChoice
from tests.ui.keys.panel_keys import moves
from tests.ui.keys.presses import Keys, Place, Presses, shown
from tests.ui.screens.test_home import OPTIONS, FakeLauncher
from tests.ui.waiting import until

__all__ = ["PLACES"]


@asynccontextmanager
async def at_home(presses: Presses, launcher: FakeLauncher) -> AsyncIterator[Keys]:
    """Home, with its kept runs."""
    async with shown(presses, launcher=launcher) as keys:
        await until(keys.pilot, lambda: keys.find(KeptTable).row_count() == 3)
        yield keys


async def home(presses: Presses) -> None:
    launcher = FakeLauncher(problem="not today")
    async with at_home(presses, launcher) as keys:
        files, kept = keys.find(ChoiceStrip, "prompt-files"), keys.find(KeptTable)
        for key, is_back in (("tab", False), ("shift+tab", True), ("down", False), ("up", True)):
            await keys.leads(key, lambda: files.has_focus, is_back)
        await keys.press("h", lambda: kept.has_focus)
        await keys.press("n", lambda: files.has_focus)
        shown_keys = keys.app.screen.query_one("EndpointList", Static)
        await keys.press("v", lambda: "1 of 2 good" in str(shown_keys.render()))
        await keys.opens("ctrl+o", "Jump")
        await keys.opens("question_mark", "Help")
        for key in ("ctrl+p", "slash"):
            await keys.press(key, lambda: isinstance(keys.app.screen, CommandPalette))
            await keys.close()
        await keys.press("enter", lambda: launcher.launches)
        await keys.press("escape", lambda: keys.app._exit)


async def kept_table(presses: Presses) -> None:
    launcher = FakeLauncher(problem="not today")
    async with at_home(presses, launcher) as keys:
        table = keys.find(KeptTable)
        await keys.focus(table)
        await moves(keys, table)
        await keys.press("space", lambda: table.is_marked(table.row_at(table.cursor_row)))
        await keys.prepare("down")
        for key, what in (("enter", "open"), ("u", "go_on"), ("y", "replay")):
            await keys.leads(key, lambda: launcher.opened[-1:], [(what, "two")])
            await until(keys.pilot, lambda: all(worker.is_finished for worker in keys.app.workers))
        await keys.said("o", "two.jsonl")
        await keys.said("m", "compare two one")


async def choice_strip(presses: Presses) -> None:
    files = tuple(PromptChoice(name, choice.path) for choice in OPTIONS.prompt_files[:1] for name in "abcd")
    async with at_home(presses, FakeLauncher(choices=replace(OPTIONS, prompt_files=files))) as keys:
        strip = keys.find(ChoiceStrip, "prompt-files")
        for key, chosen in (("end", 3), ("left", 2), ("home", 0), ("right", 1)):
            await keys.leads(key, lambda: strip.chosen, chosen)


PLACES: Final[Mapping[str, Place]] = {
    "screens.home.HomeScreen": home,
    "home.kept_table.KeptTable": kept_table,
    "home.choice_strip.ChoiceStrip": choice_strip,
}
