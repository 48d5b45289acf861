"""The asker of a cluster over desks in this process: who gets what, and what becomes of it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from llmdash.engine.dispatch.asker import Lost, NotSent
from llmdash.engine.model.states import WorkerState
from llmdash.engine.pool.member import Member
from llmdash.llms.messages import Delta, Usage
from tests.cluster.bench import KEYS, bench, recipe
from tests.engine.virtual_time import settle, virtual_time


def forever(_prompt: str) -> list[Any]:
    return [Delta(text="a"), 3_600.0]


def slowly(_prompt: str) -> list[Any]:
    steps = [step for number in range(20) for step in (0.1, Delta(text=f"{number} "))]
    return [*steps, Delta(finish_reason="stop", usage=Usage(1, 20))]


@virtual_time
async def test_nothing_is_ready_and_no_key_is_there_before_a_worker_says_so() -> None:
    async with bench() as made:
        ready = asyncio.create_task(made.asker.ready())
        await asyncio.sleep(1.0)
        assert not ready.done()
        assert [member.is_reachable for member in made.members] == [False] * 3
        assert made.asker.blocked() == "waiting for tls://scheduler:8786"
        made.join("w1", KEYS[1:])
        await asyncio.wait_for(ready, 0.2)
        assert [member.is_reachable for member in made.members] == [False, True, True]
        assert made.asker.blocked() is None
        assert made.asker.place(made.members[0]) is None


@virtual_time
async def test_work_goes_to_the_idlest_worker_that_has_the_key() -> None:
    async with bench() as made:
        made.join("w1", KEYS[:1], forever)
        made.join("w2", KEYS[:2], forever)
        made.join("w3", KEYS[2:], forever)
        await asyncio.sleep(0.2)
        for job in range(40):
            made.ask(job, f"p{job}", key=0)
            await asyncio.sleep(0.02)
        made.ask(40, "p40", key=1)
        await asyncio.sleep(0.1)
        assert [worker.link.in_flight for worker in made.workers] == [20, 21, 0]
        made.ask(41, "p41", key=0)
        await asyncio.sleep(0.1)
        assert [worker.link.in_flight for worker in made.workers] == [21, 21, 0]


@virtual_time
async def test_a_burst_gathers_but_spreads_within_a_few() -> None:
    async with bench() as made:
        workers = await made.joined("w1", "w2", "w3", script=forever)
        before = [len(worker.here.written) for worker in workers]
        for job in range(90):
            made.ask(job, f"p{job}")
            await settle()
        await asyncio.sleep(0.1)
        in_flight = [worker.link.in_flight for worker in workers]
        assert sum(in_flight) == 90
        assert max(in_flight) - min(in_flight) <= 9
        assert all(len(worker.here.written) - n <= 2 for worker, n in zip(workers, before, strict=True))


@virtual_time
async def test_a_drained_worker_finishes_gets_nothing_new_and_can_be_taken_again() -> None:
    async with bench() as made:
        first, _ = await made.joined("w1", "w2", script=slowly)
        call = made.ask(1, "p1", worker="w1")
        await settle()
        made.asker.drain("w1")
        made.asker.drain("nobody")
        assert {made.asker.place(made.members[0]) for _ in range(5)} == {"w2"}
        assert await made.ask(2, "p2", worker="w1").outcome() is NotSent
        assert states(made) == {"w1": WorkerState.DRAINING, "w2": WorkerState.WORKING}
        await call.task
        assert states(made)["w1"] is WorkerState.DRAINED
        made.asker.drain("w2")
        assert made.asker.blocked() == "all workers are drained"
        made.asker.take_again("w1")
        assert made.asker.place(made.members[0]) == "w1"
        assert made.asker.blocked() is None
        assert first.link.in_flight == 0


def states(made: Any) -> dict[str, WorkerState]:
    return {row.name: row.state for row in made.asker.workers()}


@virtual_time
async def test_a_quiet_worker_gets_nothing_though_it_was_chosen_already() -> None:
    async with bench() as made:
        (worker,) = await made.joined("w1")
        placed = made.asker.place(made.members[0])
        assert placed == "w1"
        worker.fall_silent()
        await asyncio.sleep(2.1)
        call = made.ask(1, "p1", worker=placed)
        assert await call.outcome() is NotSent
        assert call.lefts == []
        assert made.asker.place(made.members[0]) is None
        assert not made.members[0].is_reachable


@virtual_time
async def test_a_worker_that_is_killed_loses_what_it_had_and_the_rest_goes_on() -> None:
    async with bench() as made:
        first, _ = await made.joined("w1", "w2", script=slowly)
        lost, kept = made.ask(1, "p1", worker="w1"), made.ask(2, "p2", worker="w2")
        await asyncio.sleep(0.5)
        await first.kill()
        assert await lost.outcome() is Lost
        assert await kept.task
        assert [len(call.lefts) for call in (lost, kept)] == [1, 1]
        assert states(made) == {"w1": WorkerState.LOST, "w2": WorkerState.WORKING}
        assert await made.ask(3, "p3", worker="w1").outcome() is NotSent


@virtual_time
async def test_of_a_silent_worker_all_is_lost_after_its_own_lease_has_run_out() -> None:
    """Neither side hears of the other: the orphan's requests end first."""
    async with bench() as made:
        (worker,) = await made.joined("w1", script=forever)
        calls = [made.ask(job, f"p{job}") for job in range(5)]
        await asyncio.sleep(0.5)
        worker.fall_silent()
        assert {await call.outcome() for call in calls} == {Lost}
        assert len(worker.clients.cut) == 5
        assert [len(call.lefts) for call in calls] == [1] * 5


