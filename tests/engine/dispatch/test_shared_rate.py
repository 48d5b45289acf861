"""A run's share of a limit: what it lets through, what it asks for, and what happens when nobody answers."""

from __future__ import annotations

import asyncio
import math
import time

from llmdash.engine.dispatch.leases import Claim, LeaseError, Limit, Share, Sharer
from llmdash.engine.dispatch.shared_rate import SharedRate
from llmdash.engine.metrics.wakeful_clock import wakeful_clock
from tests.engine.virtual_time import jump, now, virtual_time

LIMIT = Limit("org-a", 60.0, 60_000.0)
SHARER = Sharer("run-1", "mine", "here", 7)


class Given:
    """Leases that give what they are told to, for 1.4 seconds."""

    def __init__(self, rate: float = 20.0, slots: float = 21.0, tokens: float = 60_000.0) -> None:
        self.share_of = Share(rate, slots, tokens, 1.4, LIMIT, (("evals", 20.0), ("\x1b[31mred", 5.0)))
        self.claims: list[Claim] = []
        self.released: list[Claim] = []
        self.error = ""

    async def share(self, claim: Claim) -> Share:
        self.claims.append(claim)
        await asyncio.sleep(0.001)
        if self.error:
            raise LeaseError(self.error)
        return self.share_of

    async def release(self, claim: Claim) -> None:
        self.released.append(claim)
        if self.error:
            raise LeaseError(self.error)


class Kept:
    """A SharedRate that is kept for the time of an `async with`."""

    def __init__(self, leases: Given, limit: Limit = LIMIT) -> None:
        self.demand = math.inf
        self.rate = SharedRate(limit, SHARER, leases, now, now)

    async def __aenter__(self) -> Kept:
        self._task = asyncio.create_task(self.rate.keep(lambda: self.demand))
        await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def send(rate: SharedRate, tokens: int = 0) -> bool:
    """Send one request now, if it may be."""
    if rate.wait_s(tokens) > 0:
        return False
    rate.take(tokens)
    departure = rate.depart()
    if departure is None:
        return False
    departure.left()
    return True


async def send_for(rate: SharedRate, seconds: float, tokens: int = 0) -> int:
    """Send as much as may be."""
    ends, sent = now() + seconds, 0
    while now() < ends:
        sent += send(rate, tokens)
        await asyncio.sleep(0.005)
    return sent


@virtual_time
async def test_nothing_is_sent_before_there_is_a_share() -> None:
    rate = SharedRate(LIMIT, SHARER, Given(), now, now)
    assert rate.wait_s(0) > 0
    assert rate.depart() is None
    assert rate.row().share == 0.0


@virtual_time
async def test_requests_keep_to_the_rate_of_the_share() -> None:
    async with Kept(Given(rate=20.0)) as kept:
        await send_for(kept.rate, 1.0)
        assert 195 <= await send_for(kept.rate, 10.0) <= 205
        assert kept.rate.holds_up


@virtual_time
async def test_no_second_has_more_requests_than_slots() -> None:
    async with Kept(Given(rate=1_000.0, slots=7.0)) as kept:
        assert await send_for(kept.rate, 1.0) == 7


@virtual_time
async def test_tokens_keep_to_their_share_and_what_was_not_used_is_given_back() -> None:
    async with Kept(Given(rate=1_000.0, slots=1_000.0, tokens=6_000.0)) as kept:
        await send_for(kept.rate, 5.0, tokens=10)
        assert 95 <= await send_for(kept.rate, 10.0, tokens=10) <= 105
        await asyncio.sleep(0.5)
        kept.rate.take(1_000)
        assert kept.rate.wait_s(10) > 0
        kept.rate.settle(1_000, 0)
        assert kept.rate.wait_s(10) == 0.0
        assert kept.rate.counts_tokens


@virtual_time
async def test_a_permit_that_was_not_used_is_for_the_next() -> None:
    async with Kept(Given(rate=1.0)) as kept:
        await asyncio.sleep(2.0)
        kept.rate.take(0)
        assert kept.rate.wait_s(0) > 0
        kept.rate.not_sent(0)
        assert kept.rate.wait_s(0) == 0.0


@virtual_time
async def test_a_withdrawn_departure_leaves_its_slot() -> None:
    async with Kept(Given(slots=1.0)) as kept:
        departure = kept.rate.depart()
        assert departure is not None
        assert kept.rate.depart() is None
        await kept.rate.turn()
        departure.withdraw()
        assert kept.rate.depart() is not None


