"""The inspector, help, graphs and the palette: what they show, and what their keys do."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.binding import Binding
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from llmdash.engine.model.commands import CancelJobs, Drain, Pause, Resume, RetryJobs, SetRate
from llmdash.engine.model.frame import Frame, Inspection, JobRow
from llmdash.engine.model.records import AttemptRecord, ResultRecord
from llmdash.engine.model.states import JobState, RunState, SortColumn
from llmdash.engine.model.view import JobsView
from llmdash.ui.app import LlmdashApp
from llmdash.ui.inspector.answer_lines import first_json
from llmdash.ui.inspector.attempt_lines import attempts_text
from llmdash.ui.inspector.attempt_list import AttemptList
from llmdash.ui.inspector.text_pane import TextPane
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.panels.run_line import RunLine
from llmdash.ui.screens.confirm import ConfirmScreen
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.screens.graphs import GraphsScreen
from llmdash.ui.screens.help import HelpScreen
from llmdash.ui.screens.inspector import InspectorScreen
from llmdash.ui.text.keymap import key_glyph
from tests.ui.fake_session import FakeSession, Scene
from tests.ui.troubles import fleet
from tests.ui.waiting import choose, picture, until
from tests.ui.widget_app import lines

SHIPPED = Path(__file__).parents[3] / "themes"


@asynccontextmanager
async def opened(session: FakeSession, *keys: str) -> AsyncIterator[Pilot[Any]]:
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.pause()
        await pilot.press(*keys)
        await picture(pilot, session)
        yield pilot


def text_of(pilot: Pilot[Any], name: str) -> str:
    """The text of a part of the inspector, its end beyond the screen with it."""
    found = pilot.app.screen.query_one(f"#{name}")
    return found.text if isinstance(found, TextPane | AttemptList) else str(found.render())


def on_screen(pilot: Pilot[Any], kind: type[Screen[None]]) -> bool:
    return isinstance(pilot.app.screen, kind)


async def test_enter_shows_the_job_under_the_cursor_in_full() -> None:
    async with opened(FakeSession(), "down", "enter") as pilot:
        assert isinstance(pilot.app.screen, InspectorScreen)
        assert "add-3425" in text_of(pilot, "inspected")
        assert "You are a careful calculator." in text_of(pilot, "prompt")
        assert "rate limit reached" in text_of(pilot, "attempts")
        assert "THROTTLE" in text_of(pilot, "attempts")
        assert "expected   65" in text_of(pilot, "answer")


class FlaggedSession(FakeSession):
    """Its jobs have long facts, and a flag."""

    def inspection(self, job: int, now: float, view: JobsView) -> Inspection:
        found = super().inspection(job, now, view)
        record = ResultRecord(
            0, "", "done", flags=("reasoning_only",), finish_reason="stop", model="m" * 40, endpoint="e" * 20,
            input_tokens=2_000, cached_tokens=1_920, output_tokens=900, reasoning_tokens=900,
        )  # fmt: skip
        return replace(found, record=record)


async def test_what_is_odd_about_an_answer_and_its_tokens_are_seen_at_any_width() -> None:
    app = LlmdashApp(session=(session := FlaggedSession()), shipped_themes=SHIPPED)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("enter")
        await picture(pilot, session)

        def shown() -> str:
            parts = (lines(pilot.app.screen.query_one("#inspected")), [text_of(pilot, "headers")])
            return " ".join(" ".join(itertools.chain.from_iterable(parts)).split())

        await until(pilot, lambda: "1,920 cached) 900 out (900 reasoning)" in shown())
        assert "reasoning_only" in shown()


async def test_the_inspector_is_live_while_it_is_open() -> None:
    now = [190.4]
    session = FakeSession(clock=lambda: now[0])
    async with opened(session, "enter") as pilot:
        assert '"result": 65' not in text_of(pilot, "answer")
        now[0] = 200.0
        await until(pilot, lambda: "● done" in text_of(pilot, "inspected"))
        await until(pilot, lambda: '"result": 65' in text_of(pilot, "answer"))
        assert '"result": 65' not in text_of(pilot, "prompt")


async def test_a_json_answer_is_shown_once_more_in_its_parts() -> None:
    session = FakeSession()
    session.scene.answer = 'Sure: {"expression": "4 x 17 - 3", "result": 65} done'
    async with opened(session, "enter") as pilot:
        assert '"result": 65\n}' in text_of(pilot, "answer")


async def test_retry_cancel_and_copy_act_on_the_job_that_is_shown() -> None:
    session = FakeSession()
    async with opened(session, "enter", "r", "x") as pilot:
        assert session.commands == [RetryJobs((3426,)), CancelJobs((3426,))]
        await pilot.press("y")
        assert pilot.app.clipboard.startswith("You are a careful calculator.\n\nCompute 4 x 17")
        await pilot.press("c")
        assert pilot.app.clipboard == "{"


async def test_left_and_right_step_along_the_rows_and_stop_at_the_ends() -> None:
    session = FakeSession()
    async with opened(session, "enter") as pilot:
        await pilot.press("right")  # once the picture has come that says which jobs are around
        await until(pilot, lambda: session.views[-1].inspect == 3425)
        await picture(pilot, session)
        await pilot.press("left", "p")
        await picture(pilot, session)
        assert session.views[-1].inspect == 3426, "the newest is on the first row"
    session.scene.jobs = 2
    async with opened(session, "enter") as pilot:
        await pilot.press(*["n"] * 5)
        await until(pilot, lambda: session.views[-1].inspect == 0)
        await picture(pilot, session)
        await pilot.press(*["p"] * 5)
        await picture(pilot, session)
        assert session.views[-1].inspect == 1


@pytest.mark.case("engine", "inspector-step")
async def test_stepping_keeps_to_the_filter_and_the_order_of_the_table() -> None:
    session = FakeSession()
    failed = session.matching(190.4, "state:failed")
    async with opened(session, "slash", *"state:failed", "enter", "number_sign", "home", "enter") as pilot:
        await until(pilot, lambda: session.views[-1].inspect == failed[0])
        await picture(pilot, session)
        await pilot.press("n", "n", "n", "n", "p")
        await picture(pilot, session)
        assert session.views[-1].inspect == failed[3]


@pytest.mark.case("engine", "inspector-step")
async def test_a_job_that_the_filter_hides_meanwhile_keeps_its_place() -> None:
    session = FakeSession()
    failed = session.matching(190.4, "state:failed")[::-1]
    hidden: list[int] = []
    session.matching = lambda now, text: [job for job in failed if job not in hidden][::-1]  # type: ignore[method-assign]
    async with opened(session, "slash", *"state:failed", "enter") as pilot:
        await pilot.press("home", "enter")
        await until(pilot, lambda: session.views[-1].inspect == failed[0])
        await picture(pilot, session)
        await pilot.press("n")
        await until(pilot, lambda: session.views[-1].inspect == failed[1])
        hidden.append(failed[1])
        await picture(pilot, session)
        await pilot.press("n")
        await until(pilot, lambda: session.views[-1].inspect == failed[2])


async def test_an_enormous_answer_is_shown_and_copied_whole() -> None:
    session = FakeSession()
    session.scene.answer = "y" * 3_000_000
    async with opened(session, "enter") as pilot:
        pane = pilot.app.screen.query_one("#answer", TextPane)
        assert len(pane.text) > 3_000_000
        assert len(pane.lines) > 60_000
        assert lines(pane)[0] == "y" * (pane.content_size.width - 1)
        await pilot.press("end")
        assert "expected" in "".join(lines(pane))
        await pilot.press("c")
        assert len(pilot.app.clipboard) == 3_000_000


async def test_escape_leads_back_from_every_screen() -> None:
    session = FakeSession()
    async with opened(session) as pilot:
        for key, screen in (("enter", InspectorScreen), ("g", GraphsScreen), ("question_mark", HelpScreen)):
            await pilot.press(key)
            await until(pilot, partial(on_screen, pilot, screen))
            await picture(pilot, session)
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))
        await picture(pilot, session)
        assert session.views[-1].inspect is None


@pytest.mark.parametrize("scene", [Scene, fleet])
async def test_help_lists_every_described_key_of_the_screen_and_its_widgets(
    scene: Callable[[], Scene],
) -> None:
    """But for those that have no use in this run: of workers where there are none, of replays."""
    async with opened(FakeSession(scene=scene())) as pilot:
        screen = pilot.app.screen
        described = {
            (key_glyph(binding.key), binding.description)
            for node in (screen, *screen.focus_chain)
            for binding in Binding.make_bindings(node.BINDINGS)
            if binding.description and getattr(node, "renamed", {}).get(binding.action, "named")
        }
        assert (("m", "Workers") in described) == (scene is fleet)
        assert len(described) > 20
        await pilot.press("question_mark")
        await until(pilot, lambda: pilot.app.screen is not screen and pilot.app.screen.is_mounted)
        lines = "\n".join(
            str(table.render()) for table in pilot.app.screen.query(".help-keys").results(Static)
        )
        words = [line.split() for line in lines.splitlines()]
        for glyph, name in described:
            assert any(glyph in line and name.split()[0] in line for line in words), (glyph, name)


async def test_the_palette_names_every_action_with_its_key_and_runs_it() -> None:
    session = FakeSession()
    async with opened(session, "ctrl+p") as pilot:
        assert isinstance(pilot.app.screen, CommandPalette)
        await choose(pilot, "drain")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: session.commands)
        assert session.commands == [Drain()]


async def test_the_palette_calls_it_go_on_while_the_run_is_paused() -> None:
    session = FakeSession(scene=Scene(state=RunState.PAUSED))
    async with opened(session, "ctrl+p") as pilot:
        await choose(pilot, "go on")
        await until(pilot, lambda: session.commands == [Resume()])


@pytest.mark.parametrize("key", ["question_mark", "g"])
async def test_help_and_graphs_call_it_go_on_too(key: str) -> None:
    session = FakeSession(scene=Scene(state=RunState.PAUSED))
    async with opened(session, key) as pilot:
        screen = pilot.app.screen
        bars = [item.name for bar in screen.query(KeyBar) for item in bar.items.everywhere]
        helps = [str(table.render()) for table in screen.query(".help-keys").results(Static)]
        words = "\n".join([*bars, *helps])
        assert "Go on" in words and "Pause " not in words + " "


async def test_the_palette_sorts_by_any_column() -> None:
    session = FakeSession()
    async with opened(session, "ctrl+p") as pilot:
        await choose(pilot, "sort by ttft")
        await until(pilot, lambda: session.views[-1].jobs.sort is SortColumn.TTFT)


async def test_a_picture_that_comes_while_a_screen_is_being_put_together_waits_for_it() -> None:
    async with opened(FakeSession()) as pilot:
        dashboard = pilot.app.screen
        assert isinstance(dashboard, DashboardScreen)
        for screen in (GraphsScreen(dashboard), InspectorScreen(3, dashboard)):
            pilot.app.push_screen(screen)
            dashboard.poll()
            await pilot.pause()
            assert pilot.app.screen is screen


async def test_the_rate_is_steered_from_graphs_and_inspector_too() -> None:
    for key in ("g", "enter"):
        session = FakeSession()
        async with opened(session, key) as pilot:
            await pilot.press("minus")
            await until(pilot, partial(getattr, session, "commands"))
            (command,) = session.commands
            assert isinstance(command, SetRate)
            assert command.rate is not None
            assert command.rate < 18.0


async def test_p_pauses_on_the_graphs() -> None:
    session = FakeSession()
    async with opened(session, "g", "p") as pilot:
        assert session.commands == [Pause()]
        assert "paused" in lines(pilot.app.screen.query_one(RunLine))[0]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ('so {x} and {"a": {"b": 2}} {"c": 3}', {"a": {"b": 2}}),
        ("[1, 2]", None),
        ("{" * 100_000, None),
        ('{"a": ' * 5_000, None),
        ("", None),
    ],
)
def test_the_first_json_object_is_found_cheaply(text: str, found: dict[str, object] | None) -> None:
    assert first_json(text) == found


@given(st.text())
def test_no_text_breaks_the_search_for_json(text: str) -> None:
    assert first_json(text) is None or "{" in text


ATTEMPTS = (
    AttemptRecord(0, 1, "9bc0", "failed", 1_767_225_600.0, "throttle", 429,
        "429 Rate limit reached in organization org-abc on requests per min (RPM): Limit 500, Used 500. "
        "Please try again in 2s. Visit https://platform.example.com/account/rate-limits to learn more.",
        "req_0123456789abcdef0123456789abcdef", 2.0, latency_s=0.21,
    ),
    AttemptRecord(
        0, 2, "a1f2", "failed", 1_767_225_603.0, "transient", None, "the answer ended early",
        ttft_s=0.48, latency_s=1.9, partial='{"expression": "4 x 17',
    ),
    AttemptRecord(0, 3, "77de", "unknown", 1_767_225_605.0),
    AttemptRecord(0, 4, "77de", "cut", 1_767_225_606.0),
    AttemptRecord(0, 5, "77de", "unsent", 1_767_225_607.0),
    AttemptRecord(
        0, 6, "a1f2", "ok", 1_767_225_608.0, status=200, request_id="req-71f9", ttft_s=0.48,
        latency_s=1.4, input_tokens=41, output_tokens=18,
    ),
)  # fmt: skip


@pytest.mark.parametrize("width", [40, 74, 114, 200])
def test_nothing_of_an_attempt_is_lost_however_narrow_the_screen(width: int) -> None:
    """What has no room in a column stands below, whole; long messages are wrapped."""
    lines = attempts_text(ATTEMPTS, width).split("\n")
    assert all(cell_len(line) <= width for line in lines)
    shown = "".join("".join(lines).split())
    said = [attempt.message or "" for attempt in ATTEMPTS]
    for words in (
        "429", "throttle", "req_0123456789abcdef0123456789abcdef", "2.00s", "0.21s", "transient", "0.48s",
        "1.90s", 'cut off after 22 characters: {"expression": "4 x 17', "req-71f9", "200", "41", "18", *said,
    ):  # fmt: skip
        assert "".join(words.split()) in shown


def test_states_that_no_word_explains_are_explained() -> None:
    text = attempts_text(ATTEMPTS, 114)
    for word in ("possibly paid twice", "cut off by us", "never sent: nothing was paid"):
        assert word in text


def test_of_a_long_text_that_was_cut_off_the_end_is_shown() -> None:
    attempt = AttemptRecord(0, 1, "a1f2", "failed", 0.0, partial="x" * 5_000 + "the end")
    text = attempts_text((attempt,), 74)
    assert "cut off after 5,007 characters:\n     …" in text
    assert text.endswith("the end")
    assert len(text) < 1_000


async def test_the_attempts_are_laid_out_anew_when_the_terminal_is_resized() -> None:
    async with opened(FakeSession(), "enter") as pilot:
        wide = text_of(pilot, "attempts")
        assert "request" in wide.splitlines()[0]
        await pilot.resize_terminal(60, 24)
        await until(pilot, lambda: "request" not in text_of(pilot, "attempts").splitlines()[0])
        assert "request req-71f0" in text_of(pilot, "attempts")


async def test_attempts_are_copied_with_their_request_ids() -> None:
    async with opened(FakeSession(), "enter") as pilot:
        await pilot.press("a")
        assert "req-71f0" in pilot.app.clipboard


async def test_a_job_that_failed_without_an_attempt_says_why() -> None:
    async with opened(FakeSession(), "enter") as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, InspectorScreen)
        row = JobRow(3426, "add-3426", JobState.FAILED, error="line 7: no such field {{topic}}")
        screen.show_frame(Frame(inspection=Inspection(row)))
        assert "no answer: line 7: no such field" in text_of(pilot, "answer")


@given(
    st.lists(
        st.builds(
            AttemptRecord,
            st.just(0),
            st.integers(0, 99),
            st.text(),
            st.text(),
            st.floats(0, 4e9),
            st.text(),
            message=st.text(),
            request_id=st.text(),
        ),
        max_size=4,
    ),
    st.integers(30, 200),
)
def test_attempts_fit_their_width_whatever_they_hold(attempts: list[AttemptRecord], width: int) -> None:
    lines = attempts_text(attempts, width).split("\n")
    assert all(cell_len(line) <= width for line in lines)
    assert len(lines) > len(attempts)


async def test_the_workers_of_the_attempts_and_of_the_answer_are_named() -> None:
    async with opened(FakeSession(scene=fleet()), "down", "enter") as pilot:
        await until(pilot, lambda: "worker w" in text_of(pilot, "inspected"))
        assert "worker" in text_of(pilot, "attempts")
    text = attempts_text((AttemptRecord(0, 1, "a1f2", "unknown", 0.0, worker="w5"),), 74)
    assert "w5" in text.splitlines()[1]
    assert "in flight when its worker was lost" in text
    assert "worker" not in attempts_text((AttemptRecord(0, 1, "a1f2", "unknown", 0.0),), 74)
