"""The everyday faults: connections that are dropped, chunks that are cut, a plain rate limit."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.simulated import Simulated
from tests.simulator.frames import PATHS
from tests.simulator.in_process import InProcess
from tests.simulator.test_fault_wire import exchange

Simulator = Callable[..., Simulated]
MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
DIALECTS = pytest.mark.parametrize("dialect", list(PATHS))


def _whole_json(event: bytes) -> bool:
    data = b"".join(line[6:] for line in event.splitlines() if line.startswith(b"data: {"))
    try:
        json.loads(data or b"{}")
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("latency", [0.0, 0.2])
def test_a_connection_is_dropped_before_the_answer_or_within_it(simulator: Simulator, latency: float) -> None:
    running = simulator(latency=latency, faults={"drop:unanswered": 1.0})
    assert exchange(running, "chat", running.keys[0], stream=True) == ([b""], b"")
    assert running.stats()["by_key"][running.keys[0]]["dropped"] == 1
    assert running.complaints() == ""


@pytest.mark.parametrize("latency", [0.0, 0.2])
@MODES
@DIALECTS
def test_a_connection_is_dropped_within_the_body(
    simulator: Simulator, dialect: str, stream: bool, latency: float
) -> None:
    running = simulator(latency=latency, faults={"drop:body": 1.0})
    head, body = exchange(running, dialect, running.keys[0], stream=stream)
    assert head[0].startswith(b"HTTP/1.1 200 ")
    assert len(body) > 20
    if stream:
        assert not body.endswith(b"0\r\n\r\n")
    else:
        assert not _whole_json(b"data: " + body)
    stats = running.stats()
    assert (stats["faults"], stats["by_key"][running.keys[0]]["dropped"]) == ({"drop": 1}, 1)
    assert running.complaints() == ""


async def test_where_there_is_no_connection_none_is_dropped() -> None:
    for variant in ("unanswered", "body"):
        assert (await InProcess(faults={f"drop:{variant}": 1.0}).ask("chat")).status == 200


@DIALECTS
async def test_one_event_is_cut_and_asked_again_the_stream_is_whole(dialect: str) -> None:
    running = InProcess(faults={"half-json": 1.0})
    events = (await running.ask(dialect, stream=True)).body.split(b"\n\n")
    assert [_whole_json(event) for event in events].count(False) == 1
    again = (await running.ask(dialect, stream=True)).body.split(b"\n\n")
    assert all(map(_whole_json, again))


@MODES
@DIALECTS
async def test_a_rate_limit_says_how_long_to_wait(dialect: str, stream: bool) -> None:
    for spec, seconds in (("rate-limit", "1"), ("rate-limit:2.5", "2.5")):
        running = InProcess(faults={spec: 1.0})
        refused = await running.ask(dialect, stream=stream)
        assert (refused.status, refused.headers["retry-after"]) == (429, seconds)
        assert (await running.ask(dialect, stream=stream)).status == 200
