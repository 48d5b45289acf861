"""A terminal that does not read: a suspended ssh, a stopped pane. The run does not care, and can be ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.command import environment
from tests.cli.terminal import Terminal
from tests.cli.test_terminal import done
from tests.simulated import Simulated
from tests.waiting import wait_for


def answered(server: Simulated) -> int:
    """Requests that were answered whole so far."""
    return sum(key["ok"] for key in server.stats()["by_key"].values())


def done_a_second(server: Simulated, wait: Callable[[float], None], seconds: float) -> float:
    before, began = answered(server), time.monotonic()
    wait(seconds)
    return (answered(server) - before) / (time.monotonic() - began)


@contextmanager
def watched(folder: Path, server: Simulated, rate: str, jobs: int) -> Iterator[Terminal]:
    """The dashboard of a run with something done. Stopped at the end, it leaves the terminal as it was."""
    (folder / "prompts.jsonl").write_text('{"prompt": "2 + 2"}\n' * jobs)
    arguments = ("run", "prompts.jsonl", "--rate", rate, "--concurrency", 64)
    with Terminal(*arguments, cwd=folder, env=environment(folder, server), modern=True) as terminal:
        terminal.wait_for(lambda screen: done(screen) > 0)
        yield terminal
        terminal.wait_for(" Jobs ")
        terminal.stop_run()
        assert terminal.wait() == 0
        assert terminal.left_changed == []


def loss(folder: Path, server: Simulated, rate: str, seconds: float, jobs: int) -> float:
    """The share of jobs a second that a run loses while its terminal is not read for so many seconds, beside
    half as long before and half as long after.
    """
    with watched(folder, server, rate, jobs) as terminal:
        terminal.watch(1.0)
        before = done_a_second(server, terminal.watch, seconds / 2)
        terminal.fill()
        unread = done_a_second(server, time.sleep, seconds)
        terminal.watch(0.5)
        after = done_a_second(server, terminal.watch, seconds / 2)
    print(f"{rate}: {before:.1f}/s read, {unread:.1f}/s unread for {seconds:g} s, {after:.1f}/s read again")
    return 1 - 2 * unread / (before + after)


def test_a_run_goes_on_while_its_terminal_is_not_read(
    tmp_path: Path, simulator: Callable[..., Simulated]
) -> None:
    server = simulator(latency=0.05)
    with watched(tmp_path, server, "50/s", 1000) as terminal:
        terminal.fill()
        before = answered(server)
        wait_for(lambda: answered(server) >= before + 150, "answers while nobody reads", every_s=0.1)


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
        terminal.wait_for(lambda screen: done(screen) > 0)
        terminal.fill()
        if how == "q":
            terminal.keys("q\r")
        else:
            terminal.signal(signal.SIGTERM)
        code = terminal.wait_without_reading()
        assert code == (0 if how == "q" else 143)
        terminal.read(1.0)
        assert terminal.left_changed == [], "what restores it waits for the terminal to read again"
