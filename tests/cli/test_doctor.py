"""`llmdash doctor` from outside: what it says, what it ends with, and a terminal it makes usable again."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Ended, environment, llmdash, results, start
from tests.cli.terminal import Terminal
from tests.simulated import Simulated
from tests.waiting import wait_for

Simulator = Callable[..., Simulated]
HEADLESS = ("--headless", "--json", "--out", "results.jsonl", "--run-dir", "kept", "--rate", "unlimited")


@pytest.fixture
def killed(simulator: Simulator, tmp_path: Path) -> Callable[[], Ended]:
    """A run of 300 jobs in `kept` that was ended by `kill -9`; gives a way to resume it."""
    endpoint = simulator(answers=150)
    env = environment(tmp_path, endpoint)
    (tmp_path / "sums.toml").write_text('task = "arithmetic"\n[arithmetic]\ncount = 300\nseed = 5\n')
    with start("run", "sums.toml", *HEADLESS, cwd=tmp_path, env=env) as run:
        wait_for(lambda: endpoint.stats()["requests"] > 150)
        run.kill()
        run.communicate()
    endpoint.let_go()
    return lambda: llmdash("run", "sums.toml", *HEADLESS, "--resume", cwd=tmp_path, env=env)


def doctor(folder: Path, *arguments: object) -> Ended:
    return llmdash("doctor", *arguments, cwd=folder, env=environment(folder))


def summary(ended: Ended) -> dict[str, Any]:
    return ended.summary


def sql(folder: Path, statement: str) -> int:
    """The number that the journal answers."""
    with closing(sqlite3.connect(folder / "journal.sqlite", isolation_level=None)) as db:
        row = db.execute(statement).fetchone()
    return int(row[0]) if row else 0


def test_a_killed_run_is_sound_and_the_doctor_tells_how_to_go_on(
    tmp_path: Path, killed: Callable[[], Ended]
) -> None:
    before = {path.name: path.read_bytes() for path in (tmp_path / "kept").iterdir()}
    first = doctor(tmp_path, "kept")
    assert (first.code, first.err) == (0, "")
    told = re.search(r"warning\s+rows: (\d+) requests? w\w+ in flight when the run last ended", first.out)
    assert told
    assert "llmdash doctor kept --repair" in first.out
    after = {path.name: path.read_bytes() for path in (tmp_path / "kept").iterdir()}
    assert {**after, "journal.sqlite-shm": b""} == {**before, "journal.sqlite-shm": b""}

    repaired = doctor(tmp_path, "kept", "--repair", "--json")
    assert repaired.code == 0
    assert repaired.summary["problems"] == repaired.summary["warnings"] == 0
    assert repaired.summary["possibly_paid_twice"] == int(told[1])

    ended = killed()
    assert (ended.code, ended.summary["done"]) == (0, 300)
    assert f"{told[1]} requests of earlier starts" in ended.out
    assert doctor(tmp_path, "kept", "--json").summary["done"] == 300


def test_a_damaged_journal_is_refused_by_a_resume_and_works_again_after_a_repair(
    tmp_path: Path, killed: Callable[[], Ended]
) -> None:
    assert killed().code == 0
    path = tmp_path / "kept" / "journal.sqlite"
    sql(tmp_path / "kept", "PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    half = len(whole) // 8192 * 4096
    path.write_bytes(whole[:half] + os.urandom(4096) + whole[half + 4096 :])
    assert killed().code != 0

    found = doctor(tmp_path, "kept")
    assert found.code == 7
    assert re.search(r"problem\s+journal: damaged", found.out)
    repaired = doctor(tmp_path, "kept", "--repair")
    assert repaired.code == 0, repaired.out
    assert "what could be read is in a new one" in repaired.out
    again = doctor(tmp_path, "kept", "--repair", "--json")
    assert (again.code, again.summary["repaired"]) == (0, 0)
    assert again.summary["done"] > 200

    assert killed().code == 0
    assert [line["index"] for line in results(tmp_path / "results.jsonl")] == list(range(300))


def test_results_can_be_had_of_a_run_that_can_no_longer_be_resumed(
    tmp_path: Path, killed: Callable[[], Ended]
) -> None:
    (tmp_path / "sums.toml").write_text('task = "arithmetic"\n[arithmetic]\ncount = 300\nseed = 6\n')
    assert killed().code == 2
    ended = doctor(tmp_path, "kept", "--out", "saved.jsonl")
    assert ended.code == 7
    assert "not what the run was begun with" in ended.out
    done = sql(tmp_path / "kept", "SELECT COUNT(*) FROM results")
    assert len(results(tmp_path / "saved.jsonl")) == done > 0


def test_a_run_that_is_worked_on_is_only_looked_at(simulator: Simulator, tmp_path: Path) -> None:
    endpoint = simulator(answers=50)
    (tmp_path / "p.txt").write_text("\n".join(f"What is {n} + 1?" for n in range(400)))
    env = environment(tmp_path, endpoint)
    with start("run", "p.txt", *HEADLESS, cwd=tmp_path, env=env) as run:
        wait_for(lambda: endpoint.stats()["requests"] >= 70)
        looked = doctor(tmp_path, "kept")
        refused = doctor(tmp_path, "kept", "--repair")
        run.kill()
        run.communicate()
    assert looked.code == 0
    assert f"process {run.pid} works on this run" in looked.out
    assert "warning" not in looked.out
    assert refused.code == 6
    assert str(run.pid) in refused.err


def test_without_a_folder_the_newest_run_is_looked_at_and_all_get_a_line_each(
    simulator: Simulator, tmp_path: Path
) -> None:
    env = environment(tmp_path, simulator())
    assert doctor(tmp_path).code == 2
    (tmp_path / "p.txt").write_text("one\ntwo\nthree\n")
    for count in (2, 3):
        llmdash("run", "p.txt", "--limit", count, "--headless", cwd=tmp_path, env=env)
    newest = doctor(tmp_path)
    assert (newest.code, newest.err) == (0, "")
    assert "The newest run: " in newest.out
    assert "3 jobs: 3 done" in newest.out
    listed = doctor(tmp_path, "--all")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["ok", "ok"]
    as_json = doctor(tmp_path, "--all", "--json").out.splitlines()
    totals = [json.loads(line) for line in as_json if '"summary"' in line]
    assert [each["done"] for each in totals] == [3, 2]


@pytest.mark.parametrize(
    "arguments",
    [("nowhere",), ("--terminal",), ("--terminal", "--all"), (".", "--all"), ("--all", "--out", "x.csv")],
)
def test_a_wrong_call_is_told_in_one_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = doctor(tmp_path, *arguments)
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1


# The byte 030 ends a sequence that the kill may have cut off, which the screen of this test would trip over.
SHELL = """
import subprocess, sys
program = [sys.executable, "-m", "llmdash"]
dashboard = subprocess.Popen([*program, "demo", "--limit", "300", "--rate", "50/s", "--run-dir", "kept"])
open("dashboard.pid", "w").write(str(dashboard.pid))
dashboard.wait()
print("\\030\\nthe dashboard ended", flush=True)
sys.stdin.readline()
ended = subprocess.run([*program, *sys.argv[1:]])
print("the doctor ended:", ended.returncode, flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("arguments", [("doctor", "--terminal"), ("doctor", "kept")], ids=" ".join)
def test_a_terminal_that_a_killed_dashboard_left_raw_is_usable_again(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    where: Any = {"cwd": tmp_path, "env": environment(tmp_path), "modern": True}
    with Terminal("-c", SHELL, *arguments, command=(sys.executable,), **where) as terminal:
        terminal.wait_for(" done")
        os.kill(int((tmp_path / "dashboard.pid").read_text()), signal.SIGKILL)
        terminal.wait_for("the dashboard ended")
        assert len(terminal.left_changed) > 5
        terminal.keys("\n")
        terminal.wait_for("the doctor ended: 0")
        assert terminal.left_changed == []
