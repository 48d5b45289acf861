"""The fault server itself: by seed, counted, as a process of its own; and the watch over what calls leave."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from llmdash.llms.wire.failures import FailureKind
from tests.fault_server import Plan, fault_server
from tests.faults.calls import LONG, SHORT, Asked, ask, connected, model, nothing_left
from tests.faults.catalogue import CATALOGUE

PASSING = tuple(name for name, fault in CATALOGUE.items() if fault.mixed and not fault.waits)


async def outcomes(plan: Plan, order: list[int]) -> dict[int, list[FailureKind | None]]:
    """What becomes of three calls for each of these prompts, made in this order."""
    found: dict[int, list[FailureKind | None]] = {}
    async with fault_server(plan) as server, connected() as client:
        for number in order * 3:
            asked = await ask(model(client, server.base_url(), number), f"What is {number} + 1?")
            found.setdefault(number, []).append(asked.failure.kind if asked.failure else None)
    return found


async def test_the_same_seed_strikes_the_same_requests_whatever_their_order() -> None:
    plan = Plan(seed=5, share=0.5, faults=PASSING)
    forth, back = await outcomes(plan, list(range(20))), await outcomes(plan, list(range(19, -1, -1)))
    assert forth == back
    assert await outcomes(Plan(seed=6, share=0.5, faults=PASSING), list(range(20))) != forth


async def test_no_prompt_meets_more_faults_than_it_may() -> None:
    found = await outcomes(Plan(share=1.0, faults=("500",), most=2), [1])
    assert found[1] == [FailureKind.TRANSIENT, FailureKind.TRANSIENT, None]


async def test_what_was_served_is_counted_by_key_prompt_and_fault() -> None:
    async with fault_server(Plan(keys={"sk-bad": "401"})) as server, connected() as client:
        for key in ("sk-good", "sk-good", "sk-bad"):
            await ask(model(client, server.base_url(), 0, key=key), "What is 1 + 1?")
        report = server.counts.report(prompts=True)
    assert report["by_key"]["sk-good"] == {"requests": 2, "whole": 2, "faults": 0}
    assert report["by_key"]["sk-bad"] == {"requests": 1, "whole": 0, "faults": 1}
    assert report["by_prompt"] == {"What is 1 + 1?": {"requests": 3, "whole": 2, "faults": 1}}
    assert report["by_fault"] == {"fine": 2, "401": 1}
    assert report["fullest_second"] == 3


async def test_an_error_repeats_the_key_only_where_that_is_wanted() -> None:
    for echo in (False, True):
        async with fault_server(echo=echo) as server:
            request = urllib.request.Request(  # noqa: S310 - loopback
                server.base_url("200-error") + "/chat/completions",
                json.dumps({"model": "m", "messages": [{"role": "user", "content": "?"}]}).encode(),
                {"authorization": "Bearer sk-canary"},
            )
            body = await asyncio.to_thread(lambda: urllib.request.urlopen(request).read())  # noqa: B023, S310
        assert (b"sk-canary" in body) is echo


def test_every_kind_but_the_fault_of_this_machine_is_in_the_catalogue() -> None:
    assert {fault.kind for fault in CATALOGUE.values()} == {*FailureKind, None} - {FailureKind.LOCAL}


@pytest.fixture
def process() -> Iterator[int]:
    """The port of a server of its own."""
    command = [sys.executable, "-m", "tests.fault_server", "--seed", "1", "--share", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.terminate()


def at_side_door(port: int, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", data) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found


async def test_a_process_takes_orders_and_tells_what_it_saw(process: int) -> None:
    async def asked() -> Asked:
        async with connected(LONG) as client:
            return await ask(
                model(client, f"http://127.0.0.1:{process}/v1", 0, key="sk-one"), "What is 1 + 1?"
            )

    assert (await asked()).text == "1 + 1 = 2."
    await asyncio.to_thread(at_side_door, process, "__plan__", {"keys": {"sk-one": "402"}})
    failure = (await asked()).failure
    assert failure is not None
    assert failure.kind is FailureKind.QUOTA
    report = await asyncio.to_thread(at_side_door, process, "__stats__")
    assert report["by_key"] == {"sk-one": {"requests": 2, "whole": 1, "faults": 1}}
    assert (report["prompts"], report["prompts_whole"]) == (1, 1)


async def test_a_task_that_is_left_behind_is_found() -> None:
    with pytest.raises(AssertionError):
        async with nothing_left():
            task = asyncio.create_task(asyncio.sleep(3600))
    task.cancel()


async def test_an_error_that_nobody_waited_for_is_found() -> None:
    async def fail() -> None:
        raise ValueError

    with pytest.raises(AssertionError, match="never retrieved"):
        async with nothing_left():
            asyncio.create_task(fail())  # noqa: RUF006 - that is the point
            await asyncio.sleep(0.01)


async def test_a_stall_is_left_to_the_limits_of_the_client() -> None:
    async with fault_server() as server, connected(SHORT) as client:
        asked = await ask(model(client, server.base_url("stall"), 0), "What is 1 + 1?")
    assert asked.failure is not None
    assert "no answer within 0.3 s" in asked.failure.message
