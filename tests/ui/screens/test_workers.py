"""The workers of a run: what each does, what is wrong, and how one is drained and taken again."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Static

from llmdash.engine.frames.filter import compile_filter
from llmdash.engine.model.commands import DrainWorker, Pause, SetConcurrency, SetRate, SetWeight, TakeWorker
from llmdash.engine.model.frame import WorkerRow
from llmdash.engine.model.states import JobState, RunState, WorkerState
from llmdash.engine.store.job_columns import JobColumns
from llmdash.sanitize import clean_line
from llmdash.ui.app import LlmdashApp
from llmdash.ui.dashboard.run_panels import RunPanels
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.panels.key_panel import KeyPanel
from llmdash.ui.panels.rate_slider import LogSlider
from llmdash.ui.panels.run_header import RunHeader
from llmdash.ui.panels.worker_panel import WorkerPanel
from llmdash.ui.screens.alerts import AlertsScreen
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.screens.help import HelpScreen
from llmdash.ui.screens.workers import WorkersScreen
from llmdash.ui.text.worker_words import filter_for, sentences
from tests.ui.fake_session import FakeSession, Scene
from tests.ui.troubles import WORKERS, fleet, many_workers
from tests.ui.waiting import picture, until
from tests.ui.widget_app import HOSTILE, assert_drawn_safely, lines, lines_drawn, running

SHIPPED = Path(__file__).parents[3] / "themes"


@asynccontextmanager
async def opened(session: FakeSession, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Pilot[Any]]:
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=size) as pilot:
        await picture(pilot, session)
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, WorkersScreen) and app.screen.is_mounted)
        await picture(pilot, session)
        await pilot.pause()
        yield pilot


def table(pilot: Pilot[Any]) -> WorkerPanel:
    found: WorkerPanel = pilot.app.screen.query_one(WorkerPanel)
    return found


def notes(pilot: Pilot[Any]) -> list[str]:
    content = pilot.app.screen.query_one("#row-notes", Static).content
    assert isinstance(content, Content)
    return content.plain.splitlines()


def row_of(table: WorkerPanel, name: str) -> str:
    return next(line for line in lines(table) if line[1:].startswith(f"{name} "))


def border(widget: Widget) -> tuple[list[str], str]:
    """What stands in the upper border, from left to right, and in the lower one."""
    title, below = widget._border_title, widget._border_subtitle
    said = [] if title is None else [part.strip() for part in re.split("[─━]+", title.plain) if part.strip()]
    return said, "" if below is None else below.plain.strip()


async def test_each_worker_has_a_row_in_the_order_of_joining() -> None:
    async with opened(FakeSession(scene=fleet())) as pilot:
        rows = lines(table(pilot))
        assert [row.split()[0] for row in rows] == ["worker", "›old", *(row.name for row in WORKERS)]
        for name, words in (
            ("w1", "here ● working 84 58.1 49,210 0.41s – 0 – 3 of 3"),
            ("w3", "gpu-a ● working 85 58.0 48,977 0.42s 1.0ms 0 2.4s 2, no a1f2"),
            ("w4", "gpu-b ◐ draining 12 8.2 47,015 0.44s 4.8ms 0 0.2s 3 of 3"),
            ("w5", "gpu-b ✖ lost 0 0.0 46,101 0.44s 4.9ms 83 7.0s 3 of 3"),
            ("w7", "lab-8.example.org ◌ drained 0 0.0 311 – 12ms 0 0.1s 3 of 3"),
            ("old", "gpu-z ○ left 0 0.0 1,024 – – 0 – –"),
        ):
            assert " ".join(row_of(table(pilot), name).split()[1:]).startswith(words)
        title, below = border(pilot.app.screen.query_one("#rows"))
        assert title[0] == "Workers"
        assert title[-1] == "4 of 7 working · tls://10.0.0.4:8786"
        assert below == "d drain   u take again   l its jobs"


async def test_the_sentences_below_say_what_the_rows_mean() -> None:
    async with opened(FakeSession(scene=fleet())) as pilot:
        assert notes(pilot) == [
            "83 requests of w5 are unknown: they may be paid twice; each was asked again.",
            "w4 drains: 12 in flight finish, then it gets nothing.",
            "w3 has no key a1f2 and gets none of its work.",
            "w7 is drained and gets nothing; u takes it again.",
        ]


def test_a_worker_in_order_needs_no_sentence() -> None:
    assert sentences([WORKERS[0]]) == ()


def test_several_workers_share_a_sentence() -> None:
    lost = [replace(WORKERS[4], name=f"w{number}", lost=number + 1) for number in range(5)]
    assert sentences([replace(WORKERS[4], lost=1)])[0].text.startswith(
        "1 request of w5 is unknown: it may be paid twice; it was asked again"
    )
    assert sentences(lost[:2])[0].text.startswith("1 of w0, 2 of w1 are unknown")
    assert sentences(lost)[0].text.startswith("15 requests of w0, w1, w2 and 2 more are unknown")
    draining = [replace(WORKERS[3], name=name) for name in "ab"]
    assert sentences(draining)[0].text == "a, b drain: 24 in flight finish, then they get nothing."
    lacking = [replace(WORKERS[2], name=name, lacks=("k1", "k2", "k3", "k4", "k5")) for name in "ab"]
    assert [sentence.text for sentence in sentences(lacking)] == [
        *(f"a, b have no key k{key} and get none of its work." for key in (1, 2, 3)),
        "2 more keys are not everywhere.",
    ]


def test_a_run_that_waits_for_its_first_worker_says_how_one_is_started() -> None:
    (sentence,) = sentences((), "tls://10.0.0.4:8786")
    assert sentence.text == (
        "No worker has joined tls://10.0.0.4:8786 yet: llmdash worker tls://10.0.0.4:8786 starts one."
    )
    left = WorkerRow("w1", "here", WorkerState.LEFT, lost=2)
    assert [sentence.style for sentence in sentences((left,))] == ["warning", "error"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_harmless_in_a_sentence_and_keeps_it_short(name: str) -> None:
    for row in WORKERS:
        for sentence in sentences([replace(row, name=name, lacks=(name,))]):
            assert sentence.text == clean_line(sentence.text)
            assert len(sentence.text) < 1000


async def test_silence_is_a_warning_above_two_seconds_and_an_error_above_five() -> None:
    shown = WorkerPanel()
    async with running(shown, (120, 10)):
        for silent_s, style in ((2.0, "muted"), (2.1, "warning"), (5.0, "warning"), (5.1, "error")):
            shown.show((replace(WORKERS[1], silent_s=silent_s),), 3)
            assert shown.cell_at(shown.row_at(0), "silent").style == f"line-table--{style}"
        gone = replace(WORKERS[1], state=WorkerState.LEFT, silent_s=4_000.0)
        shown.show((gone,), 3)
        assert shown.cell_at(shown.row_at(0), "silent").text == "–", "it is not expected to say anything"
        shown.show((replace(WORKERS[1], silent_s=4_000.0, jobs_per_s=2e4, done=10**9),), 3)
        assert "1h06m" in lines(shown)[1]
        assert "20k" in lines(shown)[1]
        assert "1000M" in lines(shown)[1]


async def test_what_it_costs_depends_on_the_rows_on_screen() -> None:
    shown = WorkerPanel()
    rows = many_workers().workers * 20
    async with running(shown, (120, 10)) as pilot:
        shown.show(rows, 3)
        await pilot.pause()
        assert len(lines(shown)) == 10
        drawn = lines_drawn(shown)
        shown.show((*rows[:3], replace(rows[3], in_flight=5), *rows[4:500], WORKERS[0], *rows[501:]), 3)
        await pilot.pause()
        await until(pilot, lambda: drawn)
        assert set(drawn) == {4}


async def test_the_cursor_stays_on_its_worker_when_others_join_above() -> None:
    shown = WorkerPanel()
    async with running(shown) as pilot:
        shown.show(WORKERS, 3)
        await pilot.press("down", "down")
        shown.show((WorkerRow("old", "gpu-z", WorkerState.LEFT), *WORKERS), 3)
        assert shown.worker == WORKERS[2]
        shown.show((), 3)
        assert shown.worker is None


@pytest.mark.parametrize("width", [20, 36, 56, 76, 116, 196])
async def test_hostile_names_and_hosts_keep_the_columns_straight(width: int) -> None:
    shown = WorkerPanel()
    async with running(shown, (width, 24)):
        shown.show(tuple(WorkerRow(text, text, lacks=(text,), keys=1) for text in HOSTILE), 3)
        assert_drawn_safely(shown)


@pytest.mark.parametrize(
    ("width", "missing"),
    [(116, set()), (77, {"round", "last"}), (56, {"round", "last", "p50", "host", "keys"})],
)
async def test_where_room_is_short_the_less_important_columns_go(width: int, missing: set[str]) -> None:
    shown = WorkerPanel()
    async with running(shown, (width, 24)):
        shown.show(WORKERS, 3)
        titles = {
            "worker",
            "host",
            "state",
            "now",
            "jobs/s",
            "done",
            "p50",
            "round",
            "lost",
            "silent",
            "keys",
        }
        assert titles | {"last"} - set(lines(shown)[0].split()) >= missing
        assert (titles | {"last"}) - set(lines(shown)[0].split()) == missing


async def test_d_drains_the_worker_under_the_cursor_and_u_takes_it_again() -> None:
    session = FakeSession(scene=fleet())
    async with opened(session) as pilot:
        await pilot.press("d", "u")
        assert session.commands == [], "it has left"
        await pilot.press("down", "d", "u")
        assert session.commands == [DrainWorker("w1")]
        await pilot.press("down", "down", "down", "d", "u")
        assert session.commands[1:] == [TakeWorker("w4")]
        await pilot.press("end", "u")
        assert session.commands[2:] == [TakeWorker("w7")]


async def test_enter_filters_the_job_table_to_the_worker() -> None:
    session = FakeSession(scene=fleet())
    async with opened(session) as pilot:
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))
        await until(pilot, lambda: session.views[-1].jobs.filter == "worker:w2")


async def test_a_worker_without_a_name_has_no_jobs_to_show() -> None:
    async with opened(FakeSession(scene=Scene(workers=(WorkerRow("", "here"),)))) as pilot:
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, WorkersScreen)


async def test_the_run_is_steered_from_here_too() -> None:
    session = FakeSession(scene=fleet())
    async with opened(session) as pilot:
        await pilot.press("p", "plus")
        assert [type(command) for command in session.commands] == [Pause, SetRate]
        assert session.scene.state is RunState.PAUSED
        await until(pilot, lambda: "Go on" in pilot.app.screen.query_one(KeyBar).render_line(0).text)
        for keys, screen in ((["exclamation_mark"], AlertsScreen), (["question_mark"], HelpScreen)):
            await pilot.press(*keys)
            await until(pilot, lambda screen=screen: isinstance(pilot.app.screen, screen))  # type: ignore[misc]
            await picture(pilot, session)
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, WorkersScreen))


async def test_below_the_workers_stand_keys_rate_and_stream_where_there_is_room() -> None:
    session = FakeSession(scene=fleet())
    async with opened(session) as pilot:
        panels = pilot.app.screen.query_one(RunPanels)
        await until(pilot, lambda: panels.display and panels.size.height >= 12)
        keys = panels.query_one(KeyPanel)
        await picture(pilot, session)
        assert lines(keys)[1].split()[:3] == ["a1f2", "●", "healthy"]
        keys.focus()
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: SetWeight("a1f2", 1.5) in session.commands)
        panels.query(LogSlider)[1].focus()
        await pilot.press("home")
        await until(pilot, lambda: SetConcurrency(1) in session.commands)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: not panels.display)
        await pilot.press("l")
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))
        assert session.views[-1].jobs.filter == "worker:old"


async def test_a_run_without_workers_has_neither_the_screen_nor_its_key() -> None:
    session = FakeSession()
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=(200, 60)) as pilot:
        await picture(pilot, session)
        await pilot.press("m")
        await picture(pilot, session)
        assert isinstance(app.screen, DashboardScreen)
        assert "Workers" not in app.screen.query_one(KeyBar).render_line(0).text
        assert "worker" not in lines(app.screen.query_one(RunHeader))[0]
        session.scene.cluster = "tls://10.0.0.4:8786"
        await picture(pilot, session)
        await pilot.pause()
        assert "m Workers" in app.screen.query_one(KeyBar).render_line(0).text
        assert "3 keys   0 workers" in lines(app.screen.query_one(RunHeader))[0]
        session.scene.workers = fleet().workers
        await picture(pilot, session)
        await pilot.pause()
        assert "3 keys   7 workers" in lines(app.screen.query_one(RunHeader))[0]


async def test_a_hundred_workers_leave_room_for_what_is_to_be_said() -> None:
    async with opened(FakeSession(scene=many_workers()), (80, 24)) as pilot:
        panel, said = pilot.app.screen.query_one("#rows"), pilot.app.screen.query_one("#row-notes")
        await until(pilot, lambda: table(pilot).size.height >= 2 * panel.content_size.height // 3)
        assert said.region.bottom <= panel.content_region.bottom
        assert notes(pilot)[0].startswith("1,162 requests of w5, w12, w19 and 11 more are unknown")
        await pilot.press("end")
        assert "w100" in lines(table(pilot))[-1]
        await pilot.resize_terminal(60, 16)
        await until(pilot, lambda: table(pilot).size.height < 10 and "w100" in lines(table(pilot))[-1])


async def test_where_nothing_is_to_be_said_the_table_has_all_the_room() -> None:
    rows = tuple(replace(WORKERS[0], name=f"w{number}") for number in range(100))
    session = FakeSession(scene=Scene(workers=rows))
    async with opened(session) as pilot:
        panel = pilot.app.screen.query_one("#rows")
        await until(pilot, lambda: table(pilot).size.height == panel.content_size.height)
        session.scene.workers = rows[:3]
        await until(pilot, lambda: table(pilot).size.height == 4)


async def test_a_large_dashboard_shows_the_workers_above_the_other_panels() -> None:
    session = FakeSession(scene=many_workers())
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=(200, 60)) as pilot:
        panel = table(pilot)
        await until(pilot, lambda: panel.size.height == 9)
        places = [
            app.screen.query_one(f"#{name}").region
            for name in ("workers", "jobs", "keys", "rate", "over", "tiles")
        ]
        assert places[0].bottom == places[1].y == places[2].y
        assert sum(place.area for place in places) == 200 * (60 - 3 - 1 - 1)
        title, below = border(panel)
        assert title[-1] == "58 of 100 working · tls://10.0.0.4:8786"
        assert "1,162 requests of w5" in below
        panel.focus()
        await pilot.press("d", "down", "u", "down", "down", "u")
        assert session.commands == [DrainWorker("w1"), TakeWorker("w4")]
        await pilot.press("enter")
        await until(pilot, lambda: session.views[-1].jobs.filter == "worker:w4")
        await pilot.resize_terminal(120, 36)
        await until(pilot, lambda: not panel.display)
        session.scene.workers = ()
        await pilot.resize_terminal(200, 60)
        await picture(pilot, session)
        assert not panel.display


@given(st.text(min_size=1), st.text())
def test_the_filter_of_a_worker_lets_its_jobs_through_whatever_its_name(name: str, other: str) -> None:
    columns = JobColumns(2, range(2))
    columns.worker[0] = columns.workers.number(name)
    columns.worker[1] = columns.workers.number(other)
    columns.set_state(0, JobState.DONE)
    lets_through = compile_filter(filter_for(name), columns, lambda _job: "").predicate
    assert lets_through is not None
    assert lets_through(0)
    assert not lets_through(1) or len(name.lower()) == len(other.lower())
