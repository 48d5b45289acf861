"""Places where everybody could come to wait for something that never happens. On virtual time a hang is seen
at once: the run has not ended after hours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from llmdash.engine.model.states import EndpointState, JobState, KeyState
from llmdash.engine.pool.member import Lease
from llmdash.engine.pool.pool import KeyPool
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.engine.pools import Clock, answer, choose, fail, pool_of
from tests.engine.simulated_runs import SimulatedRun
from tests.engine.simulated_servers import (
    HOUR,
    MINUTE,
    Fault,
    Scenario,
    crashed,
    malformed,
    refused,
    throttled,
)
from tests.engine.virtual_time import virtual_time

REFUSED = Failure(FailureKind.TRANSIENT, "connection refused", reached=False)


def down(pool: KeyPool, clock: Clock) -> None:
    """The endpoint is down, and its next probe is due."""
    for lease in [choose(pool) for _ in range(3)]:
        pool.failed(lease, REFUSED)
    clock.time += 1.0


def state_of(run: SimulatedRun) -> EndpointState:
    return run.pool.endpoints[0].circuit_breaker.state


@pytest.mark.parametrize("leave", [KeyPool.was_cut, KeyPool.not_sent])
def test_a_probe_that_is_given_up_hands_its_place_on(leave: Callable[[KeyPool, Lease], object]) -> None:
    clock = Clock()
    pool = pool_of(2, clock)
    down(pool, clock)
    lease = choose(pool)
    assert pool.choose() is None
    leave(pool, lease)
    answer(pool, choose(pool))
    assert pool.endpoints[0].circuit_breaker.state is EndpointState.UP


@pytest.mark.parametrize("kind", [FailureKind.THROTTLE, FailureKind.QUOTA, FailureKind.AUTH])
def test_a_key_on_probation_whose_request_never_left_gets_another(kind: FailureKind) -> None:
    clock = Clock()
    pool = pool_of(1, clock)
    fail(pool, choose(pool), kind)
    clock.time += HOUR
    for _ in range(3):
        lease = choose(pool)
        assert pool.choose() is None
        pool.not_sent(lease)
    answer(pool, choose(pool))
    assert pool.choose() is not None
    assert pool.choose() is not None


def test_a_key_that_was_turned_off_stays_off_though_its_last_requests_fail() -> None:
    clock = Clock()
    pool = pool_of(3, clock)
    for _ in range(60):
        answer(pool, choose(pool))
    turns = [choose(pool) for _ in range(60)]
    pool.disable("key-0")
    for lease in turns:
        if lease.member.label != "key-0":
            answer(pool, lease)
    for lease in turns:
        if lease.member.label == "key-0":
            fail(pool, lease, FailureKind.TRANSIENT)
    assert pool.members[0].state is KeyState.DISABLED


def test_a_turn_is_void_once_something_befell_its_key_or_its_endpoint() -> None:
    clock = Clock()
    pool = pool_of(2, clock)
    first, second, third = (choose(pool) for _ in range(3))
    assert first.member is third.member
    fail(pool, first, FailureKind.THROTTLE, 30.0)
    assert not pool.may_leave(third)
    assert pool.may_leave(second)
    for lease in [choose(pool) for _ in range(3)]:
        pool.failed(lease, REFUSED)
    assert not pool.may_leave(second)
    clock.time += 1.0
    probe = choose(pool)
    assert pool.may_leave(probe)
    assert not pool.may_leave(second)
    answer(pool, probe)
    assert pool.may_leave(second)


@virtual_time
async def test_a_probe_whose_job_is_cancelled_does_not_hold_up_the_others() -> None:
    faults = [Fault(refused, 0.0, 0.5), Fault(refused, 0.5, 40.0, after_s=30.0)]
    run = SimulatedRun(Scenario(jobs=50, concurrency=3, faults=faults))
    async with run.going():
        await asyncio.sleep(5.0)
        assert state_of(run) is EndpointState.PROBING
        assert run.runner.in_flight == 1
        run.runner.cancel_job(run.store.columns.state.index(JobState.SENT))
    assert run.ended
    assert len(run.done()) == 49


@pytest.mark.parametrize("line", ["pending", "key", "backoff", "held back", "announced", "in flight"])
@virtual_time
async def test_a_job_that_is_cancelled_wherever_it_waits_ends_and_the_rest_too(line: str) -> None:
    faults = {
        "key": [Fault(refused, 1.0, 60.0)],
        "backoff": [Fault(crashed, jobs=frozenset({3}))],
        "held back": [Fault(crashed, 0.0, 3.0)],
    }.get(line, [])
    full = [(0.5, 20.0)] if line == "announced" else []
    run = SimulatedRun(Scenario(jobs=60, concurrency=8, faults=faults, full_disk=full))
    async with run.going():
        await asyncio.sleep(2.0)
        jobs = [59] if line == "pending" else [*range(0, 60, 7), 3]
        for job in jobs:
            run.runner.cancel_job(job)
            run.runner.cancel_job(job)
        await asyncio.sleep(1.0)
        for job in jobs:
            run.runner.retry_job(job)
    assert run.ended
    assert run.wrong == []
    assert run.journal.settled_twice == []
    assert len(run.journal.results) == 60


@virtual_time
async def test_cancelling_and_retrying_in_every_state_loses_nothing() -> None:
    faults = [
        Fault(crashed, chance=0.3),
        Fault(refused, 5.0, 30.0),
        Fault(lambda: throttled(2.0), chance=0.1),
    ]
    scenario = Scenario(jobs=200, concurrency=16, faults=faults, full_disk=[(8.0, 12.0), (40.0, 50.0)])
    run = SimulatedRun(scenario)
    async with run.going():
        for step in range(600):
            await asyncio.sleep(0.1)
            for job in (step * 7 % 200, step * 13 % 200):
                run.runner.cancel_job(job)
                run.runner.retry_job(job * 3 % 200)
    assert run.ended
    assert run.wrong == []
    assert len(run.journal.results) == 200


@virtual_time
async def test_a_run_that_is_paused_while_its_endpoint_is_revived_goes_on_when_resumed() -> None:
    run = SimulatedRun(Scenario(jobs=300, faults=[Fault(refused, 0.0, 2 * MINUTE)]))
    async with run.going():
        await asyncio.sleep(3 * MINUTE)
        assert state_of(run) is EndpointState.PAUSED
        run.runner.pause()
        run.pool.revive_endpoint("e")
        await asyncio.sleep(10.0)
        assert not run.done()
        run.runner.resume()
    assert run.ended
    assert len(run.done()) == 300


@virtual_time
async def test_nothing_that_waits_for_the_disk_leaves_after_a_pause() -> None:
    run = SimulatedRun(Scenario(jobs=300, full_disk=[(2.5, 60.0)]))
    async with run.going():
        await asyncio.sleep(10.0)
        await asyncio.wait_for(run.runner.drain(30.0), 31.0)
        before = len(run.servers.calls)
        await asyncio.sleep(100.0)
        assert len(run.servers.calls) == before
        run.runner.resume()
    assert run.ended
    assert len(run.done()) == 300


@virtual_time
async def test_a_slide_of_the_concurrency_while_the_endpoint_is_tried_again_hangs_nothing() -> None:
    run = SimulatedRun(Scenario(jobs=400, concurrency=32, faults=[Fault(refused, 2.0, 40.0)]))
    async with run.going():
        for concurrency in [1, 40, 2, 64, 1, 1, 16] * 10:
            await asyncio.sleep(1.3)
            run.runner.set_concurrency(concurrency)
    assert run.ended
    assert run.failed() == set()


@virtual_time
async def test_a_brake_released_while_the_run_drains_lets_it_go_on() -> None:
    run = SimulatedRun(Scenario(jobs=300, concurrency=4, faults=[Fault(malformed, 0.0, 3.0)]))
    async with run.going():
        await asyncio.sleep(1.0)
        assert run.kill_switch.reason is not None
        draining = asyncio.create_task(run.runner.drain(5.0))
        run.kill_switch.release()
        run.runner.resume()
        await draining
        run.runner.resume()
        await asyncio.sleep(5.0)
        run.kill_switch.release()
        run.runner.resume()
    assert run.ended
    assert len(run.journal.results) == 300
