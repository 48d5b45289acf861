"""`llmdash ctl`: a run is steered from another process."""

from __future__ import annotations

import json
import math
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.model.commands import Command, Drain, Pause, Release, SetRate
from llmdash.engine.model.frame import AutoPart, Frame, Notice, RatePart, RunPart
from llmdash.engine.model.rows import BatchRow
from llmdash.engine.model.states import BatchState, RunState, Severity
from llmdash.launch.control import (
    ACTIONS,
    set_budget,
    set_concurrency,
    set_rate,
    status_line,
    status_of,
    steer,
)
from llmdash.remote.addresses import NotRunningError
from llmdash.sanitize import clean_line
from tests.cli.command import Ended, environment, llmdash, start
from tests.remote.made_up import MadeUpSession, served
from tests.simulated import Simulated
from tests.waiting import PATIENCE_S, wait_for

Simulator = Callable[..., Simulated]


@contextmanager
def run_at_work(home: Path, env: dict[str, str], jobs: int = 500) -> Iterator[subprocess.Popen[str]]:
    """A run in the folder `run`, once it listens."""
    (home / "p.txt").write_text("".join(f"{number} + 1\n" for number in range(jobs)))
    with start(
        "run", "p.txt", "--headless", "--json", "--run-dir", "run", "--rate", "10/s", cwd=home, env=env
    ) as process:
        wait_for((home / "run" / "engine.json").exists, "it to listen")
        yield process


def test_a_run_in_the_background_is_steered_and_stopped(tmp_path: Path, simulator: Simulator) -> None:
    env = environment(tmp_path, simulator(latency=0.3))

    def ctl(*arguments: object) -> Ended:
        ended = llmdash("ctl", "run", *arguments, cwd=tmp_path, env=env)
        assert (ended.code, ended.err) == (0, "")
        return ended

    with run_at_work(tmp_path, env) as process:
        assert "rate 10/s, concurrency 64" in ctl("status").out
        assert "rate 25/s" in ctl("rate", "25/s").out
        assert "concurrency 7" in ctl("concurrency", 7).out
        assert "rate 25/s at most, auto" in ctl("auto", "on").out
        assert json.loads(ctl("--json").out)["auto"]
        assert "auto" not in ctl("auto", "off").out
        assert "paused" in ctl("pause").out
        status = json.loads(ctl("status", "--json").out)
        assert (status["type"], status["state"], status["jobs"]) == ("summary", "paused", 500)
        assert (status["set_rate"], status["concurrency"]) == (25.0, 7)
        assert Path(status["run_dir"]) == tmp_path / "run"
        assert json.loads(ctl("rate", "unlimited", "--json").out)["set_rate"] is None
        assert "paused" not in ctl("resume").out
        ctl("retry-failed")
        assert "stopped" in ctl("stop").out
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        assert "resume it with: llmdash run --resume" in err
        assert json.loads(out.splitlines()[-1])["type"] == "summary"
    gone = llmdash("ctl", "run", "status", cwd=tmp_path, env=env)
    assert gone.code == 2
    assert (
        gone.err
        == "llmdash: run: no engine works on this run; go on with: llmdash run --resume --run-dir run\n"
    )


def test_a_run_is_drained(tmp_path: Path, simulator: Simulator) -> None:
    env = environment(tmp_path, simulator(latency=0.3))
    with run_at_work(tmp_path, env) as process:
        assert llmdash("ctl", "run", "drain", cwd=tmp_path, env=env).code == 0
        process.wait(PATIENCE_S)
        assert process.returncode == 0


