"""The rate limiter, in virtual time: what the slider promises, to the request."""

from __future__ import annotations

import asyncio
import gc
import random

import pytest

from llmdash.engine.dispatch.limiter import RateLimiter
from tests.engine.senders import Senders, bound, most_in_a_second
from tests.engine.virtual_time import jump, now, settle, virtual_time

RATES = [0.2, 0.983, 1.0, 1.99, 2.95, 5.0, 19.5, 20.0, 39.99, 100.0, 500.0, 5_000.0]


@pytest.mark.parametrize("rate", RATES)
@virtual_time(lateness_s=0.001)
async def test_over_ten_seconds_the_rate_is_the_set_one_within_a_hundredth(rate: float) -> None:
    """One request more or less is the end of a fence, not an error of the rate."""
    async with Senders(RateLimiter(rate)).working() as senders:
        await asyncio.sleep(max(2.0, 2.5 / rate))
        start, span = now(), max(10.0, 10.0 / rate)
        await asyncio.sleep(span)
        assert abs(senders.since(start) - rate * span) <= max(1.0, rate * span * 0.01)
    assert most_in_a_second(senders.times) <= bound(rate)


@pytest.mark.parametrize("rate", RATES)
@virtual_time
async def test_after_idle_time_no_second_holds_more_than_the_rate_allows(rate: float) -> None:
    senders = Senders(RateLimiter(rate))
    for _ in range(3):
        async with senders.working():
            await asyncio.sleep(max(3.0, 3.0 / rate))
        await asyncio.sleep(7.0)
    assert most_in_a_second(senders.times) <= bound(rate)


@pytest.mark.parametrize("rate", [1.99, 20.0, 500.0])
@virtual_time
async def test_after_a_disk_that_stalled_no_second_holds_more_than_the_rate_allows(rate: float) -> None:
    free = asyncio.Event()

    async def disk() -> None:
        await free.wait()

    async with Senders(RateLimiter(rate), disk).working(500) as senders:
        for _ in range(4):
            free.clear()
            await asyncio.sleep(3.0)
            free.set()
            await asyncio.sleep(1.5)
    assert len(senders.times) > rate
    assert most_in_a_second(senders.times) <= bound(rate)


@pytest.mark.parametrize("rate", [0.2, 1.99, 20.0, 500.0])
@virtual_time
async def test_a_suspended_machine_lets_no_burst_through(rate: float) -> None:
    async with Senders(RateLimiter(rate)).working() as senders:
        for _ in range(3):
            await asyncio.sleep(max(2.0, 2.0 / rate))
            jump(60.0)
        await asyncio.sleep(max(2.0, 2.0 / rate))
    assert most_in_a_second(senders.times) <= bound(rate)


@pytest.mark.parametrize("rate", [1.0, 20.0, 500.0])
@pytest.mark.parametrize("seconds", [0.05, 0.5, 60.0])
def test_what_was_on_its_way_when_the_machine_stopped_counts_behind_the_stop(
    rate: float, seconds: float
) -> None:
    """The machine stops between a departure and its bytes: the server sees the rate all the same."""

    @virtual_time(lateness_s=0.001)
    async def scenario() -> None:
        limiter, on_the_wire, stops = RateLimiter(rate), list[float](), [0.0]

        async def work() -> None:
            while True:
                await limiter.acquire()
                (await limiter.depart()).left()
                if now() > stops[-1] + max(2.0, 2.0 / rate):
                    jump(seconds)
                    stops.append(now())
                on_the_wire.append(now())

        tasks = [asyncio.create_task(work()) for _ in range(64)]
        await asyncio.sleep(20 * (seconds + max(2.0, 2.0 / rate)))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(stops) > 10
        assert most_in_a_second(on_the_wire) <= bound(rate)

    scenario()


@virtual_time
async def test_the_limiter_does_nothing_while_nothing_is_sent() -> None:
    def timers() -> int:
        found = (each for each in gc.get_objects() if isinstance(each, asyncio.TimerHandle))
        return sum(not each.cancelled() for each in found)

    before, limiter = timers(), RateLimiter(20.0)
    for _ in range(10):
        await limiter.acquire()
        (await limiter.depart()).left()
    await asyncio.sleep(1.1)
    assert timers() <= before


@virtual_time
async def test_sliding_up_and_down_ten_times_a_second_never_passes_the_higher_rate() -> None:
    limiter = RateLimiter(20.0)
    async with Senders(limiter).working() as senders:
        for step in range(200):
            await asyncio.sleep(0.1)
            limiter.set_rate((100.0, 20.0, 5.0, 60.0)[step % 4])
    assert most_in_a_second(senders.times) <= bound(100.0)
    mean = sum((20, 100, 20, 5, 60)) / 5
    assert len(senders.times) == pytest.approx(20 * mean, rel=0.2)


@virtual_time
async def test_sliding_while_the_disk_stalls_never_passes_the_higher_rate() -> None:
    """What left under one rate still counts when the next one is set in the same second."""
    limiter = RateLimiter(100.0)
    free = asyncio.Event()

    async def disk() -> None:
        await free.wait()

    async with Senders(limiter, disk).working(300) as senders:
        for step in range(30):
            free.clear()
            await asyncio.sleep(1.2)
            free.set()
            limiter.set_rate(100.0 + step % 2)
            await asyncio.sleep(0.3)
            limiter.set_rate(100.0)
            await asyncio.sleep(0.5)
    assert most_in_a_second(senders.times) <= bound(101.0)


