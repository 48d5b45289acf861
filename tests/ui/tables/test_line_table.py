"""What all tables share: the mouse, and that cost follows what is on screen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.events import MouseScrollDown
from textual.pilot import Pilot
from textual.strip import Strip

from llmdash.engine.model.frame import JobsPart
from llmdash.engine.model.states import JobState, SortColumn
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.job_table import JobTable
from tests.ui.job_rows import Jobs, job_row
from tests.ui.widget_app import HOSTILE, assert_drawn_safely, lines, posted, running


class CountingTable(JobTable):
    """Counts the lines that are drawn."""

    drawn = 0

    def render_line(self, y: int) -> Strip:
        self.drawn += 1
        return super().render_line(y)


async def filled(pilot: Pilot[None], table: JobTable, jobs: Jobs) -> None:
    for _tick in range(2):
        table.show(jobs.answer(table.wanted()))
        await pilot.pause()


async def test_a_hundred_thousand_rows_draw_only_what_is_visible() -> None:
    table = CountingTable()
    jobs = Jobs.numbered(100_000)
    async with running(table, (100, 40)) as pilot:
        await filled(pilot, table, jobs)
        table.drawn = 0
        await pilot.press("end")
        await filled(pilot, table, jobs)
        assert table.drawn <= 5 * 40


async def test_only_changed_lines_are_drawn_again() -> None:
    table = CountingTable()
    jobs = Jobs.numbered(1000)
    async with running(table, (100, 40)) as pilot:
        await filled(pilot, table, jobs)
        table.drawn = 0
        for at in (3, 4, 9):
            jobs.rows[at] = replace(jobs.rows[at], tries=5)
        table.show(jobs.answer(table.wanted()))
        await pilot.pause()
        assert table.drawn == 3


async def test_an_equal_part_draws_nothing() -> None:
    table = CountingTable()
    jobs = Jobs.numbered(1000)
    async with running(table, (100, 40)) as pilot:
        await filled(pilot, table, jobs)
        table.drawn = 0
        for _tick in range(5):
            table.show(jobs.answer(table.wanted()))
            await pilot.pause()
        assert table.drawn == 0


async def test_jobs_that_start_above_a_resting_cursor_draw_nothing() -> None:
    """The window moves with its rows: every line on screen looks as before."""
    table = CountingTable()
    jobs = Jobs.numbered(1000)
    async with running(table, (100, 40)) as pilot:
        await filled(pilot, table, jobs)
        await pilot.press("pagedown", "pagedown")
        await filled(pilot, table, jobs)
        table.drawn = 0
        for _tick in range(5):
            jobs.rows[:0] = [replace(jobs.rows[0], job=5000 + len(jobs.rows))]
            table.show(replace(jobs.answer(table.wanted()), total=1000))
            await pilot.pause()
        assert table.drawn == 0


async def test_a_click_moves_the_cursor_and_a_second_one_inspects() -> None:
    table = JobTable()
    jobs = Jobs.numbered(100)
    async with running(table) as pilot:
        await filled(pilot, table, jobs)
        await pilot.click(table, offset=(5, 7))
        assert table.cursor_row == 5
        assert not posted(pilot, JobTable.Inspect)
        await pilot.click(table, offset=(5, 7), times=2)
        assert [message.job for message in posted(pilot, JobTable.Inspect)] == [94]


async def test_a_click_below_the_last_row_does_nothing() -> None:
    table = JobTable()
    jobs = Jobs.numbered(3)
    async with running(table) as pilot:
        await filled(pilot, table, jobs)
        await pilot.click(table, offset=(5, 10))
        assert table.cursor_row == 0


async def test_a_click_on_a_header_sorts_and_again_reverses() -> None:
    table = JobTable()
    jobs = Jobs.numbered(100)
    async with running(table) as pilot:
        await filled(pilot, table, jobs)
        x = lines(table)[0].index("time")
        await pilot.click(table, offset=(x, 0))
        assert table.wanted().sort is SortColumn.TIME
        assert table.wanted().descending
        await pilot.click(table, offset=(x, 0))
        assert not table.wanted().descending


async def test_hovering_repaints_two_lines_at_most() -> None:
    table = CountingTable()
    jobs = Jobs.numbered(100)
    async with running(table) as pilot:
        await filled(pilot, table, jobs)
        await pilot.hover(table, offset=(5, 4))
        table.drawn = 0
        await pilot.hover(table, offset=(5, 8))
        await pilot.pause()
        assert table.drawn <= 2


async def test_an_empty_table_takes_every_key() -> None:
    table = JobTable()
    async with running(table) as pilot:
        await pilot.press("down", "up", "end", "home", "pagedown", "enter", "space", "r", "x", "s", "S", "f")
        assert table.cursor_job is None
        assert not posted(pilot, JobTable.Inspect)


async def test_a_window_that_grows_asks_for_more_rows() -> None:
    table = JobTable()
    jobs = Jobs.numbered(1000)
    async with running(table, (80, 10)) as pilot:
        await filled(pilot, table, jobs)
        await pilot.resize_terminal(80, 60)
        await pilot.pause()
        assert posted(pilot, JobTable.WindowChanged)
        assert table.wanted().height > 59


@pytest.mark.parametrize("width", [20, 58, 120, 200])
async def test_hostile_text_keeps_to_its_cell(width: int) -> None:
    table = JobTable()
    rows = tuple(
        replace(job_row(job), id=text, key=text[:50], error=text) for job, text in enumerate(HOSTILE)
    )
    async with running(table, (width, 24)) as pilot:
        table.set_filter(HOSTILE[3])
        table.show(JobsPart(len(rows), len(rows), 0, rows, filter_error=HOSTILE[1]))
        assert_drawn_safely(table)
        await pilot.press("down", "space", "down")
        assert_drawn_safely(table)


async def test_the_scrollbar_comes_and_goes_with_the_rows() -> None:
    table = JobTable()
    async with running(table, (80, 10)) as pilot:
        for count, shown in ((3, False), (6, False), (100, True), (200, True), (8, False), (0, False)):
            await filled(pilot, table, Jobs.numbered(count))
            assert table.show_vertical_scrollbar is shown
            assert_drawn_safely(table)


async def test_the_row_under_the_cursor_is_told_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    table = JobTable()
    async with running(table) as pilot:
        await filled(pilot, table, Jobs.numbered(10))
        styles = {segment.style for segment in table.render_line(2) if segment.style}
        assert all(style.reverse for style in styles)
        assert not any(segment.style.reverse for segment in table.render_line(3) if segment.style)


async def test_the_wheel_scrolls_and_stops_following() -> None:
    table = JobTable()
    jobs = Jobs.numbered(100)
    async with running(table) as pilot:
        await filled(pilot, table, jobs)
        table.post_message(MouseScrollDown(table, 5, 5, 0, 0, 0, False, False, False))
        await pilot.pause()
        assert table.top > 0
        assert not table.follow
        assert table.cursor_row == 0


@pytest.mark.case("screen", "scrollbar")
async def test_the_scrollbar_stands_beside_the_rows_and_touches_no_text() -> None:
    """What is above the rows does not scroll; a blank parts the bar from what a row says."""
    table = JobTable()
    rows = tuple(replace(job_row(job), error="x" * 200, state=JobState.FAILED) for job in range(60))
    async with running(table, (80, 20)) as pilot:
        table.show(JobsPart(60, 60, 0, rows))
        await pilot.pause()
        bar = table.vertical_scrollbar
        assert bar.region.y == table.content_region.y + table.HEAD_LINES
        assert bar.region.bottom == table.content_region.bottom
        assert all(line.text.endswith("… ") for line in map(table.render_line, range(2, 20)))
        await pilot.press("end")
        await pilot.pause()
        assert bar.position + bar.window_size == bar.window_virtual_size


async def drag(pilot: Pilot[None], table: JobTable, start: tuple[int, int], end: tuple[int, int]) -> None:
    await pilot.mouse_down(table, offset=start)
    await pilot.hover(table, offset=end)
    await pilot.mouse_up(table, offset=end)
    await pilot.pause()


async def test_text_dragged_over_is_copied_and_stays_with_its_rows() -> None:
    """New rows above move neither the selection nor the rows; the cursor stays where it was."""
    table = JobTable()
    jobs = Jobs.numbered(100)
    async with running(table) as pilot:
        await filled(pilot, table, jobs)
        await drag(pilot, table, (1, 3), (7, 4))
        text = pilot.app.screen.get_selected_text() or ""
        first, last = text.splitlines()
        assert first.startswith("add-98")
        assert last == "add-97"
        assert table.cursor_row == 0
        assert not table.follow
        jobs.start(3)
        await filled(pilot, table, jobs)
        assert pilot.app.screen.get_selected_text() == text
        await pilot.press("ctrl+c")
        assert pilot.app.clipboard == text


async def test_a_click_twice_opens_a_row_and_selects_nothing() -> None:
    table = JobTable()
    async with running(table) as pilot:
        await filled(pilot, table, Jobs.numbered(20))
        await pilot.click(table, offset=(5, 7), times=3)
        assert posted(pilot, JobTable.Inspect)
        assert pilot.app.screen.get_selected_text() is None


@pytest.mark.parametrize(
    ("width", "title"), [(18, "answer, or why not"), (17, "answer, or why"), (14, "answer, or why")]
)
def test_a_title_that_does_not_fit_is_said_in_fewer_words(width: int, title: str) -> None:
    column = Column("why", "answer, or why not", 14, flex=1, short="answer, or why")
    assert column.title_in(width) == title
