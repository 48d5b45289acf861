"""The rate limiter under any schedule of changes, stalls, jumps and cancellations."""

from __future__ import annotations

import asyncio
import math
from bisect import bisect_left
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from llmdash.engine.dispatch.limiter import RateLimiter
from tests.engine.senders import Senders, bound
from tests.engine.virtual_time import VirtualTimeLoop, jump, now, virtual_time

RATES = [0.5, 1.0, 2.0, 7.3, 20.0, 90.0, 300.0]
"""1.99 is not among them: 2 a second have 5 ms of room there, which a pause of 30 ms may pass."""
ON_ITS_WAY_S = 0.003

steps = st.lists(
    st.tuples(
        st.sampled_from(["wait", "rate", "cancel", "stall", "jump"]),
        st.floats(0.001, 1.0),
        st.sampled_from([*RATES, 1.99]),
    ),
    min_size=1,
    max_size=10,
)


@given(steps)
@settings(max_examples=30)
def test_whatever_happens_no_second_passes_the_highest_rate_of_that_second(
    schedule: list[tuple[str, float, float]],
) -> None:
    @virtual_time(lateness_s=0.002)
    async def scenario() -> None:
        limiter, free = RateLimiter(20.0), asyncio.Event()
        free.set()
        changes = [(now(), 20.0)]
        senders = Senders(limiter, free.wait)
        async with senders.working(30):
            for what, seconds, rate in schedule:
                if what == "rate":
                    limiter.set_rate(rate)
                    changes.append((now(), rate))
                elif what == "cancel":
                    extra = [asyncio.create_task(limiter.acquire()) for _ in range(5)]
                    await asyncio.sleep(seconds / 10)
                    for task in extra:
                        task.cancel()
                    await asyncio.gather(*extra, return_exceptions=True)
                elif what == "stall":
                    free.clear()
                    await asyncio.sleep(seconds)
                    free.set()
                elif what == "jump":
                    jump(seconds * 30)
                await asyncio.sleep(seconds)
        assert_within(senders.times, changes)

    scenario()


def assert_within(times: list[float], changes: list[tuple[float, float]]) -> None:
    """Each second that begins with a request holds at most what the highest rate set in it allows."""
    for n, at in enumerate(times):
        held = bisect_left(times, at + 1.0 - 1e-9) - n
        # A request that left in the very instant of a change left under the rate before it.
        before = ([rate for since, rate in changes if since < at] or [changes[0][1]])[-1]
        rates = [rate for since, rate in changes if at <= since < at + 1.0]
        assert held <= bound(max([before, *rates]))


@dataclass
class Asker:
    """One who asks for a permit, waits for the disk, departs, and is on the wire a moment later."""

    number: int
    task: asyncio.Task[None] | None = None
    permitted_at: float | None = None
    departed_at: float | None = None


class LimiterMachine(RuleBasedStateMachine):
    """Any mixture of those who ask, leave, wait for a disk; of rates, and of a machine that is suspended."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop(lateness_s=0.002)
        self.askers: list[Asker] = []
        self.arrived: list[tuple[float, float]] = []
        """(on the wire, departed), in order."""

    @initialize(rate=st.sampled_from(RATES))
    def begin(self, rate: float) -> None:
        async def make() -> None:
            self.limiter = RateLimiter(rate)
            self.disk = asyncio.Event()
            self.disk.set()
            self.changes = [(now(), rate)]

        self.run(make())

    def run(self, step: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(step)

    async def work(self, asker: Asker) -> None:
        await self.limiter.acquire()
        asker.permitted_at = now()
        await self.disk.wait()
        (await self.limiter.depart()).left()
        asker.departed_at = now()
        await asyncio.sleep(ON_ITS_WAY_S)
        self.arrived.append((now(), asker.departed_at))

    @rule(count=st.integers(1, 60))
    def ask(self, count: int) -> None:
        async def step() -> None:
            for _ in range(count):
                asker = Asker(len(self.askers))
                asker.task = asyncio.create_task(self.work(asker))
                self.askers.append(asker)
            await asyncio.sleep(0)

        self.run(step())

    @precondition(lambda self: self.askers)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        asker = data.draw(st.sampled_from(self.askers[-60:]))

        async def step() -> None:
            assert asker.task is not None
            if asker.departed_at is None:
                asker.task.cancel()

        self.run(step())

    @rule(seconds=st.floats(0.001, 3.0))
    def wait(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @rule(seconds=st.sampled_from([0.03, 0.05, 0.2, 0.9, 1.04, 60.0, 86_400.0]))
    def suspend(self, seconds: float) -> None:
        self.loop.jump(seconds)

    @rule(rate=st.sampled_from([*RATES, None]))
    def slide(self, rate: float | None) -> None:
        async def step() -> None:
            self.limiter.set_rate(rate)
            self.changes.append((now(), math.inf if rate is None else rate))

        self.run(step())

    @rule()
    def stall_or_free_the_disk(self) -> None:
        async def step() -> None:
            if self.disk.is_set():
                self.disk.clear()
            else:
                self.disk.set()

        self.run(step())

    @invariant()
    def no_second_on_the_wire_holds_more_than_the_highest_rate_in_force_allows(self) -> None:
        for n, (at, departed) in enumerate(self.arrived):
            held = bisect_left(self.arrived, (at + 1.0 - 1e-9, 0.0)) - n
            before = ([rate for since, rate in self.changes if since < departed] or [self.changes[0][1]])[-1]
            rates = [rate for since, rate in self.changes if departed <= since < at + 1.0]
            assert held <= bound(max([before, *rates]))

    @invariant()
    def permits_go_in_the_order_of_asking(self) -> None:
        given = [asker.permitted_at for asker in self.askers if asker.permitted_at is not None]
        assert given == sorted(given)

    def teardown(self) -> None:
        """Nobody who stays is forgotten: at the rate that was set last all get through."""

        async def end() -> None:
            self.disk.set()
            staying = [asker.task for asker in self.askers if asker.task is not None]
            rate = self.limiter.rate or 1_000.0
            async with asyncio.timeout(len(staying) / rate * 1.1 + 3.0):
                await asyncio.gather(*staying, return_exceptions=True)
            assert self.limiter.statistics().waiting == 0

        if self.askers:
            self.run(end())
        self.loop.close()


LimiterMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25)
TestLimiterMachine = LimiterMachine.TestCase
