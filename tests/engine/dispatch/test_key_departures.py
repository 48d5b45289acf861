"""The limit of a key by the times at which its requests leave, though they are charged before."""

from __future__ import annotations

import asyncio

import pytest

from llmdash.engine.dispatch.send_window import WINDOW_S
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.pool.member import MemberLimits
from llmdash.engine.pool.token_bucket import TokenBucket
from tests.arrivals import most_in_a_second
from tests.engine.simulated_runs import SimulatedRun
from tests.engine.simulated_servers import Scenario
from tests.engine.virtual_time import now, virtual_time


@pytest.mark.parametrize("stands_s", [0.0, 1.0, 5.0])
def test_what_a_slow_disk_held_up_does_not_leave_together_with_what_was_charged_since(
    stands_s: float,
) -> None:
    """600 a minute are 10 a second: with the ten of a full bucket, twenty at most."""

    @virtual_time()
    async def scenario() -> None:
        run = SimulatedRun(Scenario(jobs=150, endpoints={"e": 1}))
        clock = asyncio.get_running_loop().time
        [member] = run.pool.members
        member.limits = MemberLimits(TokenBucket(600, clock))
        begun, sent = now(), run.journal.sent

        async def stands_still(record: AttemptRecord) -> None:
            await sent(record)
            await asyncio.sleep(max(0.0, begun + stands_s - now()))

        run.journal.sent = stands_still  # type: ignore[method-assign]
        done = await run.finish()
        assert done.ended
        assert most_in_a_second([call.at for call in done.servers.calls]) <= 20
        assert done.took_s < stands_s + 14.0 * WINDOW_S + 2.0, "it is no slower for that"

    scenario()


@pytest.mark.parametrize(("per_minute", "most"), [(1, 2), (59, 2), (60, 2), (90, 3), (600, 20), (601, 21)])
def test_the_most_of_a_second_is_a_full_bucket_and_its_refill(per_minute: float, most: int) -> None:
    assert TokenBucket(per_minute, lambda: 0.0).most_in_a_second == most
