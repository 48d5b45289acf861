"""The job table: it asks for what is on screen, and the row under the cursor stays where it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from textual.pilot import Pilot

from llmdash.engine.model.frame import JobRow, JobsPart, JobText, Percentiles, RunPart, Score
from llmdash.engine.model.states import JobState, RunState, SortColumn, WaitReason
from llmdash.prompts.verdict import Verdict
from llmdash.ui.tables.job_columns import INPUT
from llmdash.ui.tables.job_lines import OVERSCAN
from llmdash.ui.tables.job_table import JobTable
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
        assert view.height == 22 + 2 * OVERSCAN
        await shown.press("end")
        assert shown.table.wanted().first == 100_000 - 22 - OVERSCAN
        assert lines(shown.table)[-1].split()[0] == "›add-0"


async def test_at_first_the_newest_job_is_followed() -> None:
    async with table_of(100) as shown:
        assert shown.table.follow
        shown.jobs.start(5)
        await shown.tick()
        assert shown.table.cursor_job == 104
        assert lines(shown.table)[2].split()[0] == "›add-104"
        assert not posted(shown.pilot, JobTable.CursorMoved)


async def test_an_empty_table_lacks_its_first_row_so_that_it_comes_at_once() -> None:
    async with table_of(0) as shown:
        assert not shown.table.is_complete
        shown.jobs.start(3)
        await shown.tick()
        assert shown.table.is_complete


async def test_the_row_under_the_cursor_stays_while_jobs_start_above_it() -> None:
    async with table_of(1000) as shown:
        await shown.press("down", "down", "down")
        job, line = shown.table.cursor_job, shown.line_of_cursor
        drawn = lines(shown.table)[2 + line]
        for _tick in range(20):
            shown.jobs.start(7)
            await shown.tick()
            assert shown.table.cursor_job == job
            assert shown.line_of_cursor == line
            assert lines(shown.table)[2 + line] == drawn


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
        first = lines(shown.table)[2]
        shown.jobs.start(50)
        await shown.tick()
        assert lines(shown.table)[2] == first
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


async def test_a_jump_to_the_end_ends_there_though_rows_come_before_the_last_is_known() -> None:
    async with table_of(1000) as shown:
        asked_before = shown.table.wanted()
        await shown.pilot.press("end")
        for _part in range(2):
            shown.jobs.start(1)
            shown.table.show(shown.jobs.answer(asked_before))
        await shown.tick()
        assert shown.table.cursor_job == 0
        assert (shown.table.cursor_row, shown.line_of_cursor) == (1001, shown.table.page_rows - 1)
        shown.jobs.start(5)
        await shown.tick()
        assert shown.table.cursor_job == 0


async def test_steps_of_the_cursor_find_their_rows_known() -> None:
    async with table_of(1000) as shown:
        for _step in range(21 + OVERSCAN):
            await shown.pilot.press("down")
        assert "add-970" in lines(shown.table)[-1]
        assert shown.table.cursor_job == 1000 - 1 - 21 - OVERSCAN


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
        assert lines(shown.table)[3].startswith("▪add-98")
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
        assert "time▾" in lines(shown.table)[0]
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
    ("part", "filter_text", "how"),
    [
        (JobsPart(10_000, 3_456), "", "newest first · following · all 10,000"),
        (JobsPart(10_000, 32), "state:failed", "newest first · following · 32 of 10,000 · state:failed"),
        (
            JobsPart(10_000, 0, filter_error="is:[/]: not known; there are right, wrong"),
            "is:[/]",
            " is:[/]: not known; there are right, wrong",
        ),
        (JobsPart(90, 7, searched=0.34), "cat", "newest first · following · searching… 34% · 7 of 90 · cat"),
    ],
)
async def test_the_border_says_in_which_order_which_jobs_are_shown(
    part: JobsPart, filter_text: str, how: str
) -> None:
    table = JobTable()
    table.styles.border = ("round", "red")
    async with running(table, (100, 10)):
        table.set_filter(filter_text)
        table.show(part)
        assert table._border_title is not None  # the plain text; the public one is markup
        assert table._border_title.plain.startswith("Jobs ")
        assert table._border_title.plain.endswith(how)


async def test_the_border_says_where_in_the_rows_the_table_is() -> None:
    table = JobTable()
    table.styles.border = ("round", "red")
    async with running(table, (100, 12)) as pilot:
        shown = Shown(pilot, table, Jobs.numbered(3456))
        await shown.tick()
        await shown.press("pagedown", "pagedown")
        assert table._border_subtitle is not None
        assert table._border_subtitle.plain == f"{table.top + 1}–{table.top + 8} of 3,456"


def done(job: int, verdict: Verdict, text: JobText) -> JobRow:
    return replace(job_row(job), state=JobState.DONE, verdict=verdict, text=text)


@pytest.mark.case("screen", "why-failed")
async def test_the_last_column_says_the_result_or_why_there_is_none() -> None:
    async with table_of(4, (100, 14)) as shown:
        shown.jobs.rows = [
            done(0, Verdict.RIGHT, JobText('{"result": 65}', "65", "65")),
            done(1, Verdict.NOT_EQUAL, JobText('{"result": 408}', "408", "418")),
            done(2, Verdict.NOT_PARSEABLE, JobText("Sure! The result", "", "9")),
            done(3, Verdict.NOT_PARSEABLE, JobText("none\nat all", "", "9", "number")),
            done(4, Verdict.UNSCORED, JobText("The sea is blue")),
            replace(job_row(5), state=JobState.FAILED, error="stalled for 60 s", tries=5),
            replace(job_row(6), state=JobState.STREAMING, text=JobText("once upon a time " * 9 + "THE END")),
            replace(job_row(7), state=JobState.BACKOFF, error="500 server error"),
        ]
        await shown.tick()
        for line, words in zip(
            lines(shown.table)[2:],
            (
                '✓ 65  {"result": 65}', "≠ 408, not 418", "? no JSON: Sure! The result",
                "? no number: none at all", "  The sea is blue", "✗ stalled for 60 s", "THE END",
                "500 server error",
            ),
            strict=False,
        ):  # fmt: skip
            assert words in line


@pytest.mark.case("screen", "wide-table")
async def test_on_a_wide_table_result_and_answer_have_a_column_each() -> None:
    async with table_of(2, (140, 8)) as shown:
        shown.jobs.rows = [
            done(0, Verdict.RIGHT, JobText('{"result": 65}', "65", "65")),
            done(1, Verdict.NOT_EQUAL, JobText('{"result": 408}', "408", "418")),
            replace(job_row(2), state=JobState.FAILED, error="stalled for 60 s", tries=5),
        ]
        await shown.tick()
        head, _summary, right, unlike, failed = lines(shown.table)[:5]
        assert right.split()[-3:] == ["65", '{"result":', "65}"]
        assert unlike.endswith('{"result": 408} expected 418')
        assert failed.endswith("stalled for 60 s, 5 attempts")
        assert {"wait", "ttft", "in", "out", "result"} <= set(head.split())
        assert right.index("65") < head.index("result") + len("result")


async def test_every_bar_has_the_one_scale_of_the_header() -> None:
    async with table_of(2, (100, 8)) as shown:
        shown.jobs.rows = [replace(job_row(0), state=JobState.DONE), job_row(1)]
        part = shown.jobs.answer(shown.table.wanted())
        run = RunPart(latency=Percentiles(p95=4.1), waited=Percentiles(p95=0.2))
        shown.table.show(part, run)
        assert "0s········5s" in lines(shown.table)[0]
        shown.table.show(part, replace(run, latency=Percentiles(p95=9.0), elapsed_s=9.0))
        assert "0s········5s" in lines(shown.table)[0], "it changes at most each 10 seconds"
        shown.table.show(part, replace(run, latency=Percentiles(p95=9.0), elapsed_s=10.5))
        assert "0s·······10s" in lines(shown.table)[0]


async def test_a_job_that_waits_says_for_what_and_how_long_and_columns_stay_where_they_are() -> None:
    async with table_of(4, (100, 16)) as shown:
        shown.jobs.rows = [
            replace(job_row(job), state=JobState.KEY, reason=reason) for job, reason in enumerate(WaitReason)
        ] + [
            replace(job_row(20), state=JobState.BACKOFF, reason=WaitReason.BACKOFF, due_in_s=2.3),
            replace(job_row(21), state=JobState.BACKOFF, reason=WaitReason.BACKOFF, due_in_s=58.9),
        ]
        await shown.tick()
        rows = lines(shown.table)[2:15]
        for row, words in zip(
            rows,
            ("◔ limiter", "◑ key", "◑ endpoint", "◑ machine", "◌ disk", "↻ backoff", "↻ budget",
             "◑ worker", "◔ shared", "◔ slot", "◆ held", "↻ backoff 3s", "↻ backoff 59s"),
            strict=True,
        ):  # fmt: skip
            assert words in row
        assert len({row.index("a1f2") for row in rows}) == 1


# The summary row.

WAITING = JobsPart(10_000, 0, queued=6_544, waiting=((WaitReason.LIMITER, 3), (WaitReason.KEY, 0)))
ENDED = RunPart(state=RunState.DONE, failed=38, done=9_962, score=Score(9_730, 162, 70))


@pytest.mark.case("screen", "waiting-rows")
async def test_a_row_that_never_scrolls_sums_up_what_waits_and_at_the_end_what_came_of_it() -> None:
    async with table_of(100) as shown:
        part = shown.jobs.answer(shown.table.wanted())
        shown.table.show(replace(WAITING, matched=100, rows=part.rows))
        wanted = "6,544 queued ·  3 wait for the rate ·  0 wait for a key"
        assert lines(shown.table)[1].strip() == wanted
        await shown.pilot.press("pagedown")
        assert lines(shown.table)[1].strip() == wanted
        await shown.pilot.resize_terminal(132, 24)
        shown.table.show(replace(WAITING, matched=100, rows=part.rows, longest_wait_s=0.14))
        assert lines(shown.table)[1].strip() == (
            "6,544 queued ·  3 wait for the rate, longest 140ms ·  0 wait for a key ·  0 wait for the machine"
        )
        shown.table.show(part, ENDED)
        assert lines(shown.table)[1].strip() == "38 failed · 162 not equal · 70 no JSON · 9,730 right"
        shown.table.show(replace(part, check="number"), ENDED)
        assert "70 no number" in lines(shown.table)[1]
        shown.table.show(replace(part, check="mixed"), replace(ENDED, score=None, cancelled=2))
        assert lines(shown.table)[1].strip() == "38 failed · 9,962 done · 2 cancelled"


async def test_a_figure_of_the_summary_is_a_filter_by_mouse_and_by_keyboard() -> None:
    async with table_of(100) as shown:
        shown.table.show(shown.jobs.answer(shown.table.wanted()), ENDED)
        x = lines(shown.table)[1].index("not equal")
        await shown.pilot.click(shown.table, offset=(x, 1))
        await shown.pilot.click(shown.table, offset=(x - 5, 1))  # between two figures
        await shown.pilot.press("up", "right", "right", "right", "right", "left", "enter")
        await shown.pilot.press("up", "down", "enter")
        asked = [message.filter for message in posted(shown.pilot, JobTable.FilterAsked)]
        assert asked == ["is:wrong", "is:unparseable"]
        assert len(posted(shown.pilot, JobTable.Inspect)) == 1
        assert not posted(shown.pilot, JobTable.FollowChanged)


async def test_the_row_says_why_there_is_nothing_below_it() -> None:
    async with table_of(0) as shown:
        shown.table.show(replace(WAITING, total=10_000))
        assert "Nothing was sent yet" in lines(shown.table)[2]
        shown.table.set_filter("key:zz")
        shown.table.show(JobsPart(10_000, 0, hint="no job is key:zz[/]; esc shows all"))
        assert "no job is key:zz[/]; esc shows all" in lines(shown.table)[2]


# Marks, and going to a job.


async def test_the_ids_of_marked_jobs_are_copied_and_shown_alone() -> None:
    async with table_of(100) as shown:
        await shown.press("c", "M", "down", "space", "space", "down", "space", "c", "M")
        copied = [message.ids for message in posted(shown.pilot, JobTable.CopyIds)]
        assert copied == [("add-99",), ("add-95", "add-97", "add-98")]
        assert [message.filter for message in posted(shown.pilot, JobTable.FilterAsked)] == ["#:96,98-99"]


async def test_a_job_is_gone_to_under_follow_and_in_any_order() -> None:
    async with table_of(1000) as shown:
        shown.table.go_to(123)
        await shown.tick()
        assert (shown.table.cursor_job, shown.table.follow) == (123, False)
        assert "›add-123" in "\n".join(lines(shown.table))
        del shown.jobs.rows[1000 - 1 - 77]  # it was never sent: it has no row in this order
        shown.table.go_to(77)
        await shown.tick()
        assert shown.table.wanted().sort is SortColumn.NUMBER


# Columns.


@pytest.mark.parametrize("width", [60, 100, 200])
async def test_chosen_columns_are_asked_for_and_drawn_in_their_order(width: int) -> None:
    async with table_of(3, (width, 8)) as shown:
        shown.table.choose_columns(("prompt", "id", f"{INPUT}date", "model"))
        view = shown.table.wanted()
        assert view.columns == ("prompt", f"{INPUT}date")
        assert view.preview_width >= width
        shown.jobs.rows[0] = replace(
            shown.jobs.rows[0], text=JobText(model="gpt-4o", cells=("Sum up:\nsea", "2026-01-02"))
        )
        await shown.tick()
        head, _summary, first = lines(shown.table)[:3]
        assert head.split() == [word for word in ("prompt", "job", "▾", "date", "model") if word in head]
        assert "Sum up: sea" in first
        if width >= 100:
            assert first.split()[-2:] == ["2026-01-02", "gpt-4o"]
        shown.table.choose_columns(None)
        assert shown.table.wanted().columns == ()


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("width", [58, 140])
async def test_hostile_texts_of_models_and_files_keep_the_columns_straight(text: str, width: int) -> None:
    async with table_of(6, (width, 12)) as shown:
        words = JobText(
            text[:400], text[:400], text[:400], text[:400], text[:400], text[:400], (text[:400],) * 2
        )
        shown.table.choose_columns(
            ("id", "state", "why", "result", "answer", "prompt", f"{INPUT}{text[:40]}")
        )
        shown.jobs.rows = [
            done(0, Verdict.RIGHT, words),
            done(1, Verdict.NOT_EQUAL, words),
            done(2, Verdict.NOT_PARSEABLE, words),
            replace(job_row(3), state=JobState.STREAMING, text=words),
            replace(job_row(4), state=JobState.FAILED, error=text[:400], text=words),
        ]
        await shown.tick()
        assert_drawn_safely(shown.table)


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
        head, _summary, _first, second = lines(shown.table)[:4]
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


@pytest.mark.parametrize(("width", "there"), [(50, False), (90, True)])
async def test_the_worker_goes_before_the_times_where_there_is_no_room(width: int, *, there: bool) -> None:
    async with table_of(4, (width, 12)) as shown:
        shown.jobs.rows = [replace(row, worker="w1") for row in shown.jobs.rows]
        await shown.tick()
        assert ("worker" in lines(shown.table)[0]) is there
        assert "time" in lines(shown.table)[0]


async def test_without_streaming_nothing_is_said_of_a_first_token_and_without_a_check_of_a_result() -> None:
    """Neither a column nor a part of the bar; nor an order, or a column to choose."""
    whole = replace(job_row(1), state=JobState.DONE, ttft_s=None, wait_s=0.0, time_s=1.0)
    async with table_of(1, (132, 24)) as shown:
        part, table = JobsPart(1, 1, rows=(whole,)), shown.table
        table.show(part)
        assert "ttft" in lines(table)[0]
        assert "─" in lines(table)[2]
        table.choose_columns(None)
        table.show(replace(part, queued=1), RunPart(is_streamed=False))
        assert "ttft" not in lines(table)[0]
        assert "━" in lines(table)[2]
        assert "─" not in lines(table)[2]
        assert "result" in lines(table)[0]
        table.show(replace(part, queued=2), RunPart(is_streamed=False, done=1))
        assert "result" not in lines(table)[0], "where nothing is scored"
        assert "ttft" not in (*table.known_columns, *table.usual_columns)
        for _step in SortColumn:
            await shown.pilot.press("s")
            assert table.wanted().sort is not SortColumn.TTFT


async def test_a_long_id_is_cut_before_another_column_goes() -> None:
    long = replace(job_row(1), id="a-very-long-identifier/2024/000006")
    async with table_of(1) as shown:
        before = lines(shown.table)[0].split()[:-3]
        shown.table.show(JobsPart(1, 1, rows=(long,)))
        assert lines(shown.table)[0].split()[: len(before)] == before
        assert "000006" in lines(shown.table)[2].split()[0]