@virtual_time
async def test_a_worker_that_joins_again_is_the_same_row_and_must_say_its_keys_again() -> None:
    async with bench() as made:
        (first,) = await made.joined("w1")
        await made.ask(1, "p1").task
        await first.kill()
        await settle()
        assert [row.keys for row in made.asker.workers()] == [3]
        made.join("w1", KEYS[:1])
        assert [row.keys for row in made.asker.workers()] == [0]
        await asyncio.sleep(0.2)
        (row,) = made.asker.workers()
        assert (row.state, row.keys, row.lacks) == (WorkerState.WORKING, 1, ("k1", "k2"))
        assert (await made.ask(2, "p2").task).text == "re: p2"


@virtual_time
async def test_the_end_of_an_old_line_leaves_the_new_one_of_that_name_alone() -> None:
    async with bench() as made:
        (first,) = await made.joined("w1")
        made.join("w1")
        await asyncio.sleep(0.2)
        await first.kill()
        await settle()
        assert (await made.ask(1, "p1").task).text == "re: p1"


@virtual_time
async def test_keys_that_join_later_are_made_known_to_workers_that_are_there() -> None:
    async with bench() as made:
        await made.joined("w1")
        made.recipes["late"] = recipe(KEYS[0])
        member = Member(made.members[0].llm, "late")
        made.asker.adopt([member])
        made.members.append(member)
        assert [member.is_reachable for member in made.members] == [True, True, True, False]
        await asyncio.sleep(0.2)
        assert [member.is_reachable for member in made.members] == [True] * 4
        assert (await made.ask(1, "p1", key=3).task).text == "re: p1"


@virtual_time
async def test_a_run_that_is_over_keeps_its_last_picture() -> None:
    async with bench() as made:
        (worker,) = await made.joined("w1")
        made.asker.close()
        await worker.kill()
        await asyncio.sleep(0.1)
        assert [row.state for row in made.asker.workers()] == [WorkerState.WORKING]
        assert [member.is_reachable for member in made.members] == [True] * 3
        assert made.asker.blocked() is None


