"""What the simulator was sent can be read back: bodies, headers without keys, models, faults."""

from __future__ import annotations

from typing import Any

import pytest

from llmdash.simulator.recorder import Recorder
from tests.simulated import Simulated
from tests.simulator.in_process import InProcess

REQUESTS = "/__sim__/requests"


async def test_the_bodies_are_those_that_were_sent() -> None:
    running = InProcess(faults={"odd-finish": 1.0})
    await running.ask("chat", "Hello", key="key-a", temperature=0.5)
    await running.ask("messages", "Hi")
    await running.ask("chat", key="stranger")
    found = (await running.report(REQUESTS, "bodies=1"))["requests"]
    assert [record["number"] for record in found] == [1, 2, 3]
    assert found[0]["body"] == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0.5,
    }
    assert [record["path"] for record in found][:2] == ["/v1/chat/completions", "/v1/messages"]
    assert [record["key"] for record in found] == [0, 1, None]
    assert [record["outcome"] for record in found] == ["errors", "errors", "refused"]
    assert [record["faults"] for record in found] == [["odd-finish"], ["odd-finish"], []]
    assert found[0]["headers"] == {"anthropic-version": "2023-06-01", "x-asked": "yes"}


async def test_bodies_come_on_demand_and_in_pages() -> None:
    running = InProcess()
    for number in range(5):
        await running.ask("chat", f"Prompt {number}")
    found = (await running.report(REQUESTS, "after=1&limit=2"))["requests"]
    assert [record["number"] for record in found] == [2, 3]
    assert "body" not in found[0]
    assert found[0]["size"] > 20


async def test_how_many_are_kept_can_be_said() -> None:
    running = InProcess()
    await running.ask("chat")
    assert (await running.send("POST", REQUESTS, {"keep": 2})).json == {"requests": []}
    for _ in range(3):
        await running.ask("chat")
    assert [each["number"] for each in (await running.report(REQUESTS))["requests"]] == [3, 4]


@pytest.mark.parametrize(
    ("body", "query"),
    [
        ({"keep": -1}, ""),
        ({"keep": 10**9}, ""),
        ({"keep": "x"}, ""),
        (b"{", ""),
        (b'{"a":' * 100_000, ""),
        ({}, "after=x"),
    ],
)
async def test_orders_that_make_no_sense_are_refused(body: Any, query: str) -> None:
    reply = await InProcess().send("POST", REQUESTS, body, query=query)
    assert reply.status == 400
    assert "error" in reply.json


async def test_a_body_that_is_no_json_is_shown_as_text() -> None:
    running = InProcess()
    await running.send("POST", "/v1/chat/completions", b"no \xff json", "key-a")
    (found,) = (await running.report(REQUESTS, "bodies=1"))["requests"]
    assert found["body"] == "no � json"


def test_large_bodies_push_out_older_ones() -> None:
    recorder = Recorder()
    for _ in range(10):
        record = recorder.arrived("/v1/completions", None, [], 0.0)
        recorder.sent(record, b"x" * (8 * 1024 * 1024))
    assert [each["number"] for each in recorder.report(after=0, limit=99, bodies=False)] == [7, 8, 9, 10]


def test_a_body_that_comes_when_its_request_is_forgotten_is_dropped() -> None:
    recorder = Recorder()
    late = recorder.arrived("/v1/completions", None, [], 0.0)
    recorder.keep(1)
    recorder.sent(late, b"x" * 100)
    recorder.arrived("/v1/completions", None, [], 0.0)
    recorder.sent(late, b"x" * 100)
    assert [each["size"] for each in recorder.report(after=0, limit=9, bodies=False)] == [0]


async def test_the_statistics_count_models_and_faults() -> None:
    running = InProcess(faults={"model-503": 1.0})
    for number in range(1_005):
        await running.ask("chat", model=f"m{number}")
    stats = await running.report("/__sim__/stats")
    assert stats["faults"] == {"model-503": 1_005}
    assert stats["models"]["m7"] == 1
    assert stats["models"]["(other models)"] == 5


def test_a_running_simulator_reports_its_requests(shared_simulator: Simulated) -> None:
    before = shared_simulator.requests()
    shared_simulator.ask("Hello, recorder", temperature=0.25)
    (found,) = shared_simulator.requests(after=before[-1]["number"] if before else 0)
    assert (found["body"]["temperature"], found["key"], found["outcome"]) == (0.25, 0, "ok")
    assert "authorization" not in found["headers"]
    assert shared_simulator.keys[0] not in str(found)