def test_a_run_whose_engine_was_killed_is_named_with_the_way_to_go_on(
    tmp_path: Path, simulator: Simulator
) -> None:
    env = environment(tmp_path, simulator(latency=0.3))
    with run_at_work(tmp_path, env) as process:
        process.kill()
        process.wait()
        ended = llmdash("ctl", "run", "pause", cwd=tmp_path, env=env)
    assert (ended.code, ended.out) == (2, "")
    assert "llmdash run --resume --run-dir run" in ended.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("last", "status"), "no such run"),
        (("nowhere", "pause"), "no such run"),
        (("last", "rate"), "write it as: rate 20/s"),
        (("last", "concurrency"), "write it as: concurrency 64"),
        (("last", "pause", "5"), "pause takes no value"),
        (("last", "explode"), "explode"),
        (("last", "auto"), "write it as: auto on"),
        (("last", "auto", "perhaps"), "perhaps"),
        (("last",), "no such run"),
    ],
)
def test_what_cannot_be_asked_exits_with_2(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    ended = llmdash("ctl", *arguments, cwd=tmp_path, env=environment(tmp_path))
    assert ended.code == 2
    assert words in ended.err


class Obeying(MadeUpSession):
    """A session that does what it is asked, or not."""

    def __init__(self, **run: Any) -> None:
        super().__init__(lambda _view: self.now)
        self.now = Frame(run=RunPart(name="made up", jobs=9, **{"state": RunState.RUNNING, **run}))
        self.obeys = True

    def command(self, command: Command) -> None:
        super().command(command)
        match command:
            case _ if not self.obeys:
                return
            case Pause():
                self.now = Frame(run=RunPart(name="made up", state=RunState.PAUSED, jobs=9))
            case SetRate(rate):
                self.now = Frame(run=self.now.run, rate=RatePart(rate=rate))


def test_a_command_is_confirmed_by_a_frame() -> None:
    session = Obeying()
    with served(session) as (_, folder):
        outcome = steer(folder, ACTIONS["pause"])
        assert (outcome.confirmed, outcome.frame.run.state) == (True, RunState.PAUSED)
        assert steer(folder, set_rate(3.0)).frame.rate.rate == 3.0
        assert status_of(folder).rate.rate == 3.0
        assert steer(folder, ACTIONS["release"]).confirmed
    assert session.commands == [Pause(), SetRate(3.0), Release()]


@pytest.mark.parametrize("action", ["drain", "stop"])
def test_who_ends_a_run_is_told_that_its_batches_stay_out_and_how_to_come_back_to_them(action: str) -> None:
    class Leaving(Obeying):
        def command(self, command: Command) -> None:
            threading.Thread(target=server.close, args=(0,)).start()

    session = Leaving()
    states = (BatchState.OUT, BatchState.CLOSED, BatchState.CANCELLING, BatchState.PLANNED)
    rows = [BatchRow(number, state, "a") for number, state in enumerate(states, 1)]
    session.now = replace(session.now, batches=tuple(rows))
    with served(session) as (server, folder):
        (told,) = steer(folder, ACTIONS[action]).notices
        assert told == (
            f"2 batches stay with a provider; fetch them with: llmdash batches collect {folder}; "
            f"cancel them with: llmdash batches cancel {folder}"
        )


def test_a_command_without_an_effect_is_waited_for_only_so_long() -> None:
    session = Obeying()
    session.obeys = False
    with served(session) as (_, folder):
        for action in (ACTIONS["pause"], ACTIONS["stop"], set_concurrency(9)):
            assert not steer(folder, action, within_s=0.1).confirmed


def test_a_command_that_is_refused_is_reported_at_once_with_the_reason() -> None:
    class Refusing(Obeying):
        def command(self, command: Command) -> None:
            other = Notice(1, Severity.INFORMATION, "key a1f2 is back")
            why = Notice(2, Severity.WARNING, "no price is known for \x1bm", refused=True)
            self.now = replace(self.now, notices=(other, why))

    with served(Refusing()) as (_, folder):
        outcome = steer(folder, set_budget(5.0), within_s=math.inf)
    assert not outcome.confirmed
    assert outcome.refused == clean_line("no price is known for \x1bm")
    assert outcome.notices == ("note: key a1f2 is back",)


def test_a_budget_that_cannot_hold_is_refused_in_one_line(tmp_path: Path, simulator: Simulator) -> None:
    env = environment(tmp_path, simulator(latency=0.3))
    with run_at_work(tmp_path, env) as process:
        refused = llmdash("ctl", "run", "budget", "5", cwd=tmp_path, env=env)
        assert (refused.code, refused.out) == (1, "")
        [line] = refused.err.splitlines()
        assert line.startswith("llmdash: budget: no price is known for ")
        assert "add one to llmdash.toml" in line
        llmdash("ctl", "run", "stop", cwd=tmp_path, env=env)
        process.communicate(timeout=PATIENCE_S)


def test_retrying_what_has_not_failed_is_done_at_once() -> None:
    with served(Obeying(failed=0)) as (_, folder):
        assert steer(folder, ACTIONS["retry-failed"], within_s=0.0).confirmed


def test_a_run_that_ends_while_it_is_steered() -> None:
    """For a drain that is what was asked for; for a rate there is nothing left to set."""

    class Ending(Obeying):
        def command(self, command: Command) -> None:
            super().command(command)
            threading.Thread(target=server.close, args=(0,)).start()

    for action, ends in ((ACTIONS["drain"], True), (set_rate(3.0), False)):
        session = Ending()
        session.obeys = False
        with served(session) as (server, folder):
            if ends:
                assert steer(folder, action).confirmed
            else:
                with pytest.raises(NotRunningError, match="the run has ended meanwhile"):
                    steer(folder, action)
    assert Drain() == ACTIONS["drain"].command


def test_the_status_names_what_was_found_by_itself() -> None:
    auto = AutoPart(on=True, rate=4.0, at_once=23, why="429")
    line = status_line(Frame(rate=RatePart(20.0, concurrency=64, auto=auto)))
    assert line.endswith("rate 20/s at most, auto 4.0/s, concurrency 64 at most, auto 23")
    assert status_line(Frame(rate=RatePart(20.0, concurrency=64))).endswith("rate 20/s, concurrency 64")