@virtual_time
async def test_a_cancelled_attempt_counts_only_if_it_may_have_been_sent() -> None:
    async with bench() as made:
        (worker,) = await made.joined("w1", script=forever)
        first = made.ask(0, "p0")
        await asyncio.sleep(0.002)  # what comes within 10 ms of a message waits for the next one
        unsent, sent = made.ask(1, "p1"), made.ask(2, "p2")
        await settle()
        unsent.task.cancel()
        await asyncio.sleep(0.2)
        sent.task.cancel()
        first.task.cancel()
        await asyncio.sleep(0.2)
        assert (unsent.task.cancelled(), sent.task.cancelled()) == (True, True)
        assert (len(unsent.lefts), len(sent.lefts)) == (0, 1)
        assert [text for _, text in worker.clients.sent] == ["p0", "p2"]
        assert sorted(worker.clients.cut) == ["p0", "p2"]
        assert worker.link.in_flight == 0


@virtual_time
async def test_only_the_watched_stream_arrives_as_it_is_made_also_when_another_thread_asks() -> None:
    async with bench() as made:
        await made.joined("w1", "w2", script=slowly)
        calls = [made.ask(job, f"p{job}") for job in range(4)]
        await asyncio.sleep(0.35)
        watcher = threading.Thread(target=made.asker.watch, args=([2],))
        watcher.start()
        watcher.join()
        await asyncio.sleep(1.0)
        assert [len(call.texts) for call in calls] == [1, 1, pytest.approx(13, abs=1), 1]
        made.asker.watch([])
        await asyncio.sleep(0.2)
        seen = len(calls[2].texts)
        await asyncio.sleep(0.3)
        assert len(calls[2].texts) == seen
        for call in calls:
            await call.task
            assert call.texts == [f"{number} " for number in range(20)]
            assert call.told[0] == "left"


@virtual_time
async def test_what_is_watched_before_it_is_sent_is_watched_at_once_and_on_every_worker() -> None:
    async with bench() as made:
        await made.joined("w1", script=slowly)
        made.asker.watch([7, 8])
        first = made.ask(7, "p7")
        await made.joined("w2", script=slowly)
        second = made.ask(8, "p8", worker="w2")
        await asyncio.sleep(1.05)
        assert len(first.texts) >= 10
        assert len(second.texts) >= 9


@virtual_time
async def test_rows_say_what_each_worker_does() -> None:
    async with bench() as made:
        await made.joined("w1", "w2")
        for job in range(10):
            await made.ask(job, f"p{job}", worker="w2").task
        idle, busy = made.asker.workers()
        assert (idle.name, idle.jobs_per_s, idle.ttft_p50) == ("w1", 0.0, None)
        assert (busy.name, busy.in_flight) == ("w2", 0)
        assert busy.jobs_per_s > 0
        assert busy.round_trip_s is not None


@virtual_time
async def test_why_nobody_works_is_said_in_words() -> None:
    async with bench() as made:
        worker = made.join("w1", [])
        await asyncio.sleep(0.2)
        assert made.asker.blocked() == "no worker has a key of this run"
        made.asker.problem = "tls://scheduler:8786 does not answer (refused)"
        await worker.kill()
        await settle()
        assert made.asker.blocked() == "tls://scheduler:8786 does not answer (refused)"


@virtual_time
async def test_a_worker_that_is_about_to_end_lets_all_end_and_gets_nothing_new() -> None:
    async with bench() as made:
        (worker,) = await made.joined("w1", script=slowly)
        call = made.ask(1, "p1")
        await asyncio.sleep(0.1)
        leaving = asyncio.create_task(worker.desk.leave())
        await asyncio.sleep(0.1)
        assert made.asker.place(made.members[0]) is None
        assert states(made) == {"w1": WorkerState.DRAINING}
        assert (await call.task).failure is None
        await leaving
        await worker.kill()
        await settle()
        assert states(made) == {"w1": WorkerState.LEFT}
