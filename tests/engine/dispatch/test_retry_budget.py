"""The budget for retries: never more than a share of what is sent, and a few."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.dispatch.queue import JobQueue
from llmdash.engine.dispatch.retry_budget import RetryBudget
from tests.engine.pools import Clock
from tests.engine.virtual_time import now, virtual_time


@given(st.lists(st.tuples(st.sampled_from("srw"), st.floats(0.0, 20.0)), max_size=200))
def test_in_no_minute_there_are_more_retries_than_a_fifth_and_ten(steps: list[tuple[str, float]]) -> None:
    """Each retry that is let through leaves at once; `s` is another request, `w` a wait."""
    clock = Clock()
    budget = RetryBudget(clock)
    sent: list[tuple[float, bool]] = []
    for step, seconds in steps:
        if step == "w":
            clock.time += seconds
        elif step == "s" or budget.take():
            budget.sent(is_retry=step == "r")
            sent.append((clock.time, step == "r"))
        last = [is_retry for at, is_retry in sent if at > clock.time - 60.0]
        older = [is_retry for at, is_retry in sent if clock.time - 60.2 <= at <= clock.time - 60.0]
        assert sum(last) <= 0.2 * (len(last) + len(older)) + 10


@virtual_time
async def test_fresh_jobs_go_before_retries_that_are_held_back() -> None:
    loop = asyncio.get_running_loop()
    budget = RetryBudget(loop.time, share=0.2, floor=2)
    work = JobQueue(range(30), budget)
    for _ in range(10):
        job, _ = await work.pop()
        work.mark_sent(job)
        work.schedule(job, 0.1, limited=True)
    await asyncio.sleep(0.2)
    taken = [await work.pop() for _ in range(10)]
    assert [job for job, is_fresh in taken if not is_fresh] == [0, 1, 2, 3], "a fifth of ten, and two"
    assert [job for job, is_fresh in taken if is_fresh] == list(range(10, 16))
    assert budget.is_short
    work.close()


@virtual_time
async def test_held_back_retries_come_when_earlier_ones_are_a_minute_ago() -> None:
    loop = asyncio.get_running_loop()
    budget = RetryBudget(loop.time, share=0.0, floor=1)
    work = JobQueue(range(3), budget)
    for _ in range(3):
        job, _ = await work.pop()
        work.schedule(job, 0.0, limited=True)
    times = []
    for _ in range(3):
        job, _ = await work.pop()
        work.mark_sent(job)
        times.append(now())
    for earlier, later in pairwise(times):
        assert later - earlier == pytest.approx(60.0, abs=0.5)
    work.close()


@virtual_time
async def test_jobs_that_are_not_to_blame_are_not_held_back() -> None:
    loop = asyncio.get_running_loop()
    work = JobQueue(range(50), RetryBudget(loop.time, share=0.0, floor=0))
    for _ in range(50):
        job, _ = await work.pop()
        work.schedule(job, 0.1)
    began = now()
    for _ in range(50):
        await work.pop()
    assert now() - began < 0.2
    work.close()


@virtual_time
async def test_a_retry_that_is_put_back_or_ended_unsent_costs_nothing() -> None:
    loop = asyncio.get_running_loop()
    work = JobQueue(range(3), RetryBudget(loop.time, share=0.0, floor=1))
    for _ in range(3):
        job, _ = await work.pop()
        work.mark_sent(job)
        work.schedule(job, 0.0, limited=True)
    began = now()
    for _ in range(5):
        work.requeue((await work.pop())[0])
    work.end((await work.pop())[0])
    job, _ = await work.pop()
    assert now() - began < 1.0
    work.mark_sent(job)
    await work.pop()
    assert now() - began > 59.0
    work.close()


def test_one_fault_of_all_that_is_in_flight_can_be_retried_at_once() -> None:
    budget = RetryBudget(Clock())
    budget.cover(64)
    assert [budget.take() for _ in range(65)].count(True) == 64
    budget.cover(4)
    assert budget.floor == 10
