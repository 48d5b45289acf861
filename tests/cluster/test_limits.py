"""A limit that the scheduler of several machines keeps."""

from __future__ import annotations

import asyncio
import math
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from distributed import Scheduler

from llmdash.cluster.addresses import TlsFiles
from llmdash.cluster.limits import ClusterLeases, LimitsPlugin
from llmdash.cluster.places import RemotePlace
from llmdash.engine.dispatch.leases import Claim, Held, LeaseError, Limit, Share, Sharer, Wish
from llmdash.shared_limits.table import KEPT_S, LeaseRow
from tests.waiting import PATIENCE_S

NO_TLS: TlsFiles | None = None


def claim(run: str, held: float = 0.0, wish: float = math.inf) -> Claim:
    limit, sharer = Limit("org-a", 60.0), Sharer(run, run, "host", 1)
    return Claim(limit, sharer, Wish(wish, math.inf), Held(held, held * 1.03, 0.0, 0))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def begun(clock: Clock) -> dict[str, Any]:
    """The handlers of a scheduler that has the plugin."""
    scheduler: Any = SimpleNamespace(handlers={})
    await LimitsPlugin(clock).start(scheduler)
    found: dict[str, Any] = scheduler.handlers
    return found


def asked(handlers: dict[str, Any], of: Claim) -> Share:
    answer = handlers["llmdash_limit_share"](claim=msgspec.msgpack.encode(of))
    return msgspec.msgpack.decode(answer, type=Share)


async def test_runs_share_what_the_scheduler_keeps_and_give_it_back() -> None:
    clock = Clock()
    handlers = await begun(clock)
    clock.now += KEPT_S
    alone = asked(handlers, claim("a"))
    assert alone.rate == pytest.approx(60.0)
    assert asked(handlers, claim("b")).rate == pytest.approx(0.0, abs=1.0)  # the other one still holds it
    less = asked(handlers, claim("a", alone.rate))
    assert less.rate == pytest.approx(30.0, abs=1.0)
    clock.now += 1.1
    asked(handlers, claim("a", less.rate))
    assert asked(handlers, claim("b")).rate == pytest.approx(30.0, abs=1.0)
    rows = msgspec.msgpack.decode(handlers["llmdash_limit_rows"](), type=list[LeaseRow])
    assert {row.sharer.label for row in rows} == {"a", "b"}
    handlers["llmdash_limit_release"](claim=msgspec.msgpack.encode(claim("b")))
    clock.now += KEPT_S
    assert asked(handlers, claim("a", less.rate)).rate == pytest.approx(60.0)


async def test_a_scheduler_that_was_just_begun_gives_nobody_more_than_is_held() -> None:
    clock = Clock()
    handlers = await begun(clock)
    assert asked(handlers, claim("a")).rate == 0.0
    assert asked(handlers, claim("b", held=20.0)).rate == pytest.approx(20.0, abs=0.5)
    clock.now += KEPT_S
    assert asked(handlers, claim("a")).rate > 20.0


async def test_a_real_scheduler_answers_and_one_that_is_gone_is_named() -> None:
    async with Scheduler(
        host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0", dashboard=False
    ) as scheduler:
        leases = ClusterLeases(RemotePlace(scheduler.address, NO_TLS), PATIENCE_S)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    share = await leases.share(claim("a"))
                    assert share.limit == Limit("org-a", 60.0)
                    rows = await leases.rows()
                    if rows:  # none are left of a lease that was granted some seconds ago
                        break
            assert [row.sharer.label for row in rows] == ["a"]
            await leases.release(claim("a"))
        finally:
            await leases.aclose()
    nowhere = ClusterLeases(RemotePlace("tcp://127.0.0.1:9", NO_TLS))
    with pytest.raises(LeaseError, match=r"tcp://127\.0\.0\.1:9 does not answer"):
        await nowhere.share(claim("a"))


async def test_a_scheduler_that_cannot_load_what_keeps_leases_is_named_with_the_fix() -> None:
    async with Scheduler(
        host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0", dashboard=False
    ) as scheduler:

        def refuse(**_: object) -> None:
            raise ModuleNotFoundError("No module named 'llmdash'\nand more")

        scheduler.handlers["register_scheduler_plugin"] = refuse
        leases = ClusterLeases(RemotePlace(scheduler.address, NO_TLS), PATIENCE_S)
        with pytest.raises(LeaseError, match=r"No module named 'llmdash'.*needs llmdash"):
            await leases.share(claim("a"))
        await leases.aclose()
