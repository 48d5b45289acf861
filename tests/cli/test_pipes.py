"""A run without a screen: readers that go away or do not read, and a terminal where Ctrl-C is typed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.reader import JournalReader
from tests.cli.command import environment, prompts, results
from tests.cli.terminal import Terminal, wait_for_end
from tests.simulated import Simulated
from tests.waiting import PATIENCE_S, wait_for

HEADLESS = ("run", "p.txt", "--headless", "--run-dir", "kept")


def test_a_reader_that_goes_away_does_not_end_the_run(
    tmp_path: Path, simulator: Callable[..., Simulated]
) -> None:
    prompts(tmp_path, 60)
    line = [sys.executable, "-m", "llmdash", *HEADLESS, "--json", "--rate", "50/s", "--out", "r.jsonl"]
    run = subprocess.Popen(line, cwd=tmp_path, env=environment(tmp_path, simulator()), stdout=subprocess.PIPE)
    with (
        run,
        subprocess.Popen(
            ["/usr/bin/env", "head", "-n", "1"], stdin=run.stdout, stdout=subprocess.PIPE
        ) as head,
    ):
        assert run.stdout is not None
        run.stdout.close()
        assert head.stdout is not None
        assert json.loads(head.stdout.read())["type"] == "progress"
        assert run.wait(60) == 0
    assert len(results(tmp_path / "r.jsonl")) == 60


def written(path: Path) -> int:
    """Lines of a file; 0 while it is not there."""
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.parametrize("display", [("--json",), pytest.param((), marks=pytest.mark.slow)])
def test_a_reader_that_does_not_read_holds_up_neither_the_run_nor_its_results(
    tmp_path: Path, simulator: Callable[..., Simulated], display: tuple[str, ...]
) -> None:
    """As under a pager: what was written is there when it reads again, and only then the process ends."""
    prompts(tmp_path, 100)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    filled = 0
    try:
        while True:
            filled += os.write(writing, b" " * 1024)
    except BlockingIOError:
        os.set_blocking(writing, True)
    env = environment(tmp_path, simulator())
    arguments = (*HEADLESS, *display, "--out", "r.csv", "--rate", "100/s")
    line = [sys.executable, "-m", "llmdash", *arguments]
    with subprocess.Popen(line, cwd=tmp_path, env=env, stdout=writing, stdin=subprocess.DEVNULL) as run:
        os.close(writing)
        until = time.monotonic() + PATIENCE_S
        while written(tmp_path / "r.csv") < 1 + 100 and time.monotonic() < until:
            time.sleep(0.05)
        unread = written(tmp_path / "r.csv")
        with open(reading, "rb") as pipe:  # noqa: PTH123 - a descriptor
            said = pipe.read()[filled:].decode()
        assert run.wait(PATIENCE_S) == 0
    assert unread == 1 + 100, "the results were there before anybody read"
    assert "100 saved" in said if not display else json.loads(said.splitlines()[-1])["type"] == "summary"


@pytest.mark.slow
def test_a_program_that_waits_for_its_reader_at_the_end_is_ended_by_a_signal(
    tmp_path: Path, simulator: Callable[..., Simulated]
) -> None:
    prompts(tmp_path, 20)
    env = environment(tmp_path, simulator())
    with Terminal(*HEADLESS, "--rate", "100/s", cwd=tmp_path, env=env) as terminal:
        terminal.fill()
        while ended(tmp_path) < 20:
            time.sleep(0.05)
        while terminal.process.poll() is None:  # the first may come before the run has ended, and drain it
            terminal.signal(signal.SIGTERM)
            time.sleep(0.3)
        assert terminal.process.returncode in (-signal.SIGTERM, 143)


def ended(folder: Path) -> int:
    """Jobs in the journal; 0 while there is none."""
    try:
        return len(list(JournalReader(folder / "kept").results()))
    except JournalError:
        return 0


@pytest.mark.slow
def test_one_interrupt_lets_requests_finish_and_two_do_not(
    tmp_path: Path, simulator: Callable[..., Simulated]
) -> None:
    prompts(tmp_path, 500)
    for signals, latency in ((1, 0.5), (2, 60.0)):
        env = environment(tmp_path, simulator(latency=latency))
        arguments = ("run", "p.txt", "--headless", "--rate", "50/s", "--run-dir", f"kept-{signals}")
        with Terminal(*arguments, cwd=tmp_path, env=env) as terminal:
            terminal.wait_for(lambda screen: "in flight" in screen and " 0 in flight" not in screen)
            terminal.keys("\x03")
            if signals == 2:
                terminal.wait_for("draining")
                terminal.keys("\x03")
            assert terminal.wait() == 130
            assert terminal.left_changed == []
        done = list(JournalReader(tmp_path / f"kept-{signals}").results())
        assert all(result.state == "done" for result in done)
        assert bool(done) is (signals == 1), "what was in flight is finished once, and given up twice"


@pytest.mark.parametrize(("number", "done"), [(signal.SIGHUP, True), (signal.SIGQUIT, False)])
def test_a_headless_run_goes_on_without_a_terminal_and_stops_at_once_for_sigquit(
    tmp_path: Path, simulator: Callable[..., Simulated], number: signal.Signals, done: bool
) -> None:
    prompts(tmp_path, 60)
    server = simulator(answers=10)
    env = environment(tmp_path, server)
    with Terminal(*HEADLESS, "--rate", "50/s", cwd=tmp_path, env=env) as terminal:
        wait_for(lambda: server.stats()["requests"] > 10, "a request that is not answered")
        terminal.signal(number)
        if done:
            server.let_go()
        assert terminal.wait() == 128 + number
        assert terminal.left_changed == []
    assert (ended(tmp_path) == 60) is done


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
def test_that_an_answer_cannot_be_written_is_no_fault_of_the_program(
    tmp_path: Path, simulator: Callable[..., Simulated]
) -> None:
    prompts(tmp_path, 5)
    env = environment(tmp_path, simulator(latency=0.2))
    for words in ("run p.txt --detach --run-dir kept", "ctl kept status", "limits", "runs", "ctl kept stop"):
        with Path("/dev/full").open("w") as full:
            ended = subprocess.run(
                [sys.executable, "-m", "llmdash", *words.split()],
                cwd=tmp_path,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert "fault" not in ended.stderr, words
        assert ended.returncode == 0 or "no engine works on this run" in ended.stderr
    wait_for_end(tmp_path)
