"""The rate of requests that workers elsewhere send: each leaves at any moment until the word of it comes."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.engine.dispatch.limiter import RateLimiter
from tests.engine.senders import bound, most_in_a_second
from tests.engine.virtual_time import now, virtual_time

RATES = [1.0, 2.0, 7.3, 20.0, 90.0, 300.0]
LATE_S = 0.02
"""How much later than it says a worker may have sent a request: the window has room for that."""


class Elsewhere:
    """Senders far away. A request leaves at most `leaves_s` after its departure, and the word of it comes at
    most `word_s` later; while `is_losing` one in twenty is lost: the word comes after seconds.
    """

    def __init__(self, limiter: RateLimiter, rng: random.Random, leaves_s: float, word_s: float) -> None:
        self.limiter = limiter
        self.rng = rng
        self.leaves_s, self.word_s = leaves_s, word_s
        self.is_losing = False
        self.departed: list[tuple[float, float]] = []
        """(when it really left, when it departed)"""

    async def work(self) -> None:
        rng = self.rng
        while True:
            await self.limiter.acquire()
            departure = await self.limiter.depart()
            departed_at = now()
            await asyncio.sleep(rng.uniform(0.0, self.leaves_s))
            self.departed.append((now(), departed_at))
            left_at = now() - rng.uniform(0.0, LATE_S)
            await asyncio.sleep(rng.uniform(0.0, self.word_s))
            if self.is_losing and rng.random() < 0.05:
                await asyncio.sleep(rng.uniform(0.0, 5.0))
                departure.left(0.0)
            else:
                departure.left(now() - left_at)

    async def over(self, seconds: float, workers: int) -> None:
        tasks = [asyncio.create_task(self.work()) for _ in range(workers)]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@given(
    st.integers(0, 2**32),
    st.lists(st.tuples(st.sampled_from(RATES), st.floats(0.05, 3.0)), min_size=1, max_size=8),
    st.booleans(),
)
@settings(max_examples=40)
def test_by_their_real_times_no_second_passes_the_highest_rate_of_that_second(
    seed: int, schedule: list[tuple[float, float]], is_losing: bool
) -> None:
    @virtual_time(lateness_s=0.002)
    async def scenario() -> None:
        limiter = RateLimiter(schedule[0][0])
        elsewhere = Elsewhere(limiter, random.Random(seed), 0.1, 0.1)
        elsewhere.is_losing = is_losing
        changes = [(now(), schedule[0][0])]

        async def slide() -> None:
            for rate, seconds in schedule:
                limiter.set_rate(rate)
                changes.append((now(), rate))
                await asyncio.sleep(seconds)

        await asyncio.gather(elsewhere.over(sum(each for _, each in schedule), 60), slide())
        check(sorted(elsewhere.departed), changes)

    scenario()


def check(departed: list[tuple[float, float]], changes: list[tuple[float, float]]) -> None:
    """Each second that begins with a request holds at most what the highest rate allows that was in force in
    it, or when the first of its requests departed.
    """
    times = [at for at, _ in departed]
    for n, at in enumerate(times):
        end = bisect_left(times, at + 1.0 - 1e-9)
        since = min(departed_at for _, departed_at in departed[n:end])
        before = ([rate for set_at, rate in changes if set_at < since] or [changes[0][1]])[-1]
        rates = [rate for set_at, rate in changes if since <= set_at < at + 1.0]
        assert end - n <= bound(max([before, *rates]))


@pytest.mark.parametrize("rate", [5.0, 20.0, 100.0, 500.0])
def test_with_a_prompt_word_the_rate_is_the_set_one_within_a_hundredth(rate: float) -> None:
    @virtual_time(lateness_s=0.001)
    async def scenario() -> None:
        elsewhere = Elsewhere(RateLimiter(rate), random.Random(3), 0.005, 0.015)
        await elsewhere.over(22.0, 64)
        times = sorted(at for at, _ in elsewhere.departed)
        count = sum(1_002.0 <= at < 1_022.0 for at in times)
        assert abs(count - rate * 20.0) <= max(1.0, rate * 20.0 * 0.01)
        assert most_in_a_second(times) <= bound(rate)

    scenario()
