"""`llmdash attach`: a run is left and come back to, by one viewer or several, and does not notice."""

from __future__ import annotations

import os
import random
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from llmdash.engine.journal.reader import JournalReader
from tests.cli.command import environment, llmdash, prompts, results
from tests.cli.faulty import faulty
from tests.cli.terminal import Terminal, engines, wait_for_end
from tests.cli.test_terminal import done
from tests.recording import Body, Recorder
from tests.simulated import Simulated
from tests.waiting import PATIENCE_S, wait_for

Simulator = Callable[..., Simulated]


def asked(terminal: Terminal) -> None:
    """Press `q`, and see the question."""
    terminal.keys("q")
    terminal.wait_for("Leave the run?")


def read_to_their_end(*terminals: Terminal) -> tuple[Terminal, ...]:
    """Read all of them until their programs have ended: one that is not read is told nothing more."""
    while any(terminal.process.poll() is None for terminal in terminals):
        for terminal in terminals:
            terminal.take(0.01)
    return terminals


def assert_sent_once(server: Simulated, folder: Path, jobs: int) -> None:
    """Every prompt was sent once, and all that was sent is on record with its tokens."""
    prompts = Counter(str(request["body"]["messages"]) for request in server.requests())
    assert len(prompts) == jobs
    assert set(prompts.values()) == {1}
    reader = JournalReader(folder)
    assert sum(count for _, count in reader.sums.attempt_counts()) == server.stats()["requests"] == jobs
    assert reader.sums.count_unknown() == 0


def test_a_run_whose_terminal_is_closed_is_shown_again_in_another_and_nothing_is_sent_twice(
    home: Path, simulator: Simulator
) -> None:
    prompts(home, 160)
    server = simulator(latency=0.5, answers=60)
    env = environment(home, server)
    arguments = ("run", "p.txt", "--rate", "20/s", "--run-dir", "kept", "--out", "r.jsonl")
    with Terminal(*arguments, cwd=home, env=env) as first:
        first.wait_for(lambda screen: done(screen) > 5)
        [engine] = engines(str(home))
        first.hang_up()
        assert first.wait_without_reading() == 128 + signal.SIGHUP
        with Terminal("attach", "kept", cwd=home, env=environment(home)) as second:
            second.wait_for(lambda screen: done(screen) > 5)
            assert engines(str(home)) == [engine]
            second.keys("p")
            second.wait_for("paused")
            second.keys("p")
            server.let_go()
            second.wait_for(lambda screen: done(screen) == 160)
            second.keys("q")
            assert second.wait() == 0
            assert second.left_changed == []
        wait_for_end(home)
    assert_sent_once(server, home / "kept", 160)
    assert len(results(home / "r.jsonl")) == 160


def test_a_run_is_left_running_by_its_dashboard_and_stopped_by_another(home: Path) -> None:
    env = environment(home)
    with Terminal("demo", "--limit", 3000, cwd=home, env=env) as terminal:
        terminal.wait_for(lambda screen: done(screen) > 5)
        asked(terminal)
        terminal.keys("\x1b")
        terminal.wait_for(lambda screen: "Leave the run?" not in screen)
        asked(terminal)
        terminal.keys("l")
        assert terminal.wait() == 0
        assert terminal.left_changed == []
        command = re.findall(r"llmdash (attach \S+)", terminal.screen.replace("\n", ""))[-1]
        with Terminal("attach", cwd=home, env=env) as again:
            again.wait_for(lambda screen: done(screen) > 5)
            assert engines(str(home))
            asked(again)
            again.keys("\r")
            assert again.wait() == 0
            assert "Resume it with: llmdash run --resume" in again.screen.replace("\n", "")
        wait_for_end(home)
    refused = llmdash(*command.split(), cwd=home, env=env)
    assert refused.code == 2


