"""A dashboard under a shell: stopped with Ctrl-Z, brought back with `fg`, sent on with `bg`."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llmdash.engine.journal.reader import JournalReader
from tests.cli.command import environment
from tests.cli.terminal import Terminal
from tests.cli.test_terminal import done

PROMPT = "shell> "


@contextmanager
def dashboard_under_a_shell(folder: Path, jobs: int = 10_000) -> Iterator[Terminal]:
    """A shell with job control, and in its foreground a run of 50 jobs a second in the folder `kept`."""
    env = environment(folder, PS1=PROMPT)
    with Terminal(cwd=folder, env=env, command=("dash", "-i"), modern=True) as terminal:
        terminal.wait_for(PROMPT)
        line = f"{sys.executable} -m llmdash demo --limit {jobs} --rate 50/s --run-dir kept"
        terminal.keys(f"{line}\n")
        terminal.wait_for(lambda screen: done(screen) > 5)
        yield terminal


def program(terminal: Terminal) -> int:
    """The process that the shell started."""
    return int(
        Path(f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children").read_text().split()[0]
    )


def state(process: int) -> str:
    """`T` for a stopped process."""
    return Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1][0]


def kept(folder: Path) -> int:
    return len(list(JournalReader(folder / "kept").results()))


def stop_and_bring_back(terminal: Terminal, folder: Path, how: str) -> None:
    """Stop the dashboard, look at the terminal, bring it back and see the run go on."""
    process = program(terminal)
    if how == "typed":
        terminal.keys("\x1a")
    else:
        os.kill(process, signal.SIGTSTP)
    terminal.wait_for("Stopped")
    assert state(process) == "T"
    assert terminal.left_changed == [], "while it is stopped"
    before = kept(folder)
    terminal.keys("echo typed $((40 + 2))\n")
    terminal.wait_for("typed 42")
    while kept(folder) <= before:  # the run goes on meanwhile
        terminal.read()
    before = kept(folder)
    terminal.keys("fg\n")
    terminal.wait_for(lambda screen: done(screen) > before)
    assert " Jobs " in terminal.screen and "typed 42" not in terminal.screen, "painted anew"
    assert state(process) != "T"


def leave(terminal: Terminal) -> None:
    terminal.stop_run()
    terminal.wait_for("Resume it with: llmdash run --resume")
    terminal.keys("echo exit code $?\n")
    terminal.wait_for("exit code 0")
    assert terminal.left_changed == []


@pytest.mark.parametrize("how", ["typed", pytest.param("sent", marks=pytest.mark.slow)])
def test_a_stopped_dashboard_gives_the_terminal_back_and_takes_it_again(tmp_path: Path, how: str) -> None:
    with dashboard_under_a_shell(tmp_path) as terminal:
        stop_and_bring_back(terminal, tmp_path, how)
        leave(terminal)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["typed", "sent"])
def test_twenty_times_over_a_stopped_dashboard_comes_back(tmp_path: Path, how: str) -> None:
    with dashboard_under_a_shell(tmp_path, 100_000) as terminal:
        for _ in range(20):
            stop_and_bring_back(terminal, tmp_path, how)
        leave(terminal)
    print(f"Ctrl-Z {how}: 20 times stopped and brought back, terminals left changed: 0")


@pytest.mark.slow
def test_a_dashboard_in_the_background_leaves_the_terminal_alone_and_the_run_goes_on(tmp_path: Path) -> None:
    with dashboard_under_a_shell(tmp_path) as terminal:
        terminal.keys("\x1a")
        terminal.wait_for("Stopped")
        before = kept(tmp_path)
        terminal.keys("bg\n")
        while kept(tmp_path) <= before + 20:
            terminal.read()
        assert terminal.left_changed == []
        terminal.keys("fg\n")
        terminal.wait_for(lambda screen: done(screen) > before + 20)
        leave(terminal)


@pytest.mark.slow
def test_a_dashboard_stopped_by_force_is_painted_anew_when_it_goes_on(tmp_path: Path) -> None:
    with dashboard_under_a_shell(tmp_path) as terminal:
        process = program(terminal)
        before = done(terminal.screen)
        os.kill(process, signal.SIGSTOP)
        terminal.wait_for("Stopped")
        terminal.keys("fg\n")
        terminal.wait_for(lambda screen: done(screen) > before)
        leave(terminal)


@pytest.mark.slow
def test_where_no_shell_looks_after_it_ctrl_z_does_not_freeze_the_run(tmp_path: Path) -> None:
    """A stopped process that nobody can continue would be lost."""
    with Terminal("demo", "--limit", 3000, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        terminal.wait_for(lambda screen: done(screen) > 0)
        terminal.keys("\x1a")
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            terminal.read()
        before = done(terminal.screen)
        terminal.wait_for(lambda screen: done(screen) > before)
        terminal.stop_run()
        assert terminal.wait() == 0
        assert terminal.is_clean