@virtual_time
async def test_a_share_that_cannot_be_renewed_lasts_until_it_ends_and_then_nothing_departs() -> None:
    leases = Given()
    async with Kept(leases) as kept:
        await asyncio.sleep(1.0)
        leases.error = "the lease file cannot be written"
        await asyncio.sleep(0.5)
        row = kept.rate.row()
        assert (row.problem, row.is_over, row.share) == ("the lease file cannot be written", False, 20.0)
        assert send(kept.rate)
        await asyncio.sleep(1.5)
        row = kept.rate.row()
        assert (row.is_over, row.share) == (True, 0.0)
        assert not send(kept.rate)
        assert kept.rate.depart() is None
        leases.error = ""
        await asyncio.sleep(0.5)
        assert kept.rate.row().problem == ""
        assert send(kept.rate)


@virtual_time
async def test_a_process_that_slept_sends_nothing_on_its_old_share() -> None:
    async with Kept(Given()) as kept:
        jump(5.0)
        assert kept.rate.depart() is None
        await asyncio.sleep(0.3)
        assert kept.rate.depart() is not None


@virtual_time
async def test_a_claim_says_what_is_held_and_what_was_sent_in_the_last_second() -> None:
    leases = Given()
    async with Kept(leases) as kept:
        assert leases.claims[0].held.slots == 0.0
        send(kept.rate)
        await asyncio.sleep(0.5)
        held = leases.claims[-1].held
        assert (held.rate, held.slots, held.sent) == (20.0, 21.0, 1)


@virtual_time
async def test_a_run_that_is_held_up_wishes_for_all_and_one_that_is_not_for_little_more_than_it_uses() -> (
    None
):
    leases = Given()
    async with Kept(leases) as kept:
        await send_for(kept.rate, 4.0)
        assert leases.claims[-1].wish.rate == math.inf
        kept.demand = 25.0  # its own slider
        await send_for(kept.rate, 1.0)
        assert leases.claims[-1].wish.rate == 25.0
        kept.demand = math.inf
        for _ in range(30):
            send(kept.rate)
            await asyncio.sleep(0.25)
        assert 4.0 <= leases.claims[-1].wish.rate <= 7.5


@virtual_time
async def test_a_run_that_uses_few_tokens_wishes_for_few() -> None:
    leases = Given(rate=1_000.0, slots=1_000.0)
    async with Kept(leases) as kept:
        await send_for(kept.rate, 20.0, tokens=50)
        assert leases.claims[-1].wish.tokens == math.inf
        for _ in range(80):
            send(kept.rate, tokens=50)
            await asyncio.sleep(0.25)
        assert 12_000 <= leases.claims[-1].wish.tokens <= 20_000


@virtual_time
async def test_a_run_without_work_gives_its_share_back_once_and_asks_again_when_it_has_some() -> None:
    leases = Given()
    async with Kept(leases) as kept:
        send(kept.rate)
        kept.demand = 0.0
        await asyncio.sleep(2.0)
        assert [claim.held.sent for claim in leases.released] == [1]
        assert leases.released[0].held.slots == 0.0
        asked = len(leases.claims)
        assert kept.rate.depart() is None
        kept.demand = math.inf
        await asyncio.sleep(0.3)
        assert len(leases.claims) > asked
        assert send(kept.rate)


@virtual_time
async def test_the_end_gives_the_share_back_even_where_that_fails() -> None:
    leases = Given()
    async with Kept(leases):
        leases.error = "no space left"
    assert len(leases.released) == 1
    async with Kept(leases):
        await asyncio.sleep(1.0)
    assert len(leases.released) == 1  # it never had one


@virtual_time
async def test_without_a_limit_of_requests_only_tokens_are_counted() -> None:
    limit = Limit("org-a", tpm=6_000.0)
    leases = Given(math.inf, math.inf, 6_000.0)
    async with Kept(leases, limit) as kept:
        assert sum(send(kept.rate) for _ in range(500)) == 500
        kept.rate.not_sent(0)
    row = SharedRate(limit, SHARER, leases, now, now).row()
    assert (row.rate, row.share, row.free, row.tpm) == (None, None, None, 6_000.0)


@virtual_time
async def test_the_row_names_the_others_without_their_control_characters() -> None:
    async with Kept(Given()) as kept:
        row = kept.rate.row()
    assert (row.name, row.rate, row.share, row.free) == ("org-a", 60.0, 20.0, 15.0)
    assert row.others[0] == ("evals", 20.0)
    assert "\x1b" not in row.others[1][0]


def test_the_clock_of_all_processes_is_not_behind_the_one_that_stops_while_the_machine_sleeps() -> None:
    assert wakeful_clock() >= time.monotonic() - 1.0
