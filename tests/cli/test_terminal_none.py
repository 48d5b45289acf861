"""A terminal that is none, one that is wrong about itself, and a screen that does not obey: signals do."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from llmdash.engine.journal.reader import JournalReader
from tests.cli.command import environment
from tests.cli.terminal import Terminal, engines
from tests.cli.test_terminal import done
from tests.cli.test_terminal_endings import BROKEN
from tests.simulated import Simulated
from tests.waiting import wait_for

DEMO = ("demo", "--limit", 40, "--rate", "50/s", "--run-dir", "kept")
SIZES = [(0, 0), (0, 36), (120, 0)]
PROMPT_S = 20.0
"""What "at once" may take on a busy machine, far below any wait for what is in flight."""


def is_headless(terminal: Terminal) -> bool:
    """True if nothing of what a dashboard switches on was switched on."""
    return b"\x1b[?1049h" not in terminal.raw and not terminal.left_changed


def ends_at_once(terminal: Terminal, *numbers: signal.Signals) -> int:
    """Send signals, and give the exit code."""
    for number in numbers:
        terminal.signal(number)
        wait_for(lambda number=number: not is_pending(terminal.process.pid, number))  # type: ignore[misc]
        time.sleep(0.2)
    began = time.monotonic()
    code = terminal.wait()
    assert time.monotonic() - began < PROMPT_S
    return code


def is_pending(process: int, number: signal.Signals) -> bool:
    """True while a signal has not reached its process: the same would be lost, another might overtake it."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
    masks = re.findall(r"^S\w+Pnd:\t(\w+)", status, re.MULTILINE)
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


@pytest.mark.case("files", "no-size")
@pytest.mark.parametrize("size", SIZES)
def test_a_terminal_that_tells_no_size_gets_lines_and_the_run_its_results(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    with Terminal(*DEMO, cwd=tmp_path, env=environment(tmp_path), reports=size) as terminal:
        assert terminal.wait() in (0, 3)
        assert is_headless(terminal)
        assert "done" in terminal.screen
    assert len(list(JournalReader(tmp_path / "kept").results())) == 40


@pytest.mark.case("files", "dumb")
@pytest.mark.parametrize(
    ("name", "size"),
    [("dumb", (120, 36)), ("dumb", (0, 0)), ("DUMB", (120, 36)), ("unknown", (0, 0))],
)
def test_a_terminal_that_cannot_move_its_cursor_gets_lines(
    tmp_path: Path, name: str, size: tuple[int, int]
) -> None:
    env = environment(tmp_path, TERM=name)
    with Terminal(*DEMO, cwd=tmp_path, env=env, reports=size) as terminal:
        assert terminal.wait() in (0, 3)
        assert is_headless(terminal)
        assert b"\x1b[" not in terminal.raw, "lines, not a bar"


@pytest.mark.case("files", "closed-streams")
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)])
def test_a_closed_standard_stream_is_no_terminal_and_no_fault(
    tmp_path: Path, closed: tuple[int, ...]
) -> None:
    """Files that are opened later must not take the place of the stream either."""
    arguments = (*DEMO, "--out", "out.jsonl")
    with Terminal(*arguments, cwd=tmp_path, env=environment(tmp_path), closed=closed) as terminal:
        assert terminal.wait() in (0, 3)
        assert is_headless(terminal)
        assert "fault of its own" not in terminal.screen
    assert len(list(JournalReader(tmp_path / "kept").results())) == 40
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 40


NO_TERMINALS: dict[str, tuple[dict[str, str], tuple[int, int] | None, tuple[int, ...]]] = {
    "no-size": ({}, (0, 0), ()),
    "dumb": ({"TERM": "dumb"}, None, ()),
    "closed-streams": ({}, None, (0,)),
}


