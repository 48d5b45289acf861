"""What each key of the inspector does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.selection import Selection
from textual.widget import Widget

from llmdash.engine.model.frame import Inspection
from llmdash.engine.model.records import AttemptRecord, ResultRecord
from llmdash.engine.model.view import JobsView
from llmdash.ui.app import LlmdashApp
from llmdash.ui.clipboard import Clipboard
from llmdash.ui.inspector.attempt_list import AttemptList
from llmdash.ui.inspector.chunk_ruler import ChunkRuler
from llmdash.ui.inspector.text_pane import TextPane
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.screens.inspector import InspectorScreen
from tests.ui.fake_session import FakeSession
from tests.ui.waiting import picture, until
from tests.ui.widget_app import assert_drawn_safely, lines

SHIPPED = Path(__file__).parents[3] / "themes"
DONE = 3399
"""A job that is done, right, and whose answer stalled."""
ATTEMPTS = (
    AttemptRecord(
        DONE, 1, "9bc0", "failed", 1_767_225_600.0, "transient", None, "the answer ended early", "req_7f31",
        latency_s=0.4, ended_at=1_767_225_600.4, partial='{"expression": "4 x 17", "result": 6',
    ),
    AttemptRecord(
        DONE, 2, "a1f2", "ok", 1_767_225_602.7, None, 200, None, "req_81c0", ttft_s=0.36, latency_s=0.88,
        input_tokens=54, output_tokens=15, model="gpt-4o-mini",
        headers="200\nopenai-processing-ms: 612\nx-ratelimit-remaining-requests: 128\nx-request-id: req_81c0",
    ),
)  # fmt: skip
ANSWER = '{"expression": "4 x 17 - 3", "result": 65}'


class TwoAttempts(FakeSession):
    """Every job was cut off once; `change` is a test's own view of it."""

    change: Callable[[Inspection], Inspection] = staticmethod(lambda found: found)

    def inspection(self, job: int, now: float, view: JobsView) -> Inspection:
        found = super().inspection(job, now, view)
        record = ResultRecord(
            job, found.row.id, "done", text=ANSWER, model="gpt-4o-mini", endpoint="openai", input_tokens=54,
            output_tokens=15, finish_reason="stop",
        )  # fmt: skip
        return self.change(replace(found, attempts=ATTEMPTS, record=record, answer=ANSWER))


@asynccontextmanager
async def opened(
    session: FakeSession, *keys: str, size: tuple[int, int] = (120, 36)
) -> AsyncIterator[Pilot[Any]]:
    session.clock = lambda: 200.0
    nowhere = Clipboard({"TERM": "xterm-kitty"}, find=lambda _name: None)
    app = LlmdashApp(session=session, shipped_themes=SHIPPED, system_clipboard=nowhere)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, DashboardScreen)
        app.screen.inspect(DONE)
        await until(pilot, lambda: isinstance(app.screen, InspectorScreen))
        await picture(pilot, session)
        await pilot.press(*keys)
        await picture(pilot, session)
        yield pilot


def is_in_sight(pilot: Pilot[Any], widget: Widget) -> bool:
    return pilot.app.screen.region.contains_point(widget.region.offset)


def pane(pilot: Pilot[Any], name: str) -> TextPane:
    return pilot.app.screen.query_one(f"#{name}", TextPane)


def attempts(pilot: Pilot[Any]) -> AttemptList:
    return pilot.app.screen.query_one(AttemptList)


def ruler(pilot: Pilot[Any]) -> ChunkRuler:
    return pilot.app.screen.query_one(ChunkRuler)


def toasts(pilot: Pilot[Any]) -> str:
    return "\n".join(note.message for note in pilot.app._notifications)


async def test_the_head_says_what_came_of_it_and_where_it_is_in_the_table() -> None:
    async with opened(TwoAttempts()) as pilot:
        head = lines(pilot.app.screen.query_one("#inspected"))[0]
        assert head.startswith("add-3399   ● done   ✓ right   finish stop   a1f2 @ openai   gpt-4o-mini   ")
        assert head.endswith("201st of 3,600   p before  n next")


