"""Runs that share a limit, hours of them in a moment: they join, leave, freeze, die, and want more or less.

What is counted is every second, by when each request was sent.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.dispatch.leases import Limit
from llmdash.shared_limits.table import slots_of
from tests.engine.virtual_time import VirtualTimeLoop, now, virtual_time
from tests.shared_limits.sharing import MemoryLeases, SharingRun, most_in_a_second


def simulate(test: Coroutine[object, object, None]) -> None:
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(0.002)) as runner:
        runner.run(test)


async def _trouble(rate: float, count: int, slow_s: float, seed: int, seconds: float) -> None:
    rng, limit, leases = random.Random(seed), Limit("org-a", rate), MemoryLeases(slow_s, seed)
    everyone: list[SharingRun] = []
    alive: list[SharingRun] = []

    def join() -> None:
        run = SharingRun(limit, leases, f"run-{len(everyone)}", journal_s=rng.choice((0.0, 0.02, 0.3)))
        run.wants = rng.choice((1e9, 1e9, rate / 3, rate / 20))
        everyone.append(run)
        alive.append(run)
        run.start()

    ends = now() + seconds
    while now() < ends:
        deed = rng.random()
        if len(alive) < count and (deed < 0.4 or not alive):
            join()
        elif deed < 0.5:
            await alive.pop(rng.randrange(len(alive))).kill()
        elif deed < 0.6:
            await alive.pop(rng.randrange(len(alive))).end()
        elif deed < 0.75:
            rng.choice(alive).freeze(rng.uniform(0.1, 6.0))
        elif deed < 0.9:
            rng.choice(alive).wants = rng.choice((0.0, 1e9, rate / 3, rate / 20))
        else:
            run = rng.choice(alive)
            run.paused = not run.paused
        await asyncio.sleep(rng.choice((0.01, 0.3, 1.0, 3.0)))
    for run in alive:
        await run.end()
    assert most_in_a_second(everyone) <= slots_of(rate) <= rate + max(1.0, rate * 0.05)


@given(
    rate=st.sampled_from((1.0, 2.5, 7.0, 19.9, 60.0, 143.0, 500.0)),
    count=st.integers(1, 12),
    slow_s=st.sampled_from((0.0, 0.05, 0.6)),
    seed=st.integers(0, 2**32),
)
def test_no_second_passes_the_limit_whatever_befalls_the_runs(
    rate: float, count: int, slow_s: float, seed: int
) -> None:
    simulate(_trouble(rate, count, slow_s, seed, seconds=12.0 if rate > 100 else 25.0))


@pytest.mark.slow
@pytest.mark.parametrize("rate", [1.0, 5.0, 20.0, 60.0, 200.0, 500.0])
def test_no_second_of_an_hour_passes_the_limit(rate: float) -> None:
    simulate(_trouble(rate, 12, 0.05, 7, seconds=3_600.0 if rate <= 60 else 600.0))


@pytest.mark.parametrize("rate", [5.0, 20.0, 60.0, 200.0])
@pytest.mark.parametrize("count", [1, 3, 4, 12])
def test_runs_that_want_more_use_all_of_the_limit_in_equal_parts(rate: float, count: int) -> None:
    async def steady() -> None:
        leases = MemoryLeases(0.01)
        runs = [SharingRun(Limit("org-a", rate), leases, f"run-{n}") for n in range(count)]
        for run in runs:
            run.start()
        await asyncio.sleep(5.0)
        began, seconds = now(), 48.0  # as long as twelve runs need to have their turns
        await asyncio.sleep(seconds)
        each = [sum(began <= at < began + seconds for at in run.sent) for run in runs]
        for run in runs:
            await run.end()
        assert sum(each) >= 0.95 * rate * seconds
        assert min(each) >= 0.8 * rate * seconds / count
        assert most_in_a_second(runs) <= slots_of(rate)

    simulate(steady())


@virtual_time
async def test_what_one_run_cannot_use_is_for_the_others() -> None:
    leases, limit = MemoryLeases(), Limit("org-a", 60.0)
    little, much = SharingRun(limit, leases, "little", wants=4.0), SharingRun(limit, leases, "much")
    little.start()
    much.start()
    await asyncio.sleep(6.0)
    began = now()
    await asyncio.sleep(10.0)
    assert sum(at >= began for at in little.sent) >= 39
    assert sum(at >= began for at in much.sent) >= 520
    little.wants = 1e9
    await asyncio.sleep(5.0)
    began = now()
    await asyncio.sleep(10.0)
    assert sum(at >= began for at in little.sent) >= 285
    await little.end()
    await much.end()


@virtual_time
async def test_the_others_have_all_of_it_three_seconds_after_a_run_died_and_one_after_it_paused() -> None:
    leases, limit = MemoryLeases(), Limit("org-a", 60.0)
    runs = [SharingRun(limit, leases, f"run-{n}") for n in range(3)]
    for run in runs:
        run.start()
    await asyncio.sleep(5.0)
    await runs[0].kill()
    await asyncio.sleep(2.9)
    assert sum(run.rate.row().share or 0.0 for run in runs[1:]) == pytest.approx(60.0)
    runs[1].paused = True
    await asyncio.sleep(1.8)
    assert runs[2].rate.row().share == 60.0
    for run in runs:
        await run.end()


@virtual_time
async def test_a_limit_of_tokens_is_shared_too() -> None:
    leases, limit = MemoryLeases(), Limit("org-a", tpm=60_000.0)
    runs = [SharingRun(limit, leases, f"run-{n}", tokens=100) for n in range(2)]
    for run in runs:
        run.start()
    await asyncio.sleep(30.0)
    began = now()
    await asyncio.sleep(60.0)
    each = [100 * sum(at >= began for at in run.sent) for run in runs]
    for run in runs:
        await run.end()
    assert 0.95 * 60_000 <= sum(each) <= 1.02 * 60_000
    assert min(each) >= 28_000
