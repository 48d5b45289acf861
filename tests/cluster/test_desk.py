"""A run and its desks: what is asked, what is reported, and what becomes of it when one falls silent."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from llmdash.cluster.desk import LEASE_S, OLDEST_PERMIT_S
from llmdash.cluster.link import SILENCE_S, OtherVersion
from llmdash.engine.dispatch.asker import Lost, NotSent
from llmdash.engine.model.events import ChunksReceived
from llmdash.engine.model.states import WorkerState
from llmdash.llms.messages import Delta, Usage
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.cluster.desks import Asked, run_with
from tests.engine.scripted import Server, echo, failing
from tests.engine.virtual_time import jump, virtual_time

SETTLED_S = 0.3


def slow(seconds: float, *texts: str) -> Any:
    """Chunks with so many seconds before each."""

    def script(_key: str, _prompt: str, _before: int) -> list[Any]:
        steps: list[Any] = []
        for text in texts or ("late",):
            steps += [seconds, Delta(text=text)]
        return [*steps, Delta(finish_reason="stop", usage=Usage(2, 3))]

    return script


def chunks(asked: Asked) -> list[str]:
    return [text for event in asked.events if isinstance(event, ChunksReceived) for text in event.texts]


@virtual_time
async def test_an_attempt_is_made_at_a_worker_and_its_answer_comes_back() -> None:
    server = Server()
    async with run_with("a1f2") as (asker, (key,), connect):
        assert asker.place(key) is None
        connect("w1", server)
        await asker.ready()
        assert key.is_reachable
        asked = Asked(asker, key, 7, "hello")
        answer = await asked.task
        assert (answer.text, answer.finish_reason, answer.usage) == ("re: hello", "stop", Usage(2, 3))
        assert len(asked.left) == 1
        assert chunks(asked) == ["re: hello"]
        assert asked.worker == "w1"
        (row,) = asker.workers()
        assert (row.name, row.state, row.in_flight, row.keys, row.lacks) == (
            "w1",
            WorkerState.WORKING,
            0,
            1,
            (),
        )
        assert asker.blocked() is None


@virtual_time
async def test_a_failure_is_judged_as_if_it_had_happened_here() -> None:
    server = Server(lambda *_: failing(FailureKind.THROTTLE, "slow down", status=429, retry_after=2.0))
    async with run_with("k") as (asker, (key,), connect):
        connect("w1", server)
        await asker.ready()
        failure = (await Asked(asker, key, 0, "x").task).failure
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.status, failure.retry_after) == (FailureKind.THROTTLE, 429, 2.0)


@virtual_time
async def test_of_a_job_that_nobody_watches_come_the_first_chunk_and_then_all_the_others() -> None:
    server = Server(slow(0.5, "a", "b", "c"))
    async with run_with("k") as (asker, (key,), connect):
        connect("w1", server)
        await asker.ready()
        asked = Asked(asker, key, 0, "x")
        await asyncio.sleep(1.2)
        assert chunks(asked) == ["a"]
        await asked.task
        assert chunks(asked) == ["a", "b", "c"]
        times = [at for event in asked.events if isinstance(event, ChunksReceived) for at in event.times]
        assert [round(after - before, 3) for before, after in pairwise(times)] == [0.5, 0.5]


@virtual_time
async def test_a_job_that_is_watched_streams_from_the_moment_on_at_which_it_is() -> None:
    server = Server(slow(0.5, *"abcdef"))
    async with run_with("k") as (asker, (key,), connect):
        connect("w1", server)
        await asker.ready()
        asked = Asked(asker, key, 3, "x")
        await asyncio.sleep(1.7)
        asker.watch([3])
        await asyncio.sleep(0.1)
        assert chunks(asked) == ["a", "b", "c"]
        await asyncio.sleep(0.5)
        assert chunks(asked) == ["a", "b", "c", "d"]
        asker.watch([])
        await asyncio.sleep(0.5)
        assert chunks(asked) == ["a", "b", "c", "d"]
        await asked.task
        assert chunks(asked) == list("abcdef")


@virtual_time
async def test_the_worker_that_is_killed_loses_what_it_had_and_others_take_over() -> None:
    server = Server(slow(2.0))
    async with run_with("k") as (asker, (key,), connect):
        first = connect("w1", server)
        await asker.ready()
        asked = [Asked(asker, key, job, str(job)) for job in range(5)]
        await asyncio.sleep(0.5)
        first.kill()
        for each in asked:
            with pytest.raises(Lost):
                await each.task
            assert len(each.left) == 1
        assert server.in_flight == 0
        assert asker.workers()[0].state is WorkerState.LOST
        assert asker.blocked() is not None
        assert not key.is_reachable
        connect("w1", server)
        await asker.ready()
        assert (await Asked(asker, key, 0, "again").task).text == "late"
        assert asker.workers()[0].state is WorkerState.WORKING


@virtual_time
async def test_what_was_not_handed_over_yet_when_the_worker_goes_was_not_sent() -> None:
    server = Server()
    async with run_with("k") as (asker, (key,), connect):
        worker = connect("w1", server)
        await asker.ready()
        asked = Asked(asker, key, 0, "x")
        await asyncio.sleep(0)  # it is in the outbox now
        worker.near.abort()
        with pytest.raises(NotSent):
            await asked.task
        assert asked.left == []
        assert server.asked == Counter()


@virtual_time
async def test_a_worker_from_which_nothing_comes_gets_nothing_new_and_is_lost() -> None:
    server = Server(slow(60.0))
    async with run_with("k") as (asker, (key,), connect):
        worker = connect("w1", server)
        await asker.ready()
        asked = Asked(asker, key, 0, "x")
        await asyncio.sleep(SETTLED_S)
        worker.far.cut()
        await asyncio.sleep(3.0)
        assert asker.blocked() is not None
        assert not asked.task.done()
        await asyncio.sleep(SILENCE_S)
        with pytest.raises(Lost):
            await asked.task


@virtual_time
async def test_a_run_that_falls_silent_loses_its_lease_and_its_requests_are_cut() -> None:
    server = Server(slow(60.0))
    async with run_with("k") as (asker, (key,), connect):
        worker = connect("w1", server)
        await asker.ready()
        asked = Asked(asker, key, 0, "x")
        await asyncio.sleep(SETTLED_S)
        assert server.in_flight == 1
        worker.near.cut()
        await asyncio.sleep(LEASE_S + 1.2)
        assert server.in_flight == 0
        worker.near.mend()
        with pytest.raises(Lost):
            await asked.task


@virtual_time
async def test_a_permit_that_is_too_old_is_not_used() -> None:
    server = Server()
    async with run_with("k") as (asker, (key,), connect):
        worker = connect("w1", server)
        await asker.ready()
        await asyncio.sleep(SETTLED_S)
        asked = Asked(asker, key, 0, "x")
        await asyncio.sleep(0.0)
        worker.near.cut()
        await asyncio.sleep(OLDEST_PERMIT_S + 0.1)
        worker.near.mend()
        with pytest.raises(NotSent, match="too old"):
            await asked.task
        assert asked.left == []
        assert server.asked == Counter()


@virtual_time
async def test_this_process_stood_still_itself_so_no_worker_is_lost() -> None:
    server = Server(slow(30.0))
    async with run_with("k") as (asker, (key,), connect):
        connect("w1", server)
        await asker.ready()
        asked = Asked(asker, key, 0, "x")
        await asyncio.sleep(SETTLED_S)
        jump(SILENCE_S * 2)
        await asyncio.sleep(1.0)
        assert asker.workers()[0].state is WorkerState.WORKING
        assert asker.blocked() is None
        with pytest.raises(Lost):  # the desk stood still as well, and cut it off: nobody knows for how long
            await asked.task


@virtual_time
async def test_who_cancels_hears_nothing_more_and_the_request_is_aborted() -> None:
    server = Server(slow(5.0))
    async with run_with("k") as (asker, (key,), connect):
        connect("w1", server)
        await asker.ready()
        unsent, sent = Asked(asker, key, 0, "x"), Asked(asker, key, 1, "y")
        await asyncio.sleep(0)
        unsent.task.cancel()
        await asyncio.sleep(SETTLED_S)
        assert unsent.left == []
        sent.task.cancel()
        await asyncio.sleep(SETTLED_S)
        assert len(sent.left) == 1
        assert server.in_flight == 0
        assert server.asked == Counter({"y": 1})


@virtual_time
async def test_a_key_goes_to_those_workers_only_that_have_it() -> None:
    servers = {"w1": Server(), "w2": Server()}
    async with run_with("a", "b") as (asker, (a, b), connect):
        connect("w1", servers["w1"], lacks=frozenset("b"))
        await asker.ready()
        await asyncio.sleep(SETTLED_S)
        assert (a.is_reachable, b.is_reachable) == (True, False)
        assert asker.workers()[0].lacks == ("b",)
        connect("w2", servers["w2"])
        await asyncio.sleep(SETTLED_S)
        assert b.is_reachable
        for job in range(20):
            await Asked(asker, b, job, str(job)).task
        assert servers["w1"].by_key["b"] == 0
        assert servers["w2"].by_key["b"] == 20


@virtual_time
async def test_where_no_worker_has_a_key_that_is_what_is_said() -> None:
    async with run_with("a") as (asker, (a,), connect):
        assert asker.blocked() is not None
        connect("w1", Server(), lacks=frozenset("a"))
        await asyncio.sleep(SETTLED_S)
        assert asker.blocked() == "no worker has a key of this run"
        assert asker.place(a) is None


@virtual_time
async def test_a_drained_worker_finishes_and_gets_nothing_new_until_it_is_taken_again() -> None:
    server = Server(slow(1.0))
    async with run_with("k") as (asker, (key,), connect):
        connect("w1", server)
        connect("w2", server)
        await asyncio.sleep(SETTLED_S)
        on_first = Asked(asker, key, 0, "x", worker="w1")
        await asyncio.sleep(SETTLED_S)
        asker.drain("w1")
        asker.drain("nobody")
        assert asker.workers()[0].state is WorkerState.DRAINING
        assert {asker.place(key) for _ in range(10)} == {"w2"}
        with pytest.raises(NotSent):
            await Asked(asker, key, 1, "y", worker="w1").task
        assert (await on_first.task).text == "late"
        assert asker.workers()[0].state is WorkerState.DRAINED
        asker.drain("w2")
        assert asker.blocked() == "all workers are drained"
        asker.take_again("w1")
        assert asker.place(key) == "w1"


@virtual_time
async def test_a_worker_that_ends_in_an_orderly_way_finishes_first() -> None:
    server = Server(slow(1.0))
    async with run_with("k") as (asker, (key,), connect):
        worker = connect("w1", server)
        await asker.ready()
        asked = Asked(asker, key, 0, "x")
        await asyncio.sleep(SETTLED_S)
        leaving = asyncio.create_task(worker.desk.leave())
        await asyncio.sleep(SETTLED_S)
        assert asker.blocked() is not None
        assert asker.workers()[0].state is WorkerState.DRAINING
        assert (await asked.task).text == "late"
        await leaving
        worker.kill()
        await asyncio.sleep(SETTLED_S)
        assert asker.workers()[0].state is WorkerState.LEFT


@virtual_time
async def test_a_worker_of_another_version_is_refused() -> None:
    async with run_with("k") as (asker, _, connect):
        worker = connect("w1", Server(), version="0.0.1")
        await asyncio.sleep(SETTLED_S)
        with pytest.raises(OtherVersion, match=r"0\.0\.1"):
            await worker.tasks[1]
        assert asker.blocked() is not None


@virtual_time
async def test_many_attempts_at_once_go_in_few_messages_and_the_idlest_worker_gets_the_next() -> None:
    server = Server(slow(1.0))
    async with run_with("k") as (asker, (key,), connect):
        workers = [connect(f"w{n}", server) for n in range(4)]
        await asyncio.sleep(SETTLED_S)
        before = [len(worker.near.written) for worker in workers]
        asked = [Asked(asker, key, job, str(job)) for job in range(400)]
        await asyncio.sleep(0.2)
        counts = [row.in_flight for row in asker.workers()]
        await asyncio.gather(*(each.task for each in asked))
        assert sum(counts) == 400
        assert max(len(worker.near.written) - then for worker, then in zip(workers, before, strict=True)) < 12
        assert all(len(each.left) == 1 for each in asked)


@pytest.mark.parametrize("seed", range(12))
def test_every_attempt_ends_once_whatever_happens_to_the_workers(seed: int) -> None:
    @virtual_time
    async def scenario() -> None:
        rng = random.Random(seed)
        server = Server(
            lambda *_: [rng.uniform(0.0, 1.5), Delta(text="a"), rng.uniform(0.0, 1.5), *echo("", "x", 0)]
        )
        async with run_with("a", "b") as (asker, keys, connect):
            names = [f"w{n}" for n in range(3)]
            there = {name: connect(name, server) for name in names}
            outcomes: Counter[str] = Counter()
            asked: list[Asked] = []
            for step in range(300):
                await asyncio.sleep(rng.uniform(0.0, 0.1))
                key = rng.choice(keys)
                if key.is_reachable and (name := asker.place(key)) is not None:
                    asked.append(Asked(asker, key, step, str(step), worker=name))
                chance, name = rng.random(), rng.choice(names)
                if chance < 0.03:
                    there[name].kill()
                elif chance < 0.06 and there[name].far.is_closed:
                    await there[name].close()
                    there[name] = connect(name, server)
                elif chance < 0.08:
                    there[name].far.cut()
                elif chance < 0.12:
                    there[name].far.mend()
                elif chance < 0.2:
                    asker.watch([rng.randrange(300)])
                elif chance < 0.24 and asked:
                    rng.choice(asked).task.cancel()
                elif chance < 0.28:
                    rng.choice((asker.drain, asker.take_again))(name)
            for worker in there.values():
                worker.far.mend()
            await asyncio.sleep(20.0)
            assert server.in_flight == 0
            for each in asked:
                assert each.task.done()
                assert len(each.left) <= 1
                if each.task.cancelled():
                    outcomes["cancelled"] += 1
                elif isinstance(each.task.exception(), NotSent):
                    outcomes["not sent"] += 1
                    assert not each.left
                elif isinstance(each.task.exception(), Lost):
                    outcomes["lost"] += 1
                    assert each.left
                else:
                    outcomes["answered"] += 1
                    assert each.left
                    assert "".join(chunks(each)) == each.task.result().text
            sent = sum(server.asked.values())
            assert sent <= sum(len(each.left) for each in asked)
            assert outcomes["answered"] > 20

    scenario()