async def test_under_a_filter_the_place_is_that_among_its_jobs() -> None:
    session = TwoAttempts()
    async with opened(session) as pilot:
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))
        await pilot.press("slash", *"state:failed", "enter", "home", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, InspectorScreen))
        await picture(pilot, session)
        head = " ".join(lines(pilot.app.screen.query_one("#inspected")))
        assert "1st of" in head and "state:failed" in head


async def test_a_chosen_attempt_shows_its_own_text_and_is_what_is_copied() -> None:
    async with opened(TwoAttempts()) as pilot:
        assert pane(pilot, "answer").text.startswith(ANSWER)
        attempts(pilot).focus()
        await pilot.press("up")
        assert pane(pilot, "answer").text == ATTEMPTS[0].partial
        assert pane(pilot, "answer").border_words[0] == "Attempt 1"
        await pilot.press("c")
        assert pilot.app.clipboard == ATTEMPTS[0].partial
        await pilot.press("end")
        assert pane(pilot, "answer").text.startswith(ANSWER)


async def test_an_attempt_is_chosen_with_the_mouse() -> None:
    async with opened(TwoAttempts()) as pilot:
        drawn = lines(attempts(pilot))
        for start, chosen in ((" 1", 0), ("›2", None)):
            y = next(y for y, line in enumerate(drawn) if line.startswith(start))
            await pilot.click("#attempts", offset=(10, y + 1))
            assert attempts(pilot).selected == chosen


async def test_the_bars_of_attempts_are_on_one_scale() -> None:
    async with opened(TwoAttempts()) as pilot:
        drawn = attempts(pilot).text.splitlines()
        assert "0s················5s" in drawn[0]
        second = next(line for line in drawn if line.startswith("2"))
        assert "2.30s" in second and "·········──━━" in second


async def test_d_shows_what_differs_between_two_attempts() -> None:
    async with opened(TwoAttempts(), "D") as pilot:
        assert pane(pilot, "answer").border_words[0] == "Difference"
        assert "{+" in pane(pilot, "answer").text
        await pilot.press("D")
        assert pane(pilot, "answer").border_words[0] == "Answer"


async def test_without_another_attempt_there_is_no_difference() -> None:
    session = TwoAttempts()
    session.change = lambda found: replace(found, attempts=ATTEMPTS[1:])
    async with opened(session, "D") as pilot:
        assert "no other attempt" in toasts(pilot)
        assert pane(pilot, "answer").border_words[0] == "Answer"


async def test_m_renders_markdown_and_shows_it_as_it_came() -> None:
    session = TwoAttempts()
    session.change = lambda found: replace(found, answer="# Title\n\n[a](https://x)", expected=None)
    async with opened(session) as pilot:
        assert pane(pilot, "answer").text.startswith("# Title\n\n[a](https://x)")
        await pilot.press("m")
        assert pane(pilot, "answer").text.startswith("# Title\n\na (https://x)")
        await pilot.press("c")
        assert pilot.app.clipboard == "# Title\n\n[a](https://x)", "what is copied is what came"


async def test_a_slash_searches_the_text_in_focus_and_n_steps_to_jobs_again_afterwards() -> None:
    session = TwoAttempts()
    story = "\n".join(f"{number} words" for number in range(100))
    session.change = lambda found: replace(found, answer=story, expected=None)
    async with opened(session, "slash", *"5 WORDS", "enter") as pilot:
        assert pane(pilot, "answer").border_words[2].startswith("/5 WORDS · line 1 of 10 with it")
        await pilot.press("n")
        assert "line 2 of 10" in pane(pilot, "answer").border_words[2]
        assert any(line.startswith("15 words") for line in lines(pane(pilot, "answer")))
        await pilot.press("escape")
        assert pane(pilot, "answer").border_words[2] == ""
        await pilot.press("n")
        await picture(pilot, session)
        assert session.views[-1].inspect == DONE - 1


