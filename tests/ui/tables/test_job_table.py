"""The job table: it asks for what is on screen, and the row under the cursor stays where it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from textual.pilot import Pilot

from llmdash.engine.model.frame import JobsPart
from llmdash.engine.model.states import JobState, SortColumn, WaitReason
from llmdash.prompts.verdict import Verdict
from llmdash.ui.tables.job_table import OVERSCAN, JobTable
from tests.ui.job_rows import Jobs, job_row
from tests.ui.widget_app import HOSTILE, assert_drawn_safely, lines, posted, running


@dataclass
class Shown:
    """A job table on screen, fed by jobs."""

    pilot: Pilot[None]
    table: JobTable
    jobs: Jobs

    async def tick(self) -> None:
        self.table.show(self.jobs.answer(self.table.wanted()))
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.tick()

    @property
    def line_of_cursor(self) -> int:
        return self.table.cursor_row - self.table.top


@asynccontextmanager
async def table_of(count: int, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Shown]:
    table = JobTable()
    async with running(table, size) as pilot:
        shown = Shown(pilot, table, Jobs.numbered(count))
        await shown.tick()
        await shown.tick()
        yield shown


async def test_only_the_rows_on_screen_are_asked_for() -> None:
    async with table_of(100_000) as shown:
        view = shown.table.wanted()
        assert view.height == 23 + 2 * OVERSCAN
        await shown.press("end")
        assert shown.table.wanted().first == 100_000 - 23 - OVERSCAN
        assert lines(shown.table)[-1].split()[:2] == ["1", "add-0"]


async def test_at_first_the_newest_job_is_followed() -> None:
    async with table_of(100) as shown:
        assert shown.table.follow
        shown.jobs.start(5)
        await shown.tick()
        assert shown.table.cursor_job == 104
        assert lines(shown.table)[1].split()[0] == "105", "people count from 1"
        assert not posted(shown.pilot, JobTable.CursorMoved)


async def test_the_row_under_the_cursor_stays_while_jobs_start_above_it() -> None:
    async with table_of(1000) as shown:
        await shown.press("down", "down", "down")
        job, line = shown.table.cursor_job, shown.line_of_cursor
        drawn = lines(shown.table)[1 + line]
        for _tick in range(20):
            shown.jobs.start(7)
            await shown.tick()
            assert shown.table.cursor_job == job
            assert shown.line_of_cursor == line
            assert lines(shown.table)[1 + line] == drawn


async def test_rows_above_that_vanish_do_not_move_the_cursor_either() -> None:
    async with table_of(1000) as shown:
        await shown.press("pagedown", "pagedown", "pagedown")
        job, line = shown.table.cursor_job, shown.line_of_cursor
        del shown.jobs.rows[:10]
        await shown.tick()
        assert (shown.table.cursor_job, shown.line_of_cursor) == (job, line)


async def test_a_job_that_leaves_hands_the_cursor_to_the_row_in_its_place() -> None:
    async with table_of(100) as shown:
        await shown.press("down", "down")
        assert shown.table.cursor_job == 97
        del shown.jobs.rows[2]
        await shown.tick()
        assert shown.table.cursor_job == 96
        assert posted(shown.pilot, JobTable.CursorMoved)[-1].job == 96


async def test_while_scrolled_away_from_the_cursor_the_first_visible_row_stays() -> None:
    async with table_of(1000) as shown:
        await shown.press("down")
        shown.table.scroll_to(y=500, animate=False)
        await shown.tick()
        first = lines(shown.table)[1]
        shown.jobs.start(50)
        await shown.tick()
        assert lines(shown.table)[1] == first
        await shown.press("up")
        assert shown.table.cursor_job == 999


async def test_moving_the_cursor_stops_following() -> None:
    async with table_of(100) as shown:
        await shown.press("down")
        follow = shown.table.follow
        assert not follow
        assert [message.follow for message in posted(shown.pilot, JobTable.FollowChanged)] == [False]
        assert [message.job for message in posted(shown.pilot, JobTable.CursorMoved)] == [98]
        await shown.press("f")
        assert shown.table.follow
        assert shown.table.cursor_row == 0


async def test_scrolling_away_stops_following() -> None:
    async with table_of(100) as shown:
        shown.table.scroll_to(y=10, animate=False)
        await shown.tick()
        assert not shown.table.follow


async def test_the_cursor_moves_at_once_and_unknown_rows_are_blank() -> None:
    """No row is known after a jump: the screen is asked to poll, and placeholders are drawn meanwhile."""
    async with table_of(1000) as shown:
        await shown.pilot.press("end")
        assert shown.table.cursor_row == 999
        assert lines(shown.table)[-1].split() == ["·"] * len(lines(shown.table)[-1].split())
        assert posted(shown.pilot, JobTable.WindowChanged)
        cursor_job = shown.table.cursor_job
        assert cursor_job is None
        await shown.tick()
        assert shown.table.cursor_job == 0
        assert posted(shown.pilot, JobTable.CursorMoved)[-1].job == 0


async def test_steps_of_the_cursor_find_their_rows_known() -> None:
    async with table_of(1000) as shown:
        for _step in range(22 + OVERSCAN):
            await shown.pilot.press("down")
        assert "·" not in lines(shown.table)[-1]
        assert shown.table.cursor_job == 1000 - 1 - 22 - OVERSCAN


async def test_enter_inspects_and_letters_act_on_the_job_under_the_cursor() -> None:
    async with table_of(100) as shown:
        await shown.press("down", "enter", "r")
        shown.jobs.rows[1] = replace(shown.jobs.rows[1], state=JobState.STREAMING)
        await shown.tick()
        await shown.press("x")
        assert [message.job for message in posted(shown.pilot, JobTable.Inspect)] == [98]
        assert [message.jobs for message in posted(shown.pilot, JobTable.Retry)] == [(98,)]
        assert [message.jobs for message in posted(shown.pilot, JobTable.CancelJobs)] == [(98,)]
        assert posted(shown.pilot, JobTable.Retry)[0].control is shown.table


async def test_marked_jobs_act_together() -> None:
    async with table_of(100) as shown:
        await shown.press("down", "space", "space", "down", "space", "r")
        assert shown.table.marked == {98, 97, 95}
        assert posted(shown.pilot, JobTable.Retry)[-1].jobs == (95, 97, 98)
        assert "▪99" in lines(shown.table)[2]
        await shown.press("up", "space")
        assert shown.table.marked == {98, 97}
        await shown.press("escape")
        assert not shown.table.marked


async def test_sorting_goes_to_the_top_and_says_so() -> None:
    async with table_of(100) as shown:
        await shown.press("pagedown")
        shown.table.sort_by(SortColumn.TIME)
        await shown.tick()
        view = shown.table.wanted()
        assert (view.sort, view.descending, shown.table.cursor_row) == (SortColumn.TIME, True, 0)
        assert "time↓" in lines(shown.table)[0]
        await shown.press("i")
        assert not shown.table.wanted().descending
        await shown.press("s")
        assert shown.table.wanted().sort is SortColumn.OUT


async def test_every_column_comes_up_when_sorting_by_key() -> None:
    async with table_of(10) as shown:
        seen = []
        for _press in SortColumn:
            await shown.press("s")
            seen.append(shown.table.wanted().sort)
        assert set(seen) == set(SortColumn)
        assert seen[-1] is SortColumn.NEWEST


@pytest.mark.parametrize(
    ("part", "filter_text", "title"),
    [
        (JobsPart(10_000, 10_000), "", "Jobs · all 10,000 · newest first · follow"),
        (JobsPart(10_000, 32), "state:failed", "Jobs · 32 of 10,000 · state:failed · newest first · follow"),
        (
            JobsPart(10_000, 0, filter_error="no column [/]"),
            "[/]",
            "Jobs · filter not understood · newest first · follow",
        ),
    ],
)
async def test_the_title_names_what_is_shown(part: JobsPart, filter_text: str, title: str) -> None:
    table = JobTable()
    async with running(table, (100, 10)):
        table.set_filter(filter_text)
        table.show(part)
        assert table._border_title is not None  # the plain text; the public one is markup
        assert table._border_title.plain == title


async def test_verdicts_and_states_are_told_without_colour() -> None:
    async with table_of(4, (100, 8)) as shown:
        verdicts = (Verdict.RIGHT, Verdict.NOT_EQUAL, Verdict.NOT_PARSEABLE)
        shown.jobs.rows = [
            replace(job_row(job), state=JobState.DONE, verdict=verdict)
            for job, verdict in enumerate(verdicts)
        ] + [replace(job_row(3), state=JobState.FAILED, error="401 refused")]
        await shown.tick()
        text = "\n".join(lines(shown.table))
        for word in ("● done", "✗ failed", " ✓", " ≠ not equal", " ? not parseable", "401 refused"):
            assert word in text


async def test_a_job_that_waits_says_for_what_and_how_long_and_columns_stay_where_they_are() -> None:
    async with table_of(4, (100, 14)) as shown:
        shown.jobs.rows = [
            replace(job_row(job), state=JobState.KEY, reason=reason) for job, reason in enumerate(WaitReason)
        ] + [
            replace(job_row(20), state=JobState.BACKOFF, reason=WaitReason.BACKOFF, due_in_s=2.3),
            replace(job_row(21), state=JobState.BACKOFF, reason=WaitReason.BACKOFF, due_in_s=58.9),
        ]
        await shown.tick()
        rows = lines(shown.table)[1:13]
        for row, words in zip(
            rows,
            ("◔ limiter", "◑ key", "◑ endpoint", "◑ machine", "◌ disk", "↻ backoff", "↻ budget",
             "◑ worker", "◔ shared", "◆ held", "↻ backoff 3s", "↻ backoff 59s"),
            strict=True,
        ):  # fmt: skip
            assert words in row
        assert len({row.index("a1f2") for row in rows}) == 1


@pytest.mark.parametrize("width", [20, 40, 58, 80, 120, 200])
async def test_every_width_is_filled_exactly(width: int) -> None:
    async with table_of(50, (width, 12)) as shown:
        shown.jobs.rows[0] = replace(shown.jobs.rows[0], id="日本語テキスト" * 20)
        await shown.tick()
        assert_drawn_safely(shown.table)


async def test_a_column_of_workers_comes_with_the_first_of_them_and_stays() -> None:
    async with table_of(4, (100, 12)) as shown:
        assert "worker" not in lines(shown.table)[0]
        shown.jobs.rows[1] = replace(shown.jobs.rows[1], worker="w12")
        await shown.tick()
        head, _first, second = lines(shown.table)[:3]
        assert second[head.index("worker") :].startswith("w12")
        shown.jobs.rows = [replace(row, worker=None) for row in shown.jobs.rows]
        await shown.tick()
        assert "worker" in lines(shown.table)[0]


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_of_workers_keep_the_columns_straight(name: str) -> None:
    async with table_of(4, (100, 12)) as shown:
        shown.jobs.rows[0] = replace(shown.jobs.rows[0], worker=name)
        await shown.tick()
        assert_drawn_safely(shown.table)


@pytest.mark.parametrize(("width", "there"), [(60, False), (76, True), (68, False), (98, True)])
async def test_the_worker_goes_before_the_times_where_there_is_no_room(width: int, *, there: bool) -> None:
    async with table_of(4, (width, 12)) as shown:
        shown.jobs.rows = [replace(row, worker="w1") for row in shown.jobs.rows]
        await shown.tick()
        assert ("worker" in lines(shown.table)[0]) is there
        assert "time" in lines(shown.table)[0]
