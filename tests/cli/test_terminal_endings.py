"""However the dashboard ends, the terminal is left as it was, and the exit code says how it went."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from llmdash.engine.journal.reader import JournalReader
from tests.cli.command import environment
from tests.cli.faulty import faulty
from tests.cli.terminal import Terminal
from tests.cli.test_terminal import done
from tests.simulated import Simulated

BROKEN = Path(__file__).with_name("broken.py")

ENDINGS: dict[str, tuple[Callable[[Terminal], None], int]] = {
    "q": (lambda terminal: terminal.stop_run(), 0),
    "Ctrl-C": (lambda terminal: terminal.keys("\x03"), 130),
    "INT": (lambda terminal: terminal.signal(signal.SIGINT), 130),
    "TERM": (lambda terminal: terminal.signal(signal.SIGTERM), 143),
    "HUP": (lambda terminal: terminal.signal(signal.SIGHUP), 129),
    "QUIT": (lambda terminal: terminal.signal(signal.SIGQUIT), 131),
}


def end(folder: Path, how: str) -> tuple[int, list[str]]:
    """The exit code, and what is left changed in the terminal."""
    act, _ = ENDINGS[how]
    arguments = ("demo", "--limit", 40, "--rate", "50/s")
    with Terminal(*arguments, cwd=folder, env=environment(folder), modern=True) as terminal:
        terminal.wait_for(lambda screen: done(screen) > 0)
        assert b"?1016h" in terminal.raw, "the terminal told what it can do, and it was used"
        act(terminal)
        return terminal.wait(), terminal.left_changed


def crash(folder: Path, part: str) -> Terminal:
    """A dashboard that broke in one of its parts, after it was shown."""
    command = (sys.executable, str(BROKEN), part, "20")
    with Terminal(cwd=folder, env=environment(folder), command=command, modern=True) as terminal:
        terminal.wait()
        assert terminal.left_changed == []
        assert "llmdash stopped because of a fault of its own" in terminal.screen
        assert "--resume --run-dir" in terminal.screen.replace("\n", "")
    return terminal


@pytest.mark.parametrize("how", ["INT", "QUIT"])
def test_the_terminal_is_left_as_it_was_with_the_right_exit_code(tmp_path: Path, how: str) -> None:
    assert end(tmp_path, how) == (ENDINGS[how][1], [])


@pytest.mark.case("files", "compare-signals")
@pytest.mark.parametrize("how", list(ENDINGS))
def test_a_comparison_gives_the_terminal_back_too(tmp_path: Path, how: str) -> None:
    act, code = ENDINGS[how]
    arguments = ("compare", "--simulate", "--latency", 0.2, "--limit", 60)
    with Terminal(*arguments, cwd=tmp_path, env=environment(tmp_path), modern=True) as terminal:
        terminal.wait_for(lambda screen: done(screen) > 0)
        act(terminal)
        assert (terminal.wait(), terminal.left_changed) == (code, [])


@pytest.mark.case("files", "compare-signals")
@pytest.mark.parametrize(
    ("first", "second", "code"), [("TERM", "INT", 143), ("INT", "TERM", 130), ("INT", "QUIT", 130)]
)
def test_a_second_signal_ends_a_comparison_that_waits_for_what_is_in_flight(
    tmp_path: Path, first: str, second: str, code: int
) -> None:
    arguments = ("compare", "--simulate", "--latency", 60, "--limit", 6)
    with Terminal(*arguments, cwd=tmp_path, env=environment(tmp_path), modern=True) as terminal:
        terminal.wait_for("1 in flight")
        ENDINGS[first][0](terminal)
        terminal.wait_for("Waiting for 1 request in flight")
        assert terminal.left_changed == [], "before the wait"
        ENDINGS[second][0](terminal)
        assert (terminal.wait(), terminal.left_changed) == (code, [])


@pytest.mark.parametrize("part", ["ui", "engine"])
def test_a_fault_of_the_program_is_told_and_leaves_the_terminal_as_it_was(tmp_path: Path, part: str) -> None:
    assert crash(tmp_path, part).process.returncode == 1
    if part == "ui":
        assert all(result.state == "done" for result in JournalReader(tmp_path / "kept").results())


@pytest.mark.slow
@pytest.mark.parametrize("how", [*ENDINGS, "ui", "engine"])
def test_twenty_times_over_the_terminal_is_left_as_it_was(tmp_path: Path, how: str) -> None:
    codes, changed = [], []
    for number in range(20):
        (folder := tmp_path / str(number)).mkdir()
        if how in ENDINGS:
            code, left = end(folder, how)
        else:
            code, left = crash(folder, how).process.returncode, []
        codes.append(code)
        changed += left
    wanted = ENDINGS[how][1] if how in ENDINGS else 1
    print(f"{how}: exit codes {sorted(set(codes))}, terminals left changed {len(changed)}")
    assert codes == [wanted] * 20
    assert not changed


def test_a_run_whose_jobs_all_ended_and_some_failed_is_left_with_exit_code_3(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("2 + 2\n2 + 3\n")
    with faulty("--faults", "400", "--share", 1) as root:
        env = environment(tmp_path, OPENAI_API_KEY="sk-one", OPENAI_BASE_URL=f"{root}/v1")
        with Terminal("run", "prompts.txt", cwd=tmp_path, env=env) as terminal:
            terminal.wait_for("2 failed")
            terminal.stop_run()
            assert terminal.wait() == 3
            assert terminal.is_clean


def test_a_second_signal_does_not_wait_for_what_is_in_flight(
    tmp_path: Path, simulator: Callable[..., Simulated]
) -> None:
    (tmp_path / "prompts.txt").write_text("Why?\n")
    env = environment(tmp_path, simulator(latency=60.0))
    with Terminal("run", "prompts.txt", cwd=tmp_path, env=env) as terminal:
        terminal.wait_for("1 in flight")
        terminal.signal(signal.SIGTERM)
        terminal.wait_for("Waiting for 1 request in flight")
        assert terminal.is_clean, "before the wait"
        terminal.signal(signal.SIGINT)
        assert terminal.wait() == 143
        assert "--resume" in terminal.screen
