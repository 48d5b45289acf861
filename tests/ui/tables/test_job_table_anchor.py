"""Whatever starts, ends or is filtered away elsewhere: the row under the cursor keeps its line on screen."""

from __future__ import annotations

import random

import pytest

from llmdash.ui.tables.job_table import JobTable
from tests.ui.job_rows import Jobs, job_row
from tests.ui.widget_app import running

MOVES = ("down", "up", "pagedown", "pageup", "down", "up")


def disturb(jobs: Jobs, keep: int, chance: random.Random) -> None:
    """Start some jobs on top, and take some away that are not under the cursor."""
    fresh = max(row.job for row in jobs.rows) + 1
    jobs.rows[:0] = [job_row(fresh + number) for number in range(chance.randrange(40))]
    for _removal in range(chance.randrange(10)):
        at = chance.randrange(len(jobs.rows))
        if jobs.rows[at].job != keep:
            del jobs.rows[at]


@pytest.mark.parametrize("seed", range(6))
async def test_the_cursor_stays_on_its_job_and_line(seed: int) -> None:
    chance = random.Random(seed)
    table = JobTable()
    jobs = Jobs.numbered(2000)
    async with running(table) as pilot:
        table.show(jobs.answer(table.wanted()))
        await pilot.press(*["pagedown"] * 20)
        for _round in range(12):
            table.show(jobs.answer(table.wanted()))
            job, line = table.cursor_job, table.cursor_row - table.top
            assert job is not None
            disturb(jobs, job, chance)
            table.show(jobs.answer(table.wanted()))
            assert (table.cursor_job, table.cursor_row - table.top) == (job, line)
            assert jobs.rows[table.cursor_row].job == job
            await pilot.press(*chance.choices(MOVES, k=3))


@pytest.mark.parametrize("seed", range(3))
async def test_a_step_goes_to_the_neighbour_that_is_on_screen(seed: int) -> None:
    """Even if jobs started since: the step is from what the user saw."""
    chance = random.Random(seed)
    table = JobTable()
    jobs = Jobs.numbered(500)
    async with running(table) as pilot:
        table.show(jobs.answer(table.wanted()))
        await pilot.press("down", "down")
        for _round in range(15):
            table.show(jobs.answer(table.wanted()))
            below = jobs.rows[table.cursor_row + 1].job
            jobs.start(chance.randrange(5))
            await pilot.press("down")
            assert table.cursor_job == below
            table.show(jobs.answer(table.wanted()))
            assert table.cursor_job == below
