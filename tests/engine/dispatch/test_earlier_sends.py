"""A resume counts what was sent right before: the limits of the rate hold across it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.dispatch.earlier_sends import seed_rate
from llmdash.engine.dispatch.limiter import RateLimiter
from llmdash.engine.journal.attempt_sums import AttemptSums
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.pool.member import Member, MemberLimits
from llmdash.engine.pool.token_bucket import TokenBucket
from tests.engine.pools import Clock, Silent
from tests.engine.scripted import Server, plan, prompts, run
from tests.engine.senders import Senders, bound, most_in_a_second
from tests.engine.virtual_time import now, virtual_time


class Sends:
    """The part of a journal that is read."""

    def __init__(self, sends: Sequence[tuple[str, float, int]]) -> None:
        self.sends = sends

    def sends_since(self, at: float) -> list[tuple[str, float, int]]:
        return [send for send in self.sends if send[1] > at]


def journal(*sends: tuple[str, float, int]) -> AttemptSums:
    return cast("AttemptSums", Sends(sends))


async def first_permit_after(rate: float, *ago_s: float) -> float:
    """Seconds until a limiter that was seeded lets the first request go."""
    limiter, began = RateLimiter(rate), now()
    seed_rate(limiter, (), journal(*(("k", 1e9 - ago, 0) for ago in ago_s)), 1e9)
    await limiter.acquire()
    (await limiter.depart()).left()
    return now() - began


@pytest.mark.case("engine", "cold-rate")
@virtual_time
async def test_a_run_at_a_tenth_a_second_sends_nothing_right_after_it_was_killed() -> None:
    assert await first_permit_after(0.1) == 0.0
    assert await first_permit_after(0.1, 30.0, 20.0, 10.0, 0.1) >= 4.9
    assert await first_permit_after(0.1, 0.1) >= 1.0


@pytest.mark.case("engine", "cold-rate")
@virtual_time
async def test_a_clock_that_was_set_back_counts_as_now_and_blocks_nothing_for_long() -> None:
    assert 1.0 <= await first_permit_after(1.0, *[-3_600.0] * 1_000) <= 2.0


@pytest.mark.case("engine", "cold-rate")
@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0, 7.0, 200.0])
@pytest.mark.parametrize("down_s", [0.0, 0.3, 2.0, 9.0])
def test_no_second_across_a_resume_holds_more_than_the_rate(rate: float, down_s: float) -> None:
    @virtual_time
    async def stop_and_go() -> None:
        before = Senders(RateLimiter(rate))
        async with before.working(8):
            await asyncio.sleep(12.0 / rate if rate < 1 else 12.0)
        await asyncio.sleep(down_s)
        limiter = RateLimiter(rate)
        seed_rate(limiter, (), journal(*(("k", at - 0.003, 0) for at in before.times)), now())
        after = Senders(limiter)
        async with after.working(8):
            await asyncio.sleep(12.0 / rate if rate < 1 else 12.0)
        times = before.times + after.times
        assert most_in_a_second(times) <= bound(rate)
        span = times[-1] - times[0]
        assert len(times) <= rate * span + bound(rate) + 1
        assert len(after.times) >= 5

    stop_and_go()


@pytest.mark.case("engine", "cold-rate")
def test_the_limits_of_each_key_count_what_it_sent_before() -> None:
    clock = Clock()
    keys = [
        Member(
            Silent(),
            label,
            limits=MemberLimits(TokenBucket(60, clock), TokenBucket(6_000, clock)),
            clock=clock,
        )
        for label in ("a", "b", "c")
    ]
    sends = [("a", 1e9 - 1.0, 10), ("b", 1e9 - 30.0, 6_000), ("gone", 1e9, 1)]
    seed_rate(RateLimiter(None), keys, journal(*sends), 1e9)
    assert keys[0].limits.wait_s(1) == pytest.approx(0.25)
    assert keys[1].limits.wait_s(1) == pytest.approx(59.0 - 29.75 + 0.01, abs=0.1)
    assert keys[2].limits.wait_s(1) == 0.0


@given(st.lists(st.tuples(st.floats(0.0, 100.0), st.integers(1, 500)), max_size=30))
def test_a_seeded_bucket_is_as_full_as_one_that_was_used_all_along(sends: list[tuple[float, int]]) -> None:
    sends = sorted(sends, reverse=True)
    clock = Clock()
    used = TokenBucket(600, clock)
    start = clock.time
    for ago, amount in sends:
        clock.time = start + 100.0 - ago
        used.take(amount)
    clock.time = start + 100.0
    seeded = TokenBucket(600, clock)
    seeded.seed(sends)
    assert seeded.wait_s(10) == pytest.approx(used.wait_s(10), abs=1e-6)


@pytest.mark.case("engine", "cold-rate")
def test_the_journal_says_what_was_sent_when_and_with_which_key(tmp_path: Path) -> None:
    server = Server()
    run(plan(tmp_path, server, prompts(2), rate=50.0))
    reader = JournalReader(tmp_path)
    sends = reader.sums.sends_since(0.0)
    assert [tokens for _, _, tokens in sends] == [5, 5]
    assert reader.sums.sends_since(sends[-1][1]) == []