@pytest.mark.case("files", "no-size")
@pytest.mark.case("files", "dumb")
@pytest.mark.case("files", "closed-streams")
@pytest.mark.parametrize(
    ("kind", "numbers", "code"),
    [
        *((kind, (signal.SIGINT, signal.SIGINT), 130) for kind in NO_TERMINALS),
        ("dumb", (signal.SIGTERM, signal.SIGINT), 143),
        ("closed-streams", (signal.SIGQUIT,), 131),
    ],
)
def test_signals_end_a_run_without_a_terminal_that_has_work_in_flight(
    tmp_path: Path,
    simulator: Callable[..., Simulated],
    kind: str,
    numbers: Sequence[signal.Signals],
    code: int,
) -> None:
    server = simulator(latency=60.0)
    (tmp_path / "prompts.txt").write_text("Why?\n")
    more, reports, closed = NO_TERMINALS[kind]
    env = environment(tmp_path, server, **more)
    arguments = ("run", "prompts.txt")
    with Terminal(*arguments, cwd=tmp_path, env=env, reports=reports, closed=closed) as terminal:
        while not server.stats()["requests"]:
            terminal.read()
        assert ends_at_once(terminal, *numbers) == code
        assert terminal.left_changed == []


@pytest.mark.case("files", "no-size")
def test_a_hangup_lets_a_run_without_a_terminal_go_on(tmp_path: Path) -> None:
    with Terminal(*DEMO, cwd=tmp_path, env=environment(tmp_path), reports=(0, 0)) as terminal:
        terminal.wait_for("in flight")
        terminal.hang_up()
        code = terminal.wait_without_reading()
    assert code == 128 + signal.SIGHUP
    assert len(list(JournalReader(tmp_path / "kept").results())) == 40


@pytest.mark.parametrize("size", [(0, 0), (65535, 65535), (1, 1)])
def test_a_dashboard_outlives_a_size_that_is_wrong(tmp_path: Path, size: tuple[int, int]) -> None:
    with Terminal("demo", "--limit", 3000, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        terminal.wait_for(lambda screen: done(screen) > 0)
        terminal.report(*size)
        terminal.read(1.0)
        terminal.report(120, 36)
        before = done(terminal.screen)
        terminal.wait_for(lambda screen: done(screen) > before)
        terminal.stop_run()
        assert terminal.wait() == 0
        assert terminal.left_changed == []


def test_a_terminal_as_large_as_can_be_told_is_drawn_on_in_part(tmp_path: Path) -> None:
    env = environment(tmp_path)
    with Terminal("demo", "--limit", 3000, cwd=tmp_path, env=env, reports=(65535, 65535)) as terminal:
        terminal.wait_for("● done")  # the header is drawn over: there are fewer rows than were told
        assert ends_at_once(terminal, signal.SIGQUIT) == 131
        assert terminal.left_changed == []


@pytest.mark.parametrize("name", ["", "no-such-terminal"])
def test_a_terminal_with_a_name_nobody_knows_has_a_dashboard(tmp_path: Path, name: str) -> None:
    env = environment(tmp_path, TERM=name)
    with Terminal("demo", "--limit", 3000, cwd=tmp_path, env=env) as terminal:
        terminal.wait_for(lambda screen: done(screen) > 0)
        assert ends_at_once(terminal, signal.SIGQUIT) == 131
        assert terminal.left_changed == []


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ((signal.SIGINT, signal.SIGTERM), 130),
        ((signal.SIGTERM, signal.SIGINT), 143),
        ((signal.SIGQUIT,), 131),
    ],
)
def test_signals_end_a_program_whose_screen_never_returns(
    tmp_path: Path, numbers: Sequence[signal.Signals], code: int
) -> None:
    command = (sys.executable, str(BROKEN), "stuck", "20")
    with Terminal(cwd=tmp_path, env=environment(tmp_path), command=command, modern=True) as terminal:
        terminal.wait_for(lambda _: (tmp_path / "stuck").exists())
        assert ends_at_once(terminal, *numbers) == code
        assert terminal.left_changed == []
        assert "--resume --run-dir" in terminal.screen.replace("\n", "")
        assert "Traceback" not in terminal.screen
    assert all(result.state == "done" for result in JournalReader(tmp_path / "kept").results())


def test_a_hangup_lets_the_run_of_a_screen_that_never_returns_go_on(tmp_path: Path) -> None:
    command = (sys.executable, str(BROKEN), "stuck", "20", "60")
    with Terminal(cwd=tmp_path, env=environment(tmp_path), command=command) as terminal:
        terminal.wait_for(lambda _: (tmp_path / "stuck").exists())
        terminal.signal(signal.SIGHUP)
        assert terminal.wait() == 128 + signal.SIGHUP
        assert terminal.left_changed == []
        wait_for(lambda: not engines(str(tmp_path)), "the end of the run")
    assert len(list(JournalReader(tmp_path / "kept").results())) == 60
