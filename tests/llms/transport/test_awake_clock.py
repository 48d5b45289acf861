"""Deadlines over a machine that is suspended: the time it sleeps is nobody's fault."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.llms.transport.timeouts import Timeouts
from llmdash.llms.wire.failures import Failure
from tests.cli.command import environment, results, start
from tests.engine.virtual_time import jump, now, virtual_time
from tests.llms.canned import DONE, Canned, chat, chunk, endless
from tests.simulated import Simulated
from tests.waiting import LONGEST_S

LIMITS = Timeouts(connect=10.0, first_byte=120.0, stall=60.0, total=600.0)
END = (chunk(finish="stop"), DONE)


class Slow(httpx.AsyncBaseTransport):
    """Takes `head_s` for the headers, then sends a piece after each of `waits`."""

    def __init__(self, head_s: float, *waits: float) -> None:
        self._head_s = head_s
        self._canned = Canned(endless(lambda: self._pieces(waits)))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self._head_s)
        return await self._canned.handle_async_request(request)

    def _pieces(self, waits: tuple[float, ...]) -> Iterator[bytes | float]:
        for wait in waits:
            yield from (wait, chunk("x"))
        yield from END


async def suspend(after: float, seconds: float) -> None:
    await asyncio.sleep(after)
    jump(seconds)


async def ask(transport: httpx.AsyncBaseTransport, limits: Timeouts = LIMITS) -> str:
    return (await chat(transport, timeouts=limits).ainvoke("hi")).text


@pytest.mark.parametrize(
    ("transport", "after"),
    [
        pytest.param(Slow(100.0, 1.0), 50.0, id="while the headers are awaited"),
        pytest.param(Slow(1.0, 100.0), 50.0, id="while the first content is awaited"),
        pytest.param(Slow(1.0, *[50.0] * 3), 120.0, id="while more content is awaited"),
        pytest.param(Slow(1.0, *[50.0] * 11), 540.0, id="near the end of the total time"),
    ],
)
@pytest.mark.parametrize("seconds", [2.1, 60.0, 86_400.0])
def test_no_call_fails_because_the_machine_was_suspended(
    transport: httpx.AsyncBaseTransport, after: float, seconds: float
) -> None:
    @virtual_time
    async def scenario() -> None:
        text, _ = await asyncio.gather(ask(transport), suspend(after, seconds))
        assert set(text) == {"x"}

    scenario()


@pytest.mark.parametrize(
    ("transport", "after", "limit", "words"),
    [
        pytest.param(Slow(1e7), 50.0, 120.0, "no answer within 120 s", id="first byte"),
        pytest.param(Slow(1.0, 1.0, 1e7), 50.0, 62.0, "stalled: no content for 60 s", id="stall"),
        pytest.param(Slow(1.0, *[50.0] * 99), 50.0, 600.0, "no end within 600 s", id="total"),
    ],
)
def test_behind_a_suspension_the_limits_hold_as_if_it_had_not_been(
    transport: httpx.AsyncBaseTransport, after: float, limit: float, words: str
) -> None:
    @virtual_time
    async def scenario() -> None:
        began = now()
        with pytest.raises(Failure, match=words):
            await asyncio.gather(ask(transport), suspend(after, 3600.0))
        assert now() - began - 3600.0 == pytest.approx(limit, abs=0.51)

    scenario()


@virtual_time
async def test_a_pause_of_less_than_two_seconds_counts_like_any_other_time() -> None:
    limits = Timeouts(stall=3.0, first_byte=3.0)
    with pytest.raises(Failure, match="stalled"):
        await asyncio.gather(ask(Slow(0.0, 3.2), limits), suspend(0.5, 1.5))
    text, _ = await asyncio.gather(ask(Slow(0.0, 3.2), limits), suspend(0.5, 2.5))
    assert text == "x"


calls = st.tuples(st.floats(0, 119), st.lists(st.floats(0, 59), max_size=5))
sleeps = st.tuples(st.floats(0, 200), st.floats(2.01, 100_000))


@given(st.lists(calls, min_size=1, max_size=8), st.lists(sleeps, max_size=4))
@settings(max_examples=60)
def test_whenever_the_machine_sleeps_and_for_however_long_every_answer_that_comes_in_time_is_taken(
    plans: list[tuple[float, list[float]]], suspensions: list[tuple[float, float]]
) -> None:
    @virtual_time(lateness_s=0.01)
    async def scenario() -> None:
        asked = [ask(Slow(head_s, *waits)) for head_s, waits in plans]
        texts, _ = await asyncio.gather(
            asyncio.gather(*asked), asyncio.gather(*(suspend(*each) for each in suspensions))
        )
        assert texts == ["x" * len(waits) for _, waits in plans]

    scenario()


class Unconnected(httpx.AsyncBaseTransport):
    """Gives up connecting after `seconds` by its own timer, so often; then it answers."""

    def __init__(self, seconds: float, times: int) -> None:
        self._seconds = seconds
        self._canned = Canned(endless(lambda: [chunk("x"), *END]))
        self.left = times

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.left:
            self.left -= 1
            await asyncio.sleep(self._seconds)
            raise aiohttp.ConnectionTimeoutError("too long")
        return await self._canned.handle_async_request(request)


@virtual_time
async def test_a_connection_that_a_suspension_took_the_time_of_is_tried_again() -> None:
    transport = Unconnected(10.0, times=2)
    text, *_ = await asyncio.gather(ask(transport), suspend(5.0, 60.0), suspend(69.0, 60.0))
    assert (text, transport.left) == ("x", 0)


@virtual_time
async def test_a_connection_that_does_not_come_while_the_machine_is_awake_is_tried_once() -> None:
    transport = Unconnected(10.0, times=2)
    with pytest.raises(Failure):
        await ask(transport)
    assert transport.left == 1


def timers() -> int:
    loop = asyncio.get_running_loop()  # not that of another thread
    found = (each for each in gc.get_objects() if isinstance(each, asyncio.TimerHandle))
    return sum(each._loop is loop and not each.cancelled() for each in found)  # type: ignore[attr-defined]


@pytest.mark.parametrize("fault", [None, "cancelled", "failed"])
def test_nothing_ticks_once_no_call_is_left(fault: str | None) -> None:
    async def leave(transport: Callable[[float], Slow]) -> None:
        if fault is None:
            await ask(transport(1.0))
        elif fault == "failed":
            with pytest.raises(Failure):
                await ask(transport(1000.0))
        else:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.0):
                    await ask(transport(1000.0))

    @virtual_time
    async def scenario() -> None:
        before = timers()
        await leave(lambda seconds: Slow(seconds, 1.0))
        await leave(lambda seconds: Slow(0.0, seconds))
        await asyncio.sleep(1.0)
        assert timers() <= before

    scenario()


def test_a_process_that_is_stopped_in_the_middle_of_its_streams_loses_none(
    simulator: Callable[..., Simulated], tmp_path: Path
) -> None:
    """Stopped for longer than a stall may take: every job is done with its first attempt."""
    endpoint = simulator(latency=2.0)
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(f"Tell of the number {n} in a few words" for n in range(16)))
    env = environment(
        tmp_path, endpoint, LLMDASH_STALL_TIMEOUT="5", LLMDASH_FIRST_BYTE_TIMEOUT="5", LLMDASH_RATE="20/s"
    )
    out = tmp_path / "results.jsonl"
    with start("run", prompts, "--headless", "--json", "--out", out, cwd=tmp_path, env=env) as process:
        while endpoint.stats()["requests"] < 16:
            assert process.poll() is None
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(7.0)
        os.kill(process.pid, signal.SIGCONT)
        report, _ = process.communicate(timeout=LONGEST_S)
    summary = json.loads(report.splitlines()[-1])
    assert (process.returncode, summary["done"], endpoint.stats()["requests"]) == (0, 16, 16)
    assert {line["attempts"] for line in results(out)} == {1}
