"""A run that has ended: what came of it and what failed, and back again when jobs are retried."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import replace
from itertools import count

import pytest

from llmdash.engine.model.commands import DisableKey, RetryJobs
from llmdash.engine.model.states import RunState, SortColumn
from llmdash.ui.app import LlmdashApp
from llmdash.ui.launcher import LaunchError
from llmdash.ui.panels.outcome import OutcomePanel
from llmdash.ui.panels.rate_panel import RatePanel
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.stream.pane import StreamPane
from llmdash.ui.stream.tiles import StreamTiles
from llmdash.ui.tables.error_table import ErrorTable
from llmdash.ui.tables.job_table import JobTable
from llmdash.ui.text.keymap import entries
from tests.ui.fake_session import FakeSession, RestingSession
from tests.ui.troubles import failures, finished
from tests.ui.waiting import until
from tests.ui.widget_app import lines
from tests.waiting import PATIENCE_S

SIZES = [(120, 36), (80, 24), (200, 60)]


def ended(*, failed: bool = True) -> FakeSession:
    return FakeSession(clock=lambda: 700.0, scene=finished(failed=failed))


def texts(app: LlmdashApp) -> str:
    return "\n".join(
        "".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()
    )


@pytest.mark.parametrize("size", SIZES)
async def test_what_came_of_it_and_what_failed_take_the_place_of_rate_and_streams(
    size: tuple[int, int],
) -> None:
    app = LlmdashApp(session=ended())
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.screen.query_one(ErrorTable).display)
        await pilot.pause()
        assert app.screen.query_one(OutcomePanel).display
        assert not app.screen.query_one(RatePanel).display
        assert not app.screen.query_one("#stream", StreamPane).display
        shown = texts(app)
        assert "9,962 of 10,000" in shown
        assert "stalled" in shown
        assert "R tries them again" in shown
        assert "took 11m40s" in shown


async def test_with_nothing_failed_the_answer_of_the_row_under_the_cursor_is_shown() -> None:
    session = ended(failed=False)
    app = LlmdashApp(session=session)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: session.views[-1].stream.job is not None)
        assert not app.screen.query_one(ErrorTable).display
        assert app.screen.query_one("#stream", StreamPane).display
        before = session.views[-1].stream.job
        await pilot.press("down")
        await until(pilot, lambda: session.views[-1].stream.job not in (None, before))


async def test_jobs_are_sorted_by_what_went_wrong_first() -> None:
    session = ended()
    app = LlmdashApp(session=session)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: session.views[-1].jobs.sort is SortColumn.WRONG)
        table = app.screen.query_one(JobTable)
        await until(pilot, lambda: "what went wrong first" in str(table.border_title))
        assert table.cursor_row == 0


async def test_an_order_that_the_user_chose_stays() -> None:
    session = ended()
    session.scene.state = RunState.RUNNING
    app = LlmdashApp(session=session)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("T")
        session.scene.state = RunState.DONE
        await until(pilot, lambda: app.screen.query_one(OutcomePanel).display)
        assert session.views[-1].jobs.sort is SortColumn.TIME


async def test_a_retry_brings_the_running_dashboard_back() -> None:
    session = ended()
    app = LlmdashApp(session=session)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: app.screen.query_one(ErrorTable).display)
        await until(pilot, lambda: session.views[-1].jobs.sort is SortColumn.WRONG)
        app.screen.query_one(ErrorTable).focus()
        await pilot.press("r")
        assert isinstance(session.commands[-1], RetryJobs)
        session.scene = replace(session.scene, state=RunState.RUNNING)
        await until(pilot, lambda: app.screen.query_one(RatePanel).display)
        assert not app.screen.query_one(OutcomePanel).display
        assert not app.screen.query_one(ErrorTable).display
        await until(pilot, lambda: session.views[-1].jobs.sort is SortColumn.NEWEST)
        assert app.screen.query_one(JobTable).follow


async def test_enter_on_a_group_filters_the_jobs_by_it() -> None:
    session = ended()
    app = LlmdashApp(session=session)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: app.screen.query_one(ErrorTable).display)
        app.screen.query_one(ErrorTable).focus()
        await pilot.press("enter")
        await until(pilot, lambda: "stalled" in session.views[-1].jobs.filter)


async def test_the_keys_of_what_failed_bench_a_key_and_fold_a_group_away() -> None:
    session = ended()
    app = LlmdashApp(session=session)
    async with app.run_test(size=(120, 36)) as pilot:
        table = app.screen.query_one(ErrorTable)
        await until(pilot, lambda: table.display and table.row_count() == 4)
        table.focus()
        await pilot.pause()
        assert "⏎ its jobs   r retry   b bench   k skip" in str(table.border_subtitle)
        await pilot.press("b", "k")
        assert session.commands == [DisableKey("9bc0")]
        await until(pilot, lambda: "skipped: stalled" in lines(table)[4])
        await pilot.press("end", "k")
        await until(pilot, lambda: "skipped" not in "".join(lines(table)))


async def test_where_there_is_room_what_fails_is_shown_while_the_run_goes_on() -> None:
    session = FakeSession(scene=failures())
    app = LlmdashApp(session=session)
    async with app.run_test(size=(200, 60)) as pilot:
        table = app.screen.query_one(ErrorTable)
        await until(pilot, lambda: table.display and table.row_count() == 4)
        assert app.screen.query_one(StreamTiles).display
        words = "32 jobs failed; 118 tries made good by a retry"
        await until(pilot, lambda: words in str(table.border_subtitle))
        assert table.region.height == 9
        await pilot.resize_terminal(120, 36)
        await until(pilot, lambda: not table.display)
        await until(pilot, lambda: not session.views[-1].errors)


@pytest.mark.case("engine", "attempts-hidden")
async def test_tries_that_were_made_good_are_among_what_failed() -> None:
    app = LlmdashApp(session=ended())
    async with app.run_test(size=(120, 36)) as pilot:
        table = app.screen.query_one(ErrorTable)
        await until(pilot, lambda: table.display and table.row_count() == 4)
        assert lines(table)[3].split()[:3] == ["0", "48", "3m40s"]
        assert "429 too many requests" in lines(table)[3]


async def test_the_wall_of_streams_is_gone_with_the_streams() -> None:
    app = LlmdashApp(session=ended(failed=False))
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: app.screen.query_one(OutcomePanel).display)
        await pilot.press("w")
        assert not app.screen.query_one("#tiles").display


async def test_a_run_that_ends_is_told_to_the_terminal() -> None:
    session = ended()
    session.scene.state = RunState.RUNNING
    app = LlmdashApp(session=session, notify="bell")
    async with app.run_test(size=(120, 36)) as pilot:
        screen = app.screen
        assert isinstance(screen, DashboardScreen)
        written: list[str] = []
        app._driver.write = written.append  # type: ignore[union-attr,method-assign]
        session.scene.state = RunState.DONE
        await until(pilot, lambda: "\a" in written)
        await pilot.pause(0.3)
        assert written.count("\a") == 1


async def test_a_kept_run_says_so_and_offers_nothing_that_would_change_it() -> None:
    app = LlmdashApp(session=RestingSession(clock=lambda: 700.0, scene=finished()))
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: app.screen.query_one(ErrorTable).display)
        await pilot.pause()
        shown = texts(app)
        assert shown.startswith(" llmdash  kept run   ")
        assert "tries them again" not in shown and "38 failed" in shown
        names = {entry.name for entry in entries(app.screen)}
        assert names.isdisjoint({"Pause", "Retry", "Retry failed", "Faster", "Cancel", "Drain", "Stop now"})


def told(app: LlmdashApp) -> list[str]:
    return [each.message for each in app._notifications]


async def test_the_results_are_written_and_told_or_why_not() -> None:
    def write(session: object, marked: Collection[int]) -> str:
        written.append((session, marked))
        if len(written) > 1:
            raise LaunchError("[/] the disk is full")
        return "run-1.jsonl"

    written: list[tuple[object, Collection[int]]] = []
    session = ended()
    app = LlmdashApp(session=session, write_results=write)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: "o Results" in texts(app))
        await pilot.press("o")
        await until(pilot, lambda: "The results are in run-1.jsonl" in told(app))
        await pilot.press("space", "o")
        await until(pilot, lambda: "[/] the disk is full" in told(app))
        marked = app.screen.query_one(JobTable).marked
    assert len(marked) == 1
    assert written == [(session, frozenset()), (session, marked)]


async def test_of_results_that_are_written_twice_at_once_both_files_are_told() -> None:
    gate, names = threading.Event(), count(1)

    def write(_session: object, _marked: object) -> str:
        name = f"run-{next(names)}.jsonl"
        gate.wait(PATIENCE_S)
        return name

    app = LlmdashApp(session=ended(), write_results=write)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: "o Results" in texts(app))
        await pilot.press("o", "o")
        gate.set()
        told: set[str] = set()

        def both() -> bool:
            told.update(each.message for each in app._notifications)
            return told >= {"The results are in run-1.jsonl", "The results are in run-2.jsonl"}

        await until(pilot, both)
