"""The job table on the dashboard: filter, columns, going to a job, and what is done to marked ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Key, Paste
from textual.widgets import Input, Label

from llmdash.engine.model.commands import CancelJobs, RetryJobs
from llmdash.engine.model.states import RunState, SortColumn
from llmdash.ui.app import LlmdashApp
from llmdash.ui.dashboard.steps import STEP_S, Steps
from llmdash.ui.panels.filter_bar import FilterBar
from llmdash.ui.panels.jump_bar import JumpBar
from llmdash.ui.screens.columns import ColumnList, ColumnsScreen
from llmdash.ui.screens.errors import ErrorsScreen
from llmdash.ui.settings.preferences import Preferences, PreferencesFile
from llmdash.ui.tables.job_columns import INPUT, NARROW
from llmdash.ui.tables.job_table import JobTable
from tests.ui.fake_session import FakeSession, Scene
from tests.ui.screens.test_dashboard import SHIPPED, dashboard
from tests.ui.troubles import finished
from tests.ui.waiting import picture, until
from tests.ui.widget_app import lines


async def test_a_term_is_completed_as_it_is_typed() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        bar = screen.query_one(FilterBar)
        await pilot.press("slash", "s", "t")
        await until(pilot, lambda: "state:failed" in str(bar.query_one("#problem", Label).content))
        assert session.views[-1].jobs.typed == "st"
        await pilot.press("tab")
        assert bar.query_one(Input).value == "state:failed"
        await pilot.press("space", "k")
        await until(pilot, lambda: session.views[-1].jobs.typed == "k")
        assert session.views[-1].jobs.filter == "state:failed k"
        await until(pilot, lambda: not str(bar.query_one("#problem", Label).content))
        await pilot.press("tab")
        assert isinstance(screen.focused, JobTable), "with nothing to complete, tab goes back to the table"


async def test_a_figure_of_the_summary_sets_the_filter() -> None:
    session = FakeSession(clock=lambda: 700.0, scene=finished())
    async with dashboard(session) as (pilot, screen):
        await pilot.press("up", "right", "enter")
        assert screen.query_one(FilterBar).query_one(Input).value == "is:wrong"
        await until(pilot, lambda: session.views[-1].jobs.filter == "is:wrong")
        await pilot.press("escape")
        await until(pilot, lambda: not session.views[-1].jobs.filter)


async def test_a_job_is_gone_to_by_its_id_even_while_the_newest_is_followed() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        table, bar = screen.query_one(JobTable), screen.query_one(JumpBar)
        await pilot.press("colon", *"add-0042")
        await until(pilot, lambda: "#43" in str(bar.query_one("#jump-to", Label).content))
        await pilot.press("enter")
        await until(pilot, lambda: table.cursor_job == 42 and "›add-0042" in "\n".join(lines(table)))
        assert not table.follow
        assert not bar.has_class("-open")
        assert screen.focused is table


async def test_a_job_that_is_not_there_is_said_so_and_escape_stays_where_one_was() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        table, bar = screen.query_one(JobTable), screen.query_one(JumpBar)
        await pilot.press("colon", *"nobody", "enter")
        await until(pilot, lambda: "no such job" in str(bar.query_one("#jump-to", Label).content))
        await pilot.press("escape")
        await until(pilot, lambda: screen.focused is table)
        assert table.follow
        await until(pilot, lambda: not session.views[-1].jobs.find)


async def test_columns_are_chosen_and_ordered_and_remembered(tmp_path: Path) -> None:
    path = tmp_path / "preferences.toml"
    app = LlmdashApp(session=FakeSession(), shipped_themes=SHIPPED, preferences_path=path)
    async with app.run_test(size=(120, 36)) as pilot:
        table = app.screen.query_one(JobTable)
        await until(pilot, lambda: table.cursor_job is not None)
        await pilot.press("C")
        await until(pilot, lambda: isinstance(app.screen, ColumnsScreen))
        chooser = app.screen.query_one(ColumnList)
        assert "date" in "\n".join(lines(chooser)), "the fields of the input are among them"
        await pilot.press(
            "down", "down", "space", "home", "J", "J"
        )  # without the key; the id goes last but two
        chosen: tuple[str, ...] = ("state", "worker", "id", "tries", "bar", "time", "why")
        assert table.column_names == chosen
        await pilot.press("end", "space")
        assert table.column_names == (*chosen, f"{INPUT}date")
        await pilot.press("shift+up", "escape")
        await until(pilot, lambda: not isinstance(app.screen, ColumnsScreen))
        assert lines(table)[0].split()[:2] == ["state", "job"]
    remembered, _problem = PreferencesFile(path).load()
    assert remembered.columns == ("state", "worker", "id", "tries", "bar", "time", f"{INPUT}date", "why")
    again = LlmdashApp(session=FakeSession(), shipped_themes=SHIPPED, preferences_path=path)
    async with again.run_test(size=(120, 36)) as pilot:
        table = again.screen.query_one(JobTable)
        assert table.column_names == remembered.columns
        await pilot.press("C", "backspace", "escape")
        await until(pilot, lambda: table.column_names == NARROW)
    assert PreferencesFile(path).load()[0].columns is None


@pytest.mark.parametrize("text", ["columns = 3", 'columns = ["id", 3]', "columns = []"])
def test_columns_that_are_none_are_ignored_and_reported(tmp_path: Path, text: str) -> None:
    path = tmp_path / "preferences.toml"
    path.write_text(text, encoding="utf-8")
    preferences, problem = PreferencesFile(path).load()
    assert preferences == Preferences()
    assert "columns" in problem


async def test_columns_of_an_earlier_version_are_shown_as_far_as_there_are_such(tmp_path: Path) -> None:
    path = tmp_path / "preferences.toml"
    path.write_text('columns = ["id", "no-such-column", "state"]', encoding="utf-8")
    app = LlmdashApp(session=FakeSession(), shipped_themes=SHIPPED, preferences_path=path)
    async with app.run_test(size=(120, 36)) as pilot:
        table = app.screen.query_one(JobTable)
        await until(pilot, lambda: table.cursor_job is not None)
        assert lines(table)[0].split()[:2] == ["job", "▾"]


async def test_marked_jobs_are_acted_on_copied_and_shown_alone() -> None:
    session = FakeSession(clock=lambda: 700.0, scene=finished())
    async with dashboard(session) as (pilot, screen):
        table = screen.query_one(JobTable)
        await pilot.press("space", "space")
        marked = tuple(sorted(table.marked))
        await pilot.press("c")
        assert pilot.app.clipboard == "\n".join(f"add-{job:04d}" for job in marked)
        await pilot.press("M")
        await until(pilot, lambda: session.views[-1].jobs.filter.startswith("#:"))
        await pilot.press("r")
        assert session.commands == [RetryJobs(marked)]


async def test_x_cancels_the_job_under_the_cursor() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, screen):
        await pilot.press("down", "x")
        await until(pilot, lambda: bool(session.commands))
        assert session.commands == [CancelJobs((screen.query_one(JobTable).cursor_job or -1,))]


async def test_an_ended_run_shows_what_came_of_it_above_what_went_wrong() -> None:
    session = FakeSession(clock=lambda: 700.0, scene=Scene())
    async with dashboard(session) as (pilot, screen):
        table = screen.query_one(JobTable)
        session.scene.state = RunState.DONE
        await picture(pilot, session)
        await until(pilot, lambda: session.views[-1].jobs.sort is SortColumn.WRONG)
        await until(pilot, lambda: "failed" in lines(table)[1] and "right" in lines(table)[1])


def test_rows_are_replaced_twice_a_second_and_at_once_where_one_is_missing() -> None:
    now = 100.0
    steps = Steps(lambda: now)
    assert steps.is_due(complete=True)
    assert not steps.is_due(complete=True)
    assert steps.is_due(complete=False), "a row that came into sight"
    now += STEP_S - 0.01
    assert not steps.is_due(complete=True)
    now += 0.02
    assert steps.is_due(complete=True)
    steps.hurry()
    assert steps.is_due(complete=True)


async def test_what_comes_at_once_with_the_key_of_a_screen_is_typed_there() -> None:
    session = FakeSession()
    async with dashboard(session) as (pilot, _):
        for key, character in (("e", "e"), ("slash", "/"), ("x", "x"), ("y", "y")):
            pilot.app.post_message(Key(key, character))
        await until(pilot, lambda: isinstance(pilot.app.screen, ErrorsScreen))
        await until(pilot, lambda: pilot.app.screen.query_one("FilterBar Input", Input).value == "xy")
        assert not session.commands


@pytest.mark.parametrize("screen_key", ["", "e"])
async def test_what_comes_at_once_with_the_key_of_the_filter_is_typed_into_it(screen_key: str) -> None:
    """A slow line hands over several keys at a time: `/x` is typed, it cancels nothing; as is a paste."""
    session = FakeSession()
    async with dashboard(session) as (pilot, _):
        await pilot.press("down")
        if screen_key:
            await pilot.press(screen_key)
        shown = pilot.app.screen
        field = shown.query_one("FilterBar Input", Input)
        for key, character in (("slash", "/"), ("x", "x"), ("y", "y"), ("enter", "\r")):
            pilot.app.post_message(Key(key, character))
        await until(pilot, lambda: field.value == "xy" and not isinstance(shown.focused, Input))
        field.value = ""
        pilot.app.post_message(Paste("/ab c\n"))
        await until(pilot, lambda: field.value == "ab c" and shown.focused is field)
        assert not session.commands
