"""The keys of the inspector and of its panels."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final
from unittest.mock import patch

from llmdash.engine.model.frame import Inspection
from llmdash.ui.inspector.attempt_list import AttemptList
from llmdash.ui.inspector.chunk_ruler import ChunkRuler
from llmdash.ui.inspector.text_pane import TextPane
from llmdash.ui.screens.dashboard import DashboardScreen
from tests.ui.fake_session import FakeSession
from tests.ui.keys.panel_keys import LONG, scrolls, searches
from tests.ui.keys.presses import Keys, Place, Presses, run_shown, sent
from tests.ui.keys.screen_keys import DASHBOARD, rates, usual
from tests.ui.screens.test_inspector_keys import ANSWER, ATTEMPTS, DONE, TwoAttempts
from tests.ui.waiting import picture, until

__all__ = ["PLACES"]


class LongChunks(TwoAttempts):
    """An answer of many lines, each a chunk."""

    def chunks(self, job: int, now: float) -> tuple[str, ...]:
        return tuple(f"line {number}\n" for number in range(60))


@asynccontextmanager
async def inspected(presses: Presses, session: FakeSession) -> AsyncIterator[Keys]:
    """The inspector of a job that is done."""
    session.clock = lambda: 200.0
    async with run_shown(presses, session, goes_on_without=True) as keys:
        dashboard = keys.app.screen
        assert isinstance(dashboard, DashboardScreen)
        dashboard.inspect(DONE)
        await until(keys.pilot, lambda: keys.screen == "Inspector")
        await picture(keys.pilot, session)
        yield keys


async def inspector(presses: Presses) -> None:
    session = TwoAttempts()
    async with inspected(presses, session) as keys:
        await _steps(keys, session)
        await _copies(keys)
        await _looks(keys)
        await _outside(keys)
        await keys.press("r", lambda: sent(session, "RetryJobs"))
        await keys.press("x", lambda: sent(session, "CancelJobs"))
        await rates(keys, session)
        answer = keys.find(TextPane, "answer")
        await keys.press("tab", lambda: not answer.has_focus)
        await keys.press("shift+tab", lambda: answer.has_focus)
        await usual(keys)
        await keys.press("escape", lambda: keys.screen == DASHBOARD)


async def _steps(keys: Keys, session: FakeSession) -> None:
    for key, is_newer in (("p", True), ("n", False), ("left", True), ("right", False)):
        await keys.goes(key, lambda: session.views[-1].inspect, up=is_newer)
        await picture(keys.pilot, session)


async def _copies(keys: Keys) -> None:
    parts = {"c": ANSWER, "y": "You are a careful", "u": "curl", "j": '"id"', "a": "req_7f31"}
    for key, words in parts.items():
        keys.app._clipboard = ""
        await keys.press(key, partial(_is_copied, keys, words))


def _is_copied(keys: Keys, words: str) -> bool:
    return words in keys.app.clipboard


async def _looks(keys: Keys) -> None:
    answer, ruler = keys.find(TextPane, "answer"), keys.find(ChunkRuler)
    headers = keys.find(TextPane, "headers")
    await keys.changes("m", lambda: answer.border_words)
    await keys.press("D", lambda: answer.border_words[0] == "Difference")
    await keys.changes("h", lambda: headers.text)
    await keys.changes("b", lambda: ruler.text)
    await keys.prepare("b")
    await keys.changes("t", lambda: ruler.text)
    await keys.press("space", lambda: ruler.is_playing)
    await keys.prepare("space")


async def _outside(keys: Keys) -> None:
    """Other programs that get the text: here they copy it into a folder."""
    with tempfile.TemporaryDirectory() as name:
        program = f"cp -t {name}"
        with patch.dict(os.environ, {"PAGER": program, "VISUAL": program}):
            for count, key in enumerate(("v", "E", "e"), 1):
                await keys.leads(key, lambda: len([*Path(name).iterdir()]), count)


async def text_pane(presses: Presses) -> None:
    session = TwoAttempts()
    session.change = lambda found: replace(found, answer=LONG)
    async with inspected(presses, session) as keys:
        pane = keys.find(TextPane, "answer")
        await _whole_text(keys, pane)


async def _whole_text(keys: Keys, pane: TextPane) -> None:
    await scrolls(keys, pane)
    await keys.press("end", lambda: pane.top > 1)
    await keys.press("home", lambda: pane.top == 0)
    await searches(keys, pane, "line")


async def attempts(presses: Presses) -> None:
    session = TwoAttempts()
    session.change = _tried_often
    async with inspected(presses, session) as keys:
        panel = keys.find(AttemptList)
        await keys.focus(panel)
        for key, place in (("home", 0), ("down", 1), ("up", 0), ("end", None)):
            await keys.leads(key, lambda: panel.selected, place)
        await keys.prepare("home")
        for key in ("pagedown", "pageup"):
            await keys.changes(key, lambda: panel.top)


def _tried_often(found: Inspection) -> Inspection:
    first, last = ATTEMPTS
    tries = tuple(first._replace(attempt=number) for number in range(1, 30))
    return replace(found, attempts=(*tries, last._replace(attempt=30)))


async def ruler(presses: Presses) -> None:
    async with inspected(presses, LongChunks()) as keys:
        pane = keys.find(ChunkRuler)
        await keys.focus(pane)
        everything = pane.shown
        await keys.press("left", lambda: pane.shown == everything - 1)
        await keys.prepare("left")
        await keys.press("right", lambda: pane.shown == everything - 1)
        await keys.press("escape", lambda: pane.shown == everything)
        await keys.prepare("home")
        await _whole_text(keys, pane)


PLACES: Final[Mapping[str, Place]] = {
    "screens.inspector.InspectorScreen": inspector,
    "inspector.text_pane.TextPane": text_pane,
    "inspector.attempt_list.AttemptList": attempts,
    "inspector.chunk_ruler.ChunkRuler": ruler,
}
