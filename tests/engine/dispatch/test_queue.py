"""The queue of jobs: each to one taker at a time, until it ends."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.engine.dispatch.queue import JobQueue
from llmdash.engine.dispatch.retry_budget import RetryBudget
from tests.engine.virtual_time import now, settle, virtual_time


@virtual_time
async def test_pending_jobs_come_in_their_order_and_are_fresh_once() -> None:
    work = JobQueue([3, 5, 9])
    assert [await work.pop() for _ in range(2)] == [(3, True), (5, True)]
    work.requeue(5)
    assert await work.pop() == (5, False)
    assert await work.pop() == (9, True)
    assert work.waiting == 0
    assert work.open == 3


@virtual_time
async def test_a_job_in_backoff_comes_when_it_is_due_and_not_before() -> None:
    work = JobQueue([0, 1])
    for delay in (5.0, 2.0):
        job, _ = await work.pop()
        work.schedule(job, delay)
    start = now()
    assert await work.pop() == (1, False)
    assert now() - start == pytest.approx(2.0, abs=0.002)
    assert await work.pop() == (0, False)
    assert now() - start == pytest.approx(5.0, abs=0.002)
    work.close()


@pytest.mark.parametrize("place", ["pending", "ready", "backoff"])
@virtual_time
async def test_a_dropped_job_is_never_handed_out(place: str) -> None:
    work = JobQueue([0, 1])
    if place != "pending":
        job, _ = await work.pop()
        if place == "ready":
            work.requeue(job)
        else:
            work.schedule(job, 1.0)
    work.drop(0)
    work.end(0)
    await asyncio.sleep(2.0)
    assert (await work.pop())[0] == 1
    late = asyncio.create_task(work.pop())
    await asyncio.sleep(5.0)
    assert not late.done()
    late.cancel()
    assert work.open == 1


@pytest.mark.parametrize("place", ["pending", "backoff"])
@virtual_time
async def test_a_dropped_job_that_is_wanted_again_comes_once(place: str) -> None:
    work = JobQueue([0, 1, 2])
    job = 2
    if place == "backoff":
        job, _ = await work.pop()
        work.schedule(job, 10.0)
    work.drop(job)
    work.end(job)
    work.reopen(job)
    assert await work.pop() == (job, False)
    rest = [(await work.pop())[0] for _ in range(2)]
    assert sorted([job, *rest]) == [0, 1, 2]
    late = asyncio.create_task(work.pop())
    await asyncio.sleep(20.0)
    assert not late.done()
    late.cancel()


@virtual_time
async def test_a_hundred_thousand_jobs_are_dropped_in_no_time() -> None:
    work = JobQueue(range(100_000))
    taken = [(await work.pop())[0] for _ in range(50_000)]
    for job in taken[::2]:
        work.schedule(job, 60.0)
    for job in taken[1::2]:
        work.requeue(job)
    for job in range(100_000):
        work.drop(job)
        work.end(job)
    await work.all_ended()
    assert work.waiting == 0
    work.close()


@virtual_time
async def test_those_who_wait_for_the_end_or_for_work_wake() -> None:
    work = JobQueue([0])
    end = asyncio.create_task(work.all_ended())
    await settle()
    assert not end.done()
    await work.pop()
    work.end(0)
    await end
    some = asyncio.create_task(work.some_open())
    await settle()
    assert not some.done()
    work.reopen(0)
    await some
    assert await work.pop() == (0, False)


@given(st.integers(0, 2**32), st.integers(0, 40))
@settings(max_examples=60)
def test_every_job_is_with_one_taker_at_a_time_and_ends_once(seed: int, jobs: int) -> None:
    @virtual_time
    async def scenario() -> None:
        rng, work = random.Random(seed), JobQueue(range(jobs))
        held: set[int] = set()
        ended: list[int] = []
        fresh: list[int] = []

        async def taker() -> None:
            while True:
                job, is_fresh = await work.pop()
                assert job not in held
                assert job not in ended
                fresh.extend([job] * is_fresh)
                held.add(job)
                await asyncio.sleep(rng.uniform(0, 2))
                held.discard(job)
                match rng.randrange(4):
                    case 0:
                        work.requeue(job)
                    case 1:
                        work.schedule(job, rng.uniform(0, 5))
                    case _:
                        ended.append(job)
                        work.end(job)

        async def dropper() -> None:
            while True:
                await asyncio.sleep(rng.uniform(0, 3))
                free = [job for job in range(jobs) if job not in held and job not in ended]
                if free:
                    job = rng.choice(free)
                    work.drop(job)
                    ended.append(job)
                    work.end(job)
                if ended and rng.random() < 0.3:
                    again = ended.pop(rng.randrange(len(ended)))
                    work.reopen(again)

        tasks = [asyncio.create_task(taker()) for _ in range(5)]
        tasks.append(asyncio.create_task(dropper()))
        await asyncio.sleep(30.0)
        tasks.pop().cancel()
        await asyncio.wait_for(work.all_ended(), 10_000)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
        assert sorted(ended) == list(range(jobs))
        assert len(fresh) == len(set(fresh))
        work.close()

    scenario()


@pytest.mark.case("engine", "always-500")
@virtual_time
async def test_while_endpoints_are_probed_suspects_come_last() -> None:
    work = JobQueue(range(6))
    for _ in range(4):
        await work.pop()
    work.suspects |= {0, 1}
    for job in (3, 2, 1, 0):
        work.requeue(job)
    assert [await work.pop(spread=True) for _ in range(4)] == [(4, True), (5, True), (2, False), (3, False)]
    assert {(await work.pop(spread=True))[0] for _ in range(2)} == {0, 1}
    work.end(0)
    assert work.suspects == {1}


@virtual_time
async def test_a_job_in_backoff_can_be_made_ready_sooner_and_never_later() -> None:
    work = JobQueue([0, 1])
    for _ in range(2):
        await work.pop()
    work.schedule(0, 10.0)
    start = now()
    assert work.hasten(0, 20.0)
    assert work.hasten(0, 3.0)
    assert not work.hasten(1, 3.0)
    assert await work.pop() == (0, False)
    assert now() - start == pytest.approx(3.0, abs=0.002)
    assert not work.hasten(0, 1.0)
    work.close()


@virtual_time
async def test_a_job_for_which_a_key_is_kept_free_goes_first() -> None:
    work = JobQueue(range(3))
    for _ in range(3):
        await work.pop()
    work.requeue(2)
    assert not work.yield_to_urgent(1)
    work.schedule(0, 1.0, urgent=True)
    await asyncio.sleep(1.1)
    assert work.yield_to_urgent(1)
    assert [(await work.pop())[0] for _ in range(3)] == [0, 1, 2]
    work.schedule(0, 1.0)
    work.requeue(2)
    await asyncio.sleep(1.1)
    assert not work.yield_to_urgent(1)
    work.close()


@virtual_time
async def test_a_job_that_others_wait_for_goes_before_those_never_popped_and_those_that_wait() -> None:
    work = JobQueue(range(4), RetryBudget(asyncio.get_running_loop().time, share=0.0, floor=0))
    work.lend(2)
    assert await work.pop() == (0, True)
    work.give_out_first(2)
    assert work.yield_to_urgent(0)
    assert (await work.pop())[0] == 2
    work.schedule(2, 1.0, limited=True)
    work.put_first(2)
    await asyncio.sleep(1.1)
    assert [(await work.pop())[0] for _ in range(4)] == [2, 0, 1, 3]
    work.close()


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["lend", "take back", "give out", "give out first", "drop", "pop", "release"]),
        st.integers(0, 9),
    )
)


@given(steps=_STEPS, withholds=st.booleans())
@settings(deadline=None)
def test_a_lent_job_is_nobody_elses_until_it_is_back_and_none_is_lost(
    steps: list[tuple[str, int]], withholds: bool
) -> None:
    async def scenario() -> None:
        work = JobQueue(range(10))
        work.withholds = withholds
        gives = {
            "take back": work.take_back,
            "give out": work.give_out,
            "give out first": work.give_out_first,
        }
        home, lent, withheld, over = set(range(10)), set[int](), set[int](), set[int]()

        async def pop() -> None:
            job, _ = await work.pop()
            assert job in home
            home.discard(job)
            work.end(job)
            over.add(job)

        for step, job in steps:
            if step == "lend" and job in home | withheld:
                work.lend(job)
                lent.add(job)
                home.discard(job)
                withheld.discard(job)
            elif step in gives and job in lent:
                gives[step](job)
                lent.discard(job)
                (withheld if step == "take back" and work.withholds else home).add(job)
            elif step == "drop" and job in home | withheld:
                work.drop(job)
                work.end(job)
                over.add(job)
                home.discard(job)
                withheld.discard(job)
            elif step == "pop" and home:
                await pop()
            elif step == "release":
                work.release_withheld()
                home |= withheld
                withheld.clear()
            assert (work.open, work.withheld) == (10 - len(over), len(withheld))
            assert (work.lent, work.at_home) == (len(lent) + len(withheld), len(home))
        work.release_withheld()
        for job in lent:
            work.take_back(job)
        home |= withheld | lent
        while home:
            await pop()
        assert work.open == 0
        work.close()

    asyncio.run(scenario())