def test_several_viewers_watch_and_leave_one_of_them_without_a_say(home: Path) -> None:
    env = environment(home)
    llmdash("demo", "--limit", 3000, "--detach", cwd=home, env=env)
    with (
        Terminal("attach", cwd=home, env=env) as one,
        Terminal("attach", "--read-only", cwd=home, env=env) as other,
    ):
        for terminal in (one, other):
            terminal.wait_for(lambda screen: done(screen) > 0)
        other.keys("p")
        other.wait_for("read-only")
        one.keys("p")
        for terminal in (one, other):
            terminal.wait_for("paused")
        other.keys("q")
        assert other.wait() == 0
        one.keys("p")
        one.wait_for("running")
        one.keys("\x03")
        assert one.wait() == 0
        assert "The run goes on" in one.screen
        assert engines(str(home))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_to_a_viewer_that_came_later_is_no_matter_of_the_run(
    home: Path, number: signal.Signals, code: int
) -> None:
    env = environment(home)
    llmdash("demo", "--limit", 3000, "--detach", cwd=home, env=env)
    with Terminal("attach", cwd=home, env=env) as terminal:
        terminal.wait_for(lambda screen: done(screen) > 0)
        terminal.signal(number)
        assert terminal.wait() == code
        assert terminal.left_changed == []
        assert engines(str(home))


def test_a_viewer_that_sees_the_run_end_has_its_exit_code(home: Path) -> None:
    prompts(home, 3)
    seen = threading.Event()

    def refuse(_: Body) -> tuple[int, Body]:
        seen.wait(PATIENCE_S)
        return 400, {"error": {"message": "no", "type": "invalid_request_error"}}

    with Recorder(refuse) as server:
        env = environment(home, OPENAI_API_KEY="sk-one", OPENAI_BASE_URL=f"{server.root}/v1")
        llmdash("run", "p.txt", "--detach", cwd=home, env=env)
        with Terminal("attach", cwd=home, env=env) as terminal:
            terminal.wait_for("3 in flight")
            seen.set()
            terminal.wait_for("3 failed")
            terminal.keys("q")
            assert terminal.wait() == 3
    wait_for_end(home)


def last_words(terminal: Terminal) -> str:
    """Read a terminal to its end, and return what it says of the run once the dashboard is gone."""
    terminal.wait()
    said = terminal.raw.rpartition(b"\x1b[?1049l")[2].decode()
    return re.sub(r"\x1b\[[0-9;?<>=]*[a-zA-Z]", "", said)


def test_every_viewer_of_a_run_says_the_same_of_its_end(home: Path) -> None:
    prompts(home, 3)
    with faulty("--faults", "400", "--share", 1, "--latency", 0.2) as root:
        env = environment(home, OPENAI_API_KEY="sk-one", OPENAI_BASE_URL=f"{root}/v1")
        arguments = ("run", "p.txt", "--run-dir", "kept", "--out", "r.jsonl")
        with Terminal(*arguments, cwd=home, env=env) as first:
            first.wait_for("3 failed")
            with (
                Terminal("attach", "kept", cwd=home, env=env) as early,
                Terminal("attach", "kept", cwd=home, env=env) as late,
            ):
                for terminal in (early, late):
                    terminal.wait_for("3 failed")
                early.keys("q")
                said = last_words(early)
                first.keys("q")
                assert last_words(first) == said
                wait_for_end(home)
                late.keys("q")
                assert last_words(late) == said
    assert "3 failed (request 3)" in said


def test_a_terminal_that_is_closed_while_a_stop_waits_changes_no_exit_code(
    home: Path, simulator: Simulator
) -> None:
    prompts(home, 3000)
    server = simulator(answers=10)
    with Terminal("run", "p.txt", cwd=home, env=environment(home, server)) as terminal:
        terminal.wait_for(lambda screen: done(screen) > 5)
        wait_for(lambda: server.stats()["requests"] > 10, "a request that is not answered")
        terminal.signal(signal.SIGTERM)
        terminal.wait_for("Waiting for")
        terminal.hang_up()
        server.let_go()
        assert terminal.wait_without_reading() == 143
        wait_for_end(home)


def is_at_start(screen: str) -> bool:
    """The first row of the table is shown."""
    return re.search(r" 1–[\d,]+ of ", screen) is not None


def is_at_end(screen: str) -> bool:
    """The last row of the table is shown, and not the first."""
    return re.search(r"–([\d,]+) of \1 ", screen) is not None and not is_at_start(screen)


