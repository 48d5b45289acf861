"""The errors screen: what failed, grouped by how; from a group to its jobs, to an example, to another try."""

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
from textual.pilot import Pilot
from textual.widgets import Static

from llmdash.engine.frames.filter import compile_filter
from llmdash.engine.model.commands import RetryJobs
from llmdash.engine.model.frame import ErrorGroup, Frame
from llmdash.engine.model.states import JobState
from llmdash.engine.model.view import View
from llmdash.engine.store.error_groups import shape
from llmdash.engine.store.job_columns import JobColumns
from llmdash.ui.app import LlmdashApp
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.screens.errors import ErrorsScreen
from llmdash.ui.screens.inspector import InspectorScreen
from llmdash.ui.tables.error_filter import filter_for
from llmdash.ui.tables.error_table import ErrorTable
from tests.ui.fake_session import FakeSession
from tests.ui.troubles import FAILURES, failures
from tests.ui.waiting import picture, until
from tests.ui.widget_app import HOSTILE, assert_drawn_safely, lines, running

SHIPPED = Path(__file__).parents[3] / "themes"


@asynccontextmanager
async def opened(session: FakeSession) -> AsyncIterator[Pilot[Any]]:
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=(100, 30)) as pilot:
        await picture(pilot, session)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ErrorsScreen) and app.screen.is_mounted)
        await picture(pilot, session)
        yield pilot


def example(pilot: Pilot[Any]) -> str:
    return str(pilot.app.screen.query_one("#example", Static).render())


async def test_each_kind_of_error_has_a_row_with_its_count() -> None:
    session = FakeSession(scene=failures())
    async with opened(session) as pilot:
        table = pilot.app.screen.query_one(ErrorTable)
        await until(pilot, lambda: table.row_count() == len(FAILURES))
        rows = lines(table)
        assert rows[1].split()[:4] == ["1,204", "–", "400", "This"]
        assert rows[2].split() == ["22", "–", "503", "overloaded:", "try", "again", "in", "#", "#3013"]
        assert table._border_title is not None
        assert table._border_title.plain == "Errors · 1,233 jobs, 4 kinds of error"


async def test_below_the_table_stands_all_that_befell_one_job_of_the_group() -> None:
    session = FakeSession(scene=failures())
    async with opened(session) as pilot:
        await until(pilot, lambda: "class request" in example(pilot))
        assert session.views[-1].inspect == FAILURES[0].example
        for words in (
            "status 400",
            "key ",
            "attempt 2",
            "request req_011CQf7mVbJx1S3iTq9yJ1aZ",
            "131822 tokens",
        ):
            assert words in example(pilot)
        await pilot.press("down")
        await until(pilot, lambda: session.views[-1].inspect == FAILURES[1].example)


async def test_enter_filters_the_job_table_to_the_group() -> None:
    session = FakeSession(scene=failures())
    async with opened(session) as pilot:
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))
        await until(
            pilot,
            lambda: (
                session.views[-1].jobs.filter
                == "state:failed error:503 error:overloaded error:try error:again error:in"
            ),
        )
        assert not session.views[-1].errors
        await pilot.press("escape")
        await until(pilot, lambda: session.views[-1].jobs.filter == "")


async def test_r_retries_all_jobs_of_the_group() -> None:
    session = FakeSession(scene=failures())
    async with opened(session) as pilot:
        await pilot.press("down", "r")
        assert session.commands == [RetryJobs(tuple(range(12)))]
        assert FAILURES[1].name in [view.failed_as for view in session.views]


async def test_a_group_whose_jobs_an_engine_names_too_late_is_said_to_be_untouched() -> None:
    class Late(FakeSession):
        is_late = True

        def frame(self, view: View) -> Frame:
            frame = super().frame(view)
            return replace(frame, failed=()) if self.is_late else frame

    session = Late(scene=failures())
    async with opened(session) as pilot:
        await pilot.press("down", "r")
        await until(pilot, lambda: any("not known now" in each.message for each in pilot.app._notifications))
        assert session.commands == []
        session.is_late = False
        await pilot.press("r")
        assert session.commands == [RetryJobs(tuple(range(12)))]


async def test_i_inspects_the_example_and_escape_leads_back_step_by_step() -> None:
    session = FakeSession(scene=failures())
    async with opened(session) as pilot:
        errors = pilot.app.screen
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.screen, InspectorScreen))
        await picture(pilot, session)
        assert session.views[-1].inspect == FAILURES[0].example
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is errors)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))
        await picture(pilot, session)
        assert not session.views[-1].errors


async def test_where_nothing_failed_that_is_said_and_keys_do_nothing() -> None:
    session = FakeSession()
    async with opened(session) as pilot:
        await until(pilot, lambda: "once it has failed for good" in example(pilot))
        await pilot.press("enter", "i", "r")
        assert isinstance(pilot.app.screen, ErrorsScreen)
        assert session.commands == []


async def test_the_cursor_stays_on_its_group_when_another_one_grows_past_it() -> None:
    table = ErrorTable()
    async with running(table) as pilot:
        table.show(FAILURES)
        await pilot.press("down")
        table.show((replace(FAILURES[2], count=9999), *FAILURES[:2]))
        assert table.group == FAILURES[1]
        table.show(())
        assert table.group is None


@pytest.mark.parametrize("width", [20, 58, 120])
async def test_hostile_errors_keep_the_columns_straight(width: int) -> None:
    table = ErrorTable()
    async with running(table, (width, 24)):
        table.show(tuple(ErrorGroup(text, 10**number, 3) for number, text in enumerate(HOSTILE)))
        assert_drawn_safely(table)


ERRORS = st.text() | st.from_regex(
    re.compile(r"[45]\d\d [a-z'., ]{0,40}(: [a-z =<>:#]{0,30})?"), fullmatch=True
)


@given(ERRORS)
def test_the_filter_of_a_group_lets_its_jobs_through_whatever_the_error(error: str) -> None:
    columns = JobColumns(2, range(2))
    columns.error[0] = columns.errors.number(error)
    columns.set_state(0, JobState.FAILED)
    lets_through = compile_filter(filter_for(shape(error)), columns, lambda _job: "").predicate
    assert lets_through is not None
    assert lets_through(0)
    assert not lets_through(1)
