"""`--detach`: the run has begun, and goes on where nobody looks."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.commands import Pause, Resume, SetConcurrency
from llmdash.engine.model.states import RunState
from llmdash.engine.model.view import View
from llmdash.remote.client import RemoteSession
from tests.cli.canaries import Lair
from tests.cli.command import environment, llmdash, prompts, results
from tests.cli.faulty import faulty
from tests.cli.terminal import Terminal, engines, wait_for_end
from tests.simulated import Simulated
from tests.waiting import first, wait_for

Simulator = Callable[..., Simulated]
RUN = ("run", "p.txt", "--rate", "unlimited", "--run-dir", "kept")


def test_a_detached_run_goes_on_to_its_results_after_the_command_has_returned(
    home: Path, simulator: Simulator
) -> None:
    prompts(home, 20)
    server = simulator(latency=0.3)
    env = environment(home, server)
    ended = llmdash(*RUN, "--detach", "--out", "r.csv", cwd=home, env=env)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        f"Run kept in {home / 'kept'}\nThe run goes on. Watch it again with: llmdash attach {home / 'kept'}\n"
    )
    assert engines(str(home)), "it goes on"
    wait_for_end(home)
    assert len((home / "r.csv").read_text().splitlines()) == 21
    assert server.stats()["requests"] == 20


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_a_file_of_results_is_that_of_one_run_until_it_ends(
    home: Path, simulator: Simulator, name: str
) -> None:
    prompts(home, 30)
    server = simulator(latency=1.0)
    env = environment(home, server)
    first_run = (*RUN, "--concurrency", "1", "--detach", "--out", name)
    assert llmdash(*first_run, cwd=home, env=env).code == 0
    viewer = RemoteSession.attach(home / "kept")
    viewer.command(Pause())  # so that it goes on however long the others take
    wait_for(lambda: viewer.frame(View()).run.state is RunState.PAUSED)
    for asked in (("--overwrite",), ("--overwrite", "--detach"), ()):
        second = ("run", "p.txt", "--run-dir", "second", "--out", name, *asked)
        refused = llmdash(*second, cwd=home, env=env)
        assert refused.code == 2
        assert f"{name}: " in refused.err
        assert "writes its results to it; name another file" in refused.err
        assert not (home / "second").exists()
    viewer.command(SetConcurrency(30))
    viewer.command(Resume())
    viewer.close()
    wait_for_end(home)
    assert server.stats()["requests"] == 30
    again = llmdash(*second, "--overwrite", cwd=home, env=env)
    assert again.code == 0


def test_scripts_are_told_where_a_detached_run_is(home: Path, simulator: Simulator) -> None:
    prompts(home, 3)
    env = environment(home, simulator(latency=0.2))
    ended = llmdash("run", "p.txt", "--detach", "--json", cwd=home, env=env)
    told = json.loads(ended.out)
    assert sorted(told) == ["dir", "pid", "run"]
    assert engines(str(home)) == [told["pid"]]
    assert Path(told["dir"]).name == told["run"]
    wait_for_end(home)
    assert len(list(JournalReader(Path(told["dir"])).results())) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("run", "missing.txt"), 2, "missing.txt"),
        (("run", "bad.jsonl", "--strict"), 2, "--strict"),
        (("run", "p.txt", "--out", "r.xyz"), 2, "r.xyz"),
        (("run", "p.txt", "--rate", "fast"), 2, "fast"),
        (("run", "--resume", "--run-dir", "none"), 2, "none"),
        (("run", "p.txt", "--headless"), 2, "--headless"),
        (("run", "p.txt", "--out", "/dev/stdout"), 2, "/dev/stdout"),
    ],
)
def test_what_cannot_start_is_refused_as_it_is_without_detach(
    home: Path, simulator: Simulator, arguments: tuple[str, ...], code: int, words: str
) -> None:
    prompts(home, 1)
    (home / "bad.jsonl").write_text('{"prompt": "1"}\n{"prom\n')
    env = environment(home, simulator())
    refused = llmdash(*arguments, "--detach", cwd=home, env=env)
    assert refused.code == code
    assert refused.out == ""
    assert refused.err.splitlines()[-1].startswith("llmdash: ")
    assert words in refused.err
    if "--headless" not in arguments and "/dev/stdout" not in arguments:
        assert llmdash(*arguments, "--headless", cwd=home, env=env).err == refused.err
    assert not engines(str(home))


def test_a_run_that_goes_on_elsewhere_is_locked(home: Path, simulator: Simulator) -> None:
    prompts(home, 1)
    env = environment(home, simulator(latency=60.0))
    assert llmdash(*RUN, "--detach", cwd=home, env=env).code == 0
    refused = llmdash("run", "--resume", "--run-dir", "kept", "--detach", cwd=home, env=env)
    assert refused.code == 6
    assert str(engines(str(home))[0]) in refused.err


def test_standard_input_is_read_before_the_command_returns(home: Path, simulator: Simulator) -> None:
    env = environment(home, simulator(latency=0.1))
    arguments = ("run", "-", "--detach", "--run-dir", "kept", "--out", "r.jsonl")
    assert llmdash(*arguments, cwd=home, env=env, given="1 + 1\n2 + 2\n").code == 0
    wait_for_end(home)
    assert len(results(home / "r.jsonl")) == 2


def test_a_command_that_is_killed_before_the_run_is_ready_takes_the_run_with_it(
    home: Path, simulator: Simulator
) -> None:
    server = simulator()
    line = [sys.executable, "-m", "llmdash", "run", "-", "--detach", "--run-dir", "kept"]
    process = subprocess.Popen(line, cwd=home, env=environment(home, server), stdin=subprocess.PIPE)
    with process:
        wait_for(lambda: engines(str(home)))
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.write(b"1 + 1\n")
    wait_for_end(home)
    assert server.stats()["requests"] == 0


@pytest.mark.parametrize("numbers", [(signal.SIGTERM,), (signal.SIGINT,)])
def test_a_signal_ends_an_engine_once_what_is_in_flight_has_ended(
    home: Path, simulator: Simulator, numbers: tuple[signal.Signals, ...]
) -> None:
    prompts(home, 50)
    server = simulator(latency=0.5)
    llmdash(*RUN, "--concurrency", 5, "--detach", cwd=home, env=environment(home, server))
    wait_for(lambda: server.stats()["requests"] >= 5)
    [engine] = engines(str(home))
    for number in numbers:
        os.kill(engine, number)
    wait_for_end(home)
    answered = len(list(JournalReader(home / "kept").results()))
    assert answered == server.stats()["requests"] < 50
    assert JournalReader(home / "kept").sums.count_unknown() == 0


def test_a_second_signal_ends_an_engine_at_once_and_a_closed_terminal_does_not(
    home: Path, simulator: Simulator
) -> None:
    prompts(home, 2)
    server = simulator(latency=60.0)
    env = environment(home, server)
    llmdash(*RUN, "--detach", cwd=home, env=env)
    wait_for(lambda: server.stats()["requests"] == 2)
    [engine] = engines(str(home))
    os.kill(engine, signal.SIGHUP)
    os.kill(engine, signal.SIGTERM)
    status = ("ctl", "kept", "status")  # two signals at once may be one
    first(lambda: llmdash(*status, cwd=home, env=env), lambda seen: "draining" in seen.out, "the drain")
    os.kill(engine, signal.SIGTERM)
    wait_for_end(home)
    assert list(JournalReader(home / "kept").results()) == []


def test_a_run_that_waits_for_its_user_waits_where_nobody_looks_too(home: Path) -> None:
    prompts(home, 3)
    with faulty("--faults", "401", "--share", 1) as root:
        env = environment(home, OPENAI_API_KEY="sk-one", OPENAI_BASE_URL=f"{root}/v1")
        llmdash(*RUN, "--detach", cwd=home, env=env)
        [engine] = engines(str(home))
        with Terminal("attach", "kept", cwd=home, env=environment(home)) as terminal:
            terminal.wait_for("no usable key")
            terminal.keys("q")
            terminal.wait_for("Leave the run?")
            terminal.keys("l")
            assert terminal.wait() == 0
            assert engines(str(home)) == [engine]


def test_a_key_added_meanwhile_joins_a_detached_run(home: Path, simulator: Simulator) -> None:
    server = simulator(latency=0.2, keys=("sim-a", "sim-b"))
    prompts(home, 200)
    (home / ".env").write_text(f"API_KEY=sim-a\nBASE_URL={server.base_url}\n")
    llmdash("run", "p.txt", "--rate", "20/s", "--detach", cwd=home, env=environment(home))
    wait_for(lambda: server.stats()["requests"] > 1)
    (home / ".env").write_text(f"API_KEY=sim-a,sim-b\nBASE_URL={server.base_url}\n")
    wait_for(lambda: server.stats()["by_key"].get("sim-b", {}).get("ok", 0) > 0, "the key")


def test_keys_are_in_no_environment_command_line_or_file_of_a_run_that_goes_on(
    home: Path, simulator: Simulator
) -> None:
    server = simulator(latency=0.2)
    for given in ("environment", "file"):
        (folder := home / given).mkdir()
        lair = Lair(folder, server.base_url)
        more = {"OTHER_TOKEN": lair.keys[0], "PYTHON_KEY": lair.keys[1], "LC_KEYS": lair.keys[0]}
        if given == "environment":
            (lair.work / ".env").unlink()
            more |= {"OPENAI_API_KEY": ",".join(lair.keys), "OPENAI_BASE_URL": server.base_url}
        lair.run("run", "sums.txt", "--detach", "--run-dir", "kept", **more)
        [engine] = engines(str(lair.home))
        for name in ("environ", "cmdline"):
            lair.look(name, Path(f"/proc/{engine}/{name}").read_bytes())
        os.kill(engine, signal.SIGQUIT)
        wait_for_end(lair.home)
        assert lair.search_files() > 1
        assert lair.leaks == []


def test_a_crash_of_an_engine_is_reported_in_a_file_of_its_user(home: Path) -> None:
    (home / ".env").write_text("API_KEY=sk-canary-0123456789abcdef\n")
    broken = Path(__file__).with_name("broken.py")
    with Terminal(
        cwd=home, env=environment(home), command=(sys.executable, str(broken), "engine", "20")
    ) as terminal:
        assert terminal.wait() == 1
    report = home / "kept" / "crash.txt"
    assert "RuntimeError: broken on purpose; Authorization: Bearer sk-...cdef" in report.read_text()
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
