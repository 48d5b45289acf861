"""PromptLayer's endpoint: reports are checked, numbered, kept without keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.simulator.tracking import MAX_REPORT, BadReportError, Tracker
from tests.simulated import Simulated

Simulator = Callable[..., Simulated]
CANARY = "pl-canary-0123"
REPORT: dict[str, Any] = {
    "function_name": "openai.OpenAI.completions.create",
    "provider_type": "openai",
    "args": [],
    "kwargs": {"model": "m", "prompt": "Hi", "api_key": CANARY, "client": [{"api_key": CANARY}]},
    "tags": ["langchain"],
    "request_response": {"choices": [{"text": "Hello"}]},
    "request_start_time": 1_700_000_000.25,
    "request_end_time": 1_700_000_001.5,
    "metadata": None,
    "api_key": CANARY,
}


@pytest.mark.parametrize("path", ["/track-request", "/rest/track-request"])
def test_a_report_is_numbered_and_kept_without_any_key(simulator: Simulator, path: str) -> None:
    running = simulator()
    for number in (1, 2):
        reply = running.fetch(path, REPORT)
        assert (reply.status, reply.json) == (200, {"success": True, "request_id": number})
    kept = running.fetch("/__sim__/tracked")
    assert CANARY not in kept.body.decode()
    assert [report["request_id"] for report in kept.json["reports"]] == [1, 2]
    assert kept.json["reports"][0]["kwargs"] == {"model": "m", "prompt": "Hi", "client": [{}]}
    assert kept.json["reports"][0]["request_end_time"] == 1_700_000_001.5


def test_reports_are_counted_apart(simulator: Simulator) -> None:
    running = simulator()
    running.fetch("/track-request", REPORT)
    running.fetch("/track-request", {})
    stats = running.stats()
    assert stats["tracked"] == {"requests": 2, "refused": 1}
    assert (stats["requests"], stats["by_second"]) == (0, [])


@pytest.mark.parametrize(
    ("changes", "status", "named"),
    [
        ({"function_name": None}, 400, "function_name"),
        ({"provider_type": 1}, 400, "provider_type"),
        ({"args": {}}, 400, "args"),
        ({"kwargs": []}, 400, "kwargs"),
        ({"tags": "one"}, 400, "tags"),
        ({"request_response": "text"}, 400, "request_response"),
        ({"request_start_time": "now"}, 400, "request_start_time"),
        ({"request_end_time": 1.0}, 400, "request_end_time"),
        ({"metadata": []}, 400, "metadata"),
        ({"api_key": ""}, 401, "api_key"),
    ],
)
def test_a_report_with_a_wrong_field_is_refused(
    shared_simulator: Simulated, changes: dict[str, Any], status: int, named: str
) -> None:
    running = shared_simulator
    reply = running.fetch("/track-request", {**REPORT, **changes})
    assert (reply.status, reply.json["success"]) == (status, False)
    assert named in reply.json["message"]
    assert CANARY not in reply.body.decode()
    assert running.fetch("/__sim__/tracked").json == {"reports": []}


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"{", 400), (b"[]", 400), (b'{"a":' * 100_000, 400), (b" " * (MAX_REPORT + 1), 413)],
    ids=["cut", "list", "deep", "huge"],
)
def test_a_body_that_is_no_report_is_refused(shared_simulator: Simulated, raw: bytes, status: int) -> None:
    running = shared_simulator
    before = running.stats()["tracked"]
    assert running.fetch("/track-request", raw=raw).status == status
    after = running.stats()["tracked"]
    assert {name: after[name] - before[name] for name in after} == {"requests": 1, "refused": 1}
    assert running.complaints() == ""


def test_reports_can_be_refused_on_demand(simulator: Simulator) -> None:
    running = simulator()
    running.fetch("/__sim__/tracked", {"refuse": True})
    assert running.fetch("/track-request", REPORT).status == 500
    running.fetch("/__sim__/tracked", {"refuse": False})
    assert running.fetch("/track-request", REPORT).json["request_id"] == 1
    assert running.fetch("/__sim__/tracked", {"refuse": 1}).status == 400


def test_only_the_last_reports_are_kept_and_not_more_than_memory_bears() -> None:
    tracker = Tracker()
    for _ in range(150):
        tracker.take(json.dumps(REPORT).encode())
    numbers = [json.loads(bytes(report))["request_id"] for report in tracker.reports]
    assert numbers == list(range(51, 151))
    large = json.dumps({**REPORT, "metadata": {"text": "x" * (MAX_REPORT - 2_000)}}).encode()
    for _ in range(10):
        tracker.take(large)
    assert sum(len(bytes(report)) for report in tracker.reports) <= 4 * MAX_REPORT
    assert len(tracker.reports) == 4


@given(
    st.dictionaries(
        st.sampled_from([*REPORT, "other"]), st.none() | st.integers() | st.text() | st.lists(st.text())
    )
)
def test_whatever_comes_is_taken_or_refused(changes: dict[str, Any]) -> None:
    tracker = Tracker()
    try:
        tracker.take(json.dumps({**REPORT, **changes}).encode())
    except BadReportError as fault:
        assert fault.status in (400, 401)
    counts = tracker.counts
    assert counts["requests"] == counts["refused"] + len(tracker.reports) == 1
