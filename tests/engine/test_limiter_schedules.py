"""The rate limiter under any schedule of changes, stalls, jumps and cancellations."""

from __future__ import annotations

import asyncio
from bisect import bisect_left

from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.engine.limiter import RateLimiter
from tests.engine.senders import Senders, bound
from tests.engine.virtual_time import jump, now, virtual_time

steps = st.lists(
    st.tuples(
        st.sampled_from(["wait", "rate", "cancel", "stall", "jump"]),
        st.floats(0.001, 1.0),
        st.sampled_from([0.5, 1.0, 1.99, 7.3, 20.0, 90.0, 300.0]),
    ),
    min_size=1,
    max_size=10,
)


@given(steps)
@settings(max_examples=30, deadline=None)
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