async def test_each_copy_says_what_it_is_and_how_much() -> None:
    async with opened(TwoAttempts(), "c") as pilot:
        await until(pilot, lambda: "Copied the answer, 42 characters" in toasts(pilot))
        await pilot.press("y")
        assert pilot.app.clipboard.startswith("You are a careful calculator.")
        await pilot.press("j")
        assert json.loads(pilot.app.clipboard)["text"] == ANSWER
        await pilot.press("u")
        assert pilot.app.clipboard.startswith("curl -sS https://api.openai.com")
        assert '"authorization: Bearer $API_KEY"' in pilot.app.clipboard
        await pilot.press("a")
        assert "req_7f31" in pilot.app.clipboard
        await until(pilot, lambda: "Copied the attempts" in toasts(pilot))


async def test_where_the_request_cannot_be_made_there_is_no_curl() -> None:
    session = TwoAttempts()
    session.change = lambda found: replace(found, request=None)
    async with opened(session, "u") as pilot:
        assert "The request is not known here" in toasts(pilot)
        assert pilot.app.clipboard == ""


async def test_h_shows_all_headers_and_the_body() -> None:
    async with opened(TwoAttempts()) as pilot:
        assert (
            "POST https://api.openai.com/v1/chat/completions   stream   temperature 0"
            in pane(pilot, "headers").text
        )
        assert "requests 500/min, 128 left, full again in 44s" in pane(pilot, "headers").text
        first = "answer    200   x-ratelimit-remaining-requests 128   openai-processing-ms 612   x-request-id"
        assert first in pane(pilot, "headers").text
        await pilot.press("h")
        assert "authorization: Bearer $API_KEY" in pane(pilot, "headers").text
        assert "answered  openai-processing-ms: 612" in pane(pilot, "headers").text
        await pilot.press("h")
        assert "authorization" not in pane(pilot, "headers").text


async def test_the_chunks_are_stepped_through_played_and_drawn_as_wanted() -> None:
    async with opened(TwoAttempts()) as pilot:
        assert "longest gap 260 ms" in ruler(pilot).text
        await pilot.press("space")
        assert ruler(pilot).is_playing
        await pilot.press("space")
        assert not ruler(pilot).is_playing
        ruler(pilot).focus()
        await pilot.press("left")
        assert "chunk" in ruler(pilot).text
        await pilot.press("escape")
        assert ruler(pilot).shown == 16, "escape shows all of it again, and leads back only then"
        assert isinstance(pilot.app.screen, InspectorScreen)
        await pilot.press("b", "t")
        assert "260\n" not in ruler(pilot).text


async def test_the_pager_needs_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(TwoAttempts(), "v") as pilot:
        assert "cannot have this terminal" in toasts(pilot)
    monkeypatch.setenv("EDITOR", "vi 'x")
    async with opened(TwoAttempts(), "E") as pilot:
        assert "$EDITOR has a quote without its end" in toasts(pilot)


async def test_any_text_is_selected_and_ctrl_c_copies_it_and_does_not_quit() -> None:
    async with opened(TwoAttempts()) as pilot:
        for name, text in (("prompt", "You are"), ("headers", "request")):
            part = pane(pilot, name)
            y = next(y for y, line in enumerate(lines(part)) if line.startswith(text))
            pilot.app.screen.selections = {part: Selection(Offset(0, y), Offset(len(text), y))}
            await pilot.press("ctrl+c")
            assert pilot.app.clipboard == text
            assert_drawn_safely(part)
        assert pilot.app.is_running


@pytest.mark.parametrize("size", [(200, 60), (120, 36), (80, 24), (60, 16)])
async def test_every_panel_can_be_reached_at_any_size(size: tuple[int, int]) -> None:
    async with opened(TwoAttempts(), size=size) as pilot:
        for name in ("answer", "attempts", "chunks", "headers", "prompt", "answer"):
            focused = pilot.app.screen.focused
            assert focused is not None and focused.id == name
            await until(pilot, partial(is_in_sight, pilot, focused))
            await pilot.press("tab")


async def test_below_100_columns_the_answer_stands_below_the_prompt() -> None:
    async with opened(TwoAttempts(), size=(99, 40)) as pilot:
        assert pane(pilot, "answer").region.y > pane(pilot, "prompt").region.y
    async with opened(TwoAttempts(), size=(100, 40)) as pilot:
        assert pane(pilot, "answer").region.y == pane(pilot, "prompt").region.y
