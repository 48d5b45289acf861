"""`llmdash bench` from outside: what it says is what the server counted."""

from __future__ import annotations

import itertools
import json
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.command import Ended, configure, environment, llmdash
from tests.recording import Body, Recorder
from tests.simulated import Simulated

Simulator = Callable[..., Simulated]
LATENCY_S = 0.15
"""Of a server that answers at once a bench would measure how busy this machine is, and stop at that."""


def records(ended: Ended) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The steps, and the summary."""
    *steps, summary = [json.loads(line) for line in ended.out.splitlines()]
    assert [each["type"] for each in steps] == ["step"] * len(steps)
    return steps, summary


def test_it_steps_up_within_the_requests_it_may_send(tmp_path: Path, simulator: Simulator) -> None:
    endpoint = simulator(latency=LATENCY_S, keys=("one-key-0001",))
    ended = llmdash(
        "bench", "--max-requests", 80, "--yes", "--json", cwd=tmp_path, env=environment(tmp_path, endpoint)
    )
    steps, summary = records(ended)
    assert ended.code == 0
    assert [each["concurrency"] for each in steps] == [1, 2, 4, 8]
    assert (summary["stop"], summary["harm"], summary["auto"]) == ("requests", False, False)
    assert summary["concurrency"] == 8 and summary["rate"] > 0
    stats = endpoint.stats()
    assert summary["attempts"] == stats["requests"] <= 80
    assert "up to 80 requests, 512 at once, may be sent" in ended.err


def kept_settings(report: str) -> dict[str, Any]:
    """The settings that a report says to keep."""
    settings = report.partition("keep, in llmdash.toml:\n")[2]
    return tomllib.loads("\n".join(line[2:] for line in settings.splitlines() if line.startswith("  ")))


def test_it_stops_at_the_first_rate_limit_and_keeps_what_went_before(tmp_path: Path) -> None:
    """Two steps of 12 go through; in the third all is refused."""
    asked = itertools.count()

    def answer(_body: Body) -> str | tuple[int, Body]:
        time.sleep(LATENCY_S)
        return "OK" if next(asked) < 27 else (429, {"error": {"message": "too many requests"}})

    (tmp_path / "p.txt").write_text("Say A.\nSay B.\nSay C.\n")
    with Recorder(answer) as server:
        env = environment(tmp_path, API_KEY="sk-one-key-0001", BASE_URL=server.root + "/v1")
        arguments = ("bench", "p.txt", "--concurrency", 16, "--no-stream", "--yes")
        ended = llmdash(*arguments, cwd=tmp_path, env=env)
        assert ended.code == 0, ended.err
        refused = len(server.requests) - 27
        assert 1 <= refused <= 8
        assert "stopped at 4 in flight: rate limited (429)" in ended.out
        assert f"requests sent: {len(server.requests):,};" in ended.err
    kept = kept_settings(ended.out)
    assert (kept["concurrency"], kept["auto"]) == (2, True)


def test_it_stops_where_the_server_says_that_nothing_is_left(tmp_path: Path, simulator: Simulator) -> None:
    """A bucket of 30 requests whose headers are obeyed, so that nothing is refused."""
    endpoint = simulator(latency=LATENCY_S, rpm=30, keys=("one-key-0001",))
    ended = llmdash("bench", "--yes", "--json", cwd=tmp_path, env=environment(tmp_path, endpoint))
    steps, summary = records(ended)
    assert (ended.code, summary["harm"], summary["auto"]) == (0, True, True)
    assert summary["stop"] in ("limit", "refused")
    stats = endpoint.stats()
    assert summary["attempts"] == stats["requests"] <= 40
    assert sum(each["refused"] for each in steps) == stats["by_key"]["one-key-0001"]["throttled"]


def test_a_bench_on_the_simulator_needs_no_key_and_spends_nothing(tmp_path: Path) -> None:
    arguments = ("--simulate", "--latency", "0.01", "--max-requests", "40", "--run-dir", "kept")
    ended = llmdash("bench", *arguments, cwd=tmp_path, env=environment(tmp_path))
    assert ended.code == 0
    assert ended.out.splitlines()[0].split() == ["in", "flight", "throughput", "p95", "latency"]
    assert "may be sent" not in ended.err
    assert "the run is kept in" in ended.err and (tmp_path / "kept" / "journal.sqlite").exists()


def test_failures_are_harm_and_are_not_tried_again(tmp_path: Path) -> None:
    """Every second one: of an endpoint that answers nothing else, ever fewer would be asked for."""
    asked = itertools.count()

    def answer(_body: Body) -> str | tuple[int, Body]:
        return "OK" if next(asked) % 2 else (500, {"error": {"message": "broken"}})

    with Recorder(answer) as server:
        env = environment(tmp_path, API_KEY="sk-one-key-0001", BASE_URL=server.root + "/v1")
        ended = llmdash(
            "bench", "--max-requests", 50, "--no-stream", "--yes", "--json", cwd=tmp_path, env=env
        )
        _, summary = records(ended)
        assert (ended.code, summary["stop"], summary["rate"]) == (3, "errors", None)
        assert summary["attempts"] == len(server.requests) <= 50


def test_a_budget_ends_it(tmp_path: Path, simulator: Simulator) -> None:
    endpoint = simulator(latency=0.01, keys=("one-key-0001",))
    configure(tmp_path, "[prices.sim-small]\ninput = 1000\noutput = 1000\n")
    arguments = ("bench", "--model", "sim-small", "--max-tokens", 50, "--budget", "1", "--yes", "--json")
    ended = llmdash(*arguments, cwd=tmp_path, env=environment(tmp_path, endpoint))
    _, summary = records(ended)
    assert summary["stop"] == "budget"
    assert summary["cost"] <= 1.0
    assert summary["attempts"] == endpoint.stats()["requests"]


def test_nothing_is_sent_where_nobody_can_be_asked(tmp_path: Path) -> None:
    with Recorder() as server:
        env = environment(tmp_path, API_KEY="sk-one-key-0001", BASE_URL=server.root + "/v1")
        ended = llmdash("bench", "--max-requests", 50, cwd=tmp_path, env=env)
        assert (ended.code, server.requests) == (2, [])
    assert "up to 50 requests" in ended.err
    assert "nobody can be asked here; add --yes" in ended.err
    assert not list(tmp_path.glob("**/*-bench"))


def test_what_cannot_be_measured_is_refused(tmp_path: Path) -> None:
    env = environment(tmp_path)
    assert llmdash("bench", "-", "--simulate", cwd=tmp_path, env=env).code == 2
    assert llmdash("bench", "--simulate", "--max-requests", 3, cwd=tmp_path, env=env).code == 2
    ended = llmdash("bench", "--simulate", cwd=tmp_path, env={**env, "LLMDASH_KEEP": "none"})
    assert ended.code == 2 and "keep = none" in ended.err