@pytest.mark.parametrize(("end", "code"), [("stop", 0), ("term", 143)])
def test_who_reads_a_run_that_another_ends_goes_on_reading_and_leaves_when_he_likes(
    home: Path, end: str, code: int
) -> None:
    env = environment(home)
    with Terminal("demo", "--limit", 3000, "--run-dir", "kept", cwd=home, env=env) as first:
        first.wait_for(lambda screen: done(screen) > 40)
        with Terminal("attach", "kept", cwd=home, env=env) as second:
            second.wait_for(lambda screen: done(screen) > 40)
            [engine] = engines(str(home))
            if end == "term":
                os.kill(engine, signal.SIGTERM)
            else:
                assert llmdash("ctl", "kept", end, cwd=home, env=env).code == 0
            for terminal in (first, second):
                terminal.wait_for("stopped")
            wait_for_end(home)
            for terminal in (first, second):
                terminal.keys("\x1b[F")
                terminal.wait_for(is_at_end)
                terminal.keys("\x1b[H")
                terminal.wait_for(is_at_start)
                terminal.keys("\r")
                terminal.wait_for("Attempts")
                terminal.keys("\x1b")
                terminal.wait_for(lambda screen: "Attempts" not in screen)
            for terminal in (second, first):
                terminal.keys("q")
                assert terminal.wait() == code
                assert terminal.left_changed == []
                assert "Resume it with" in terminal.screen


def test_a_viewer_says_at_once_that_the_engine_was_killed_and_how_to_go_on(home: Path) -> None:
    env = environment(home)
    with Terminal("demo", "--limit", 3000, "--run-dir", "kept", cwd=home, env=env) as first:
        first.wait_for(lambda screen: done(screen) > 0)
        with Terminal("attach", "kept", cwd=home, env=env) as second:
            second.wait_for(lambda screen: done(screen) > 0)
            [engine] = engines(str(home))
            os.kill(engine, signal.SIGKILL)
            for terminal in read_to_their_end(first, second):
                assert terminal.wait() == 1
                assert terminal.left_changed == []
                assert "the engine of this run was killed" in terminal.screen
                assert "Resume it with: llmdash run --resume" in terminal.screen
    resumed = llmdash("run", "--resume", "--run-dir", "kept", "--limit", 3000, "--detach", cwd=home, env=env)
    assert resumed.code == 0


def test_a_crash_of_the_engine_is_told_to_every_viewer(home: Path) -> None:
    broken = str(Path(__file__).with_name("broken.py"))
    env, sign = environment(home), home / "break"
    with Terminal(cwd=home, env=env, command=(sys.executable, broken, "engine", str(sign))) as first:
        first.wait_for(lambda screen: done(screen) > 0)
        with Terminal("attach", "kept", cwd=home, env=env) as second:
            second.wait_for(lambda screen: done(screen) > 0)
            sign.touch()
            for terminal in read_to_their_end(first, second):
                assert terminal.wait() == 1
                assert terminal.left_changed == []
                assert "broken on purpose" in terminal.screen
                assert "--resume --run-dir" in terminal.screen.replace("\n", "")


def test_killed_viewers_are_no_matter_of_the_run(home: Path, simulator: Simulator) -> None:
    kills(home, simulator(latency=0.2), 4)


@pytest.mark.slow
def test_two_hundred_killed_viewers_touch_no_job(home: Path, simulator: Simulator) -> None:
    kills(home, simulator(latency=0.2), 200)


def kills(home: Path, server: Simulated, count: int) -> None:
    """Kill so many viewers, each at some moment of its life, while jobs run."""
    jobs = 100 * count
    prompts(home, jobs)
    env = environment(home, server)
    arguments = ("run", "p.txt", "--rate", "100/s", "--run-dir", "kept")
    assert llmdash(*arguments, "--detach", cwd=home, env=env).code == 0
    chance = random.Random(count)
    for _ in range(count):
        with Terminal("attach", "kept", cwd=home, env=env, ends_engines=False) as terminal:
            until = time.monotonic() + chance.uniform(0.2, 1.5)
            while time.monotonic() < until and terminal.process.poll() is None:
                terminal.read()
    wait_for(lambda: not engines(str(home)), "the end of the run", within_s=PATIENCE_S + jobs / 50)
    assert sum(count for _, count in JournalReader(home / "kept").sums.attempt_counts()) == jobs
    assert server.stats()["requests"] == jobs
    assert JournalReader(home / "kept").sums.count_unknown() == 0
