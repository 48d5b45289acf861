"""A terminal that does not read: a suspended ssh, a stopped pane. The run does not care, and can be ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import environment
from tests.cli.terminal import Terminal
from tests.cli.test_terminal import saved
from tests.simulated import Simulated


def answered(server: Simulated) -> int:
    """Requests that were answered whole so far."""
    return sum(key["ok"] for key in server.stats()["by_key"].values())


def done_a_second(server: Simulated, wait: Callable[[float], None], seconds: float) -> float:
    before, began = answered(server), time.monotonic()
    wait(seconds)
    return (answered(server) - before) / (time.monotonic() - began)


def loss(folder: Path, server: Simulated, rate: str, seconds: float, jobs: int) -> float:
    """The share of jobs a second that a run loses while its terminal is not read for so many seconds, beside
    half as long before and half as long after.
    """
    (folder / "prompts.jsonl").write_text('{"prompt": "2 + 2"}\n' * jobs)
    arguments = ("run", "prompts.jsonl", "--rate", rate, "--concurrency", 64)
    with Terminal(*arguments, cwd=folder, env=environment(folder, server), modern=True) as terminal:
        terminal.wait_for(lambda screen: saved(screen) > 0)
        terminal.watch(1.0)
        before = done_a_second(server, terminal.watch, seconds / 2)
        terminal.fill()
        unread = done_a_second(server, time.sleep, seconds)
        terminal.watch(0.5)
        after = done_a_second(server, terminal.watch, seconds / 2)
        terminal.wait_for("Jobs ·")
        terminal.keys("q")
        assert terminal.wait() == 0
        assert terminal.left_changed == []
    print(f"{rate}: {before:.1f}/s read, {unread:.1f}/s unread for {seconds:g} s, {after:.1f}/s read again")
    return 1 - 2 * unread / (before + after)


def test_an_unread_terminal_costs_the_run_nothing(
    tmp_path: Path, simulator: Callable[..., Simulated]
) -> None:
    assert loss(tmp_path, simulator(latency=0.05), "50/s", 2.0, 1000) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("rate", ["100/s", "unlimited"])
def test_a_minute_of_an_unread_terminal_costs_the_run_nothing(
    tmp_path: Path, simulator: Callable[..., Simulated], rate: str
) -> None:
    assert loss(tmp_path, simulator(latency=0.05), rate, 60.0, 400_000) < 0.05


@pytest.mark.parametrize("how", ["q", pytest.param("TERM", marks=pytest.mark.slow)])
def test_a_dashboard_whose_terminal_does_not_read_can_be_left(tmp_path: Path, how: str) -> None:
    arguments = ("demo", "--limit", 3000, "--rate", "50/s")
    with Terminal(*arguments, cwd=tmp_path, env=environment(tmp_path), modern=True) as terminal:
        terminal.wait_for(lambda screen: saved(screen) > 0)
        terminal.fill()
        if how == "q":
            terminal.keys("q")
        else:
            terminal.signal(signal.SIGTERM)
        code, _ = terminal.wait_without_reading()
        assert code == (0 if how == "q" else 143)
        terminal.read(1.0)
        assert terminal.left_changed == [], "what restores it waits for the terminal to read again"