@pytest.mark.parametrize(
    ("before", "after"),
    [(10, 100), (100, 10), (0.2, 50), (50, 0.2), (5_000, 5), (5, 5_000), (0.2, 0.3), (1, 0.99)],
)
@virtual_time
async def test_a_change_acts_on_those_who_wait(before: float, after: float) -> None:
    """The first permit comes within 1/rate + 50 ms of the change, with 9,900 in line; then the new rate."""
    limiter = RateLimiter(before)
    times: list[float] = []

    async def once() -> None:
        await limiter.acquire()
        times.append(now())

    tasks = [asyncio.create_task(once()) for _ in range(9_900)]
    await asyncio.sleep(1.034)
    assert limiter.statistics().waiting == 9_900 - limiter.statistics().granted
    changed = now()
    limiter.set_rate(after)
    span = min(4.0 / after + 0.5, 9_000 / after) if after < 10 else 1.5
    await asyncio.sleep(span)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    first = next(at for at in times if at >= changed)
    assert first - changed <= 1.0 / after + 0.05
    later = sum(at >= changed for at in times)
    assert later == pytest.approx(after * span, rel=0.06, abs=2)


@virtual_time
async def test_without_a_limit_nobody_waits_and_the_limit_can_come_back() -> None:
    limiter = RateLimiter(None)
    start = now()
    for _ in range(1_000):
        await limiter.acquire()
        (await limiter.depart()).left()
    assert now() == start
    limiter.set_rate(10.0)
    async with Senders(limiter).working() as senders:
        await asyncio.sleep(5.0)
        assert len(senders.times) == pytest.approx(50, abs=3)
    limiter.set_rate(None)
    assert limiter.rate is None
    await asyncio.wait_for(limiter.acquire(), 0.001)


@virtual_time
async def test_lifting_the_limit_frees_everyone_in_line() -> None:
    limiter = RateLimiter(0.2)
    tasks = [asyncio.create_task(limiter.acquire()) for _ in range(100)]
    await asyncio.sleep(1.0)
    limiter.set_rate(None)
    await settle()
    assert all(task.done() for task in tasks)
    assert limiter.statistics().waiting == 0


@virtual_time
async def test_permits_go_in_the_order_of_asking() -> None:
    limiter = RateLimiter(200.0)
    order: list[int] = []

    async def ask(number: int) -> None:
        await limiter.acquire()
        order.append(number)

    tasks = [asyncio.create_task(ask(number)) for number in range(300)]
    await asyncio.sleep(0.5)
    limiter.set_rate(1_000.0)
    await asyncio.gather(*tasks)
    assert order == list(range(300))


@virtual_time
async def test_those_who_leave_the_line_take_nothing_with_them() -> None:
    """Half of the line is cancelled: the rest keeps the whole rate."""
    limiter, rng = RateLimiter(50.0), random.Random(1)
    tasks = [asyncio.create_task(limiter.acquire()) for _ in range(1_000)]
    start = now()
    for task in rng.sample(tasks, 500):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert now() - start == pytest.approx(500 / 50.0, rel=0.01)
    assert limiter.statistics() == type(limiter.statistics())(50.0, 0, 500)


@virtual_time
async def test_a_permit_given_to_one_who_left_goes_to_the_next() -> None:
    limiter = RateLimiter(0.2)
    await limiter.acquire()
    first, second = (asyncio.create_task(limiter.acquire()) for _ in range(2))
    await settle()
    start = now()
    limiter.set_rate(None)  # both have their permit now, and have not run yet
    limiter.set_rate(0.2)
    first.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    assert now() == start
    third = asyncio.create_task(limiter.acquire())
    await asyncio.wait_for(third, 5.1)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
@virtual_time
async def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    limiter = RateLimiter(5.0)
    with pytest.raises(ValueError, match="above 0"):
        limiter.set_rate(rate)
    assert limiter.rate == 5.0


@virtual_time
async def test_a_departure_that_is_not_settled_counts_for_as_long_as_it_takes() -> None:
    """Whoever has the ticket may be far away: until it says so, the request may be sent at any moment."""
    limiter = RateLimiter(10.0)
    held = [await limiter.depart() for _ in range(11)]
    waiting = asyncio.create_task(limiter.depart())
    await asyncio.sleep(30.0)
    assert not waiting.done()
    for departure in held:
        departure.left()
    settled_at = now()
    (await waiting).left()
    assert now() - settled_at >= 1.0, "they left just now, whenever they departed"


@virtual_time
async def test_a_withdrawn_departure_takes_nobodys_place() -> None:
    limiter = RateLimiter(10.0)
    for _ in range(1_000):
        departure = await limiter.depart()
        departure.withdraw()
        departure.withdraw()
        departure.left()
    start = now()
    for _ in range(11):
        (await limiter.depart()).left()
    assert now() - start < 0.1


@virtual_time
async def test_tickets_settled_late_early_or_never_keep_every_second_within_bounds() -> None:
    """What leaves late, as from a worker far away, counts when it leaves, through slides of the rate."""
    rng, limiter, left_at = random.Random(7), RateLimiter(50.0), list[float]()

    async def work() -> None:
        while True:
            await limiter.acquire()
            departure = await limiter.depart()
            await asyncio.sleep(rng.choice([0.0, 0.001, 0.02, 0.3]))
            if rng.random() < 0.2:
                departure.withdraw()
            else:
                departure.left()
                left_at.append(now())

    tasks = [asyncio.create_task(work()) for _ in range(40)]
    for rate in (50.0, 20.0, 50.0, 35.0):
        limiter.set_rate(rate)
        await asyncio.sleep(5.0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(left_at) > 400
    assert most_in_a_second(left_at) <= bound(50.0)
