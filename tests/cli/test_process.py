"""What surrounds a process: names, folders, descriptors, and files that hold something already."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import Ended, environment, llmdash, prompts, results, start
from tests.cli.faulty import faulty
from tests.cli.terminal import Terminal
from tests.cli.test_terminal import done
from tests.simulated import Simulated
from tests.waiting import LONGEST_S

Simulator = Callable[..., Simulated]
NOT_UTF8 = os.fsdecode(b"caf\xe9")
RUN = ("run", "p.txt", "--headless", "--rate", "unlimited")


@pytest.fixture
def env(tmp_path: Path, simulator: Simulator) -> dict[str, str]:
    return environment(tmp_path, simulator())


# Names that are not UTF-8.


@pytest.mark.case("files", "name-not-utf8")
@pytest.mark.parametrize("form", [".txt", ".jsonl", ".csv"])
def test_input_folder_and_results_may_have_names_that_are_not_utf8(
    tmp_path: Path, env: dict[str, str], form: str
) -> None:
    given = tmp_path / f"{NOT_UTF8}{form}"
    given.write_text({".txt": "2 + 2\n", ".jsonl": '{"prompt": "2 + 2"}\n', ".csv": "prompt\n2 + 2\n"}[form])
    folder, out = f"run-{NOT_UTF8}", f"{NOT_UTF8}.out.jsonl"
    ended = llmdash("run", given.name, "--headless", "--run-dir", folder, "--out", out, cwd=tmp_path, env=env)
    assert (ended.code, len(ended.err.splitlines())) == (0, 0 if form == ".txt" else 1)  # how it is read
    assert len(results(tmp_path / out)) == 1
    again = llmdash("run", "--resume", "--headless", "--run-dir", folder, "--json", cwd=tmp_path, env=env)
    assert (again.code, again.summary["done"]) == (0, 1)
    assert again.summary["run_dir"] == str(tmp_path / folder)
    looked = llmdash("doctor", folder, cwd=tmp_path, env=env)
    assert (looked.code, "Sound." in looked.out) == (0, True)


@pytest.mark.case("files", "name-not-utf8")
def test_a_run_without_a_folder_is_found_again_by_a_name_that_is_not_utf8(
    tmp_path: Path, env: dict[str, str]
) -> None:
    given = prompts(tmp_path, name=f"{NOT_UTF8}.txt")
    assert llmdash("run", given, "--headless", cwd=tmp_path, env=env).code == 0
    assert llmdash("run", given, "--headless", "--resume", cwd=tmp_path, env=env).code == 0


@pytest.mark.case("files", "name-not-utf8")
def test_a_dashboard_and_a_comparison_run_over_a_name_that_is_not_utf8(
    tmp_path: Path, env: dict[str, str]
) -> None:
    given = prompts(tmp_path, name=f"{NOT_UTF8}.txt")
    with Terminal("run", given.name, cwd=tmp_path, env=env) as terminal:
        terminal.wait_for(lambda screen: done(screen) == 3)
        terminal.stop_run()
        assert terminal.wait() == 0
    compared = llmdash(
        "compare", given.name, "--headless", "--run-dir", f"c-{NOT_UTF8}", cwd=tmp_path, env=env
    )
    assert compared.code == 0


@pytest.mark.case("files", "name-not-utf8")
def test_a_working_folder_may_have_a_name_that_is_not_utf8(tmp_path: Path, env: dict[str, str]) -> None:
    inside = tmp_path / NOT_UTF8
    inside.mkdir()
    prompts(inside)
    assert llmdash(*RUN, "--out", "r.csv", cwd=inside, env=env).code == 0
    assert llmdash("run", "p.txt", "--headless", "--resume", cwd=inside, env=env).code == 0


# A working folder that is gone.


@pytest.mark.case("files", "folder-deleted")
@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "p.txt", "--simulate"),
        ("demo", "--limit", "1"),
        ("compare", "--simulate"),
        ("run", "--resume"),
        ("check",),
        ("init", "--yes"),
        ("ask", "Why?", "--simulate"),
        ("doctor",),
        ("doctor", "kept"),
    ],
)
def test_a_working_folder_that_was_deleted_is_told_in_a_line(
    tmp_path: Path, env: dict[str, str], arguments: tuple[str, ...]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    line = [sys.executable, "-m", "llmdash", *arguments]
    script = 'cd "$0" && rmdir "$0" && exec "$@"'
    command = ["/bin/sh", "-c", script, str(gone), *line]
    ended = subprocess.run(
        command, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    [told] = ended.stderr.splitlines()
    assert told.startswith("llmdash: ")


# Few descriptors.


@pytest.mark.case("files", "few-descriptors")
@pytest.mark.parametrize("most", [64, 48])
def test_few_descriptors_slow_a_run_down_and_do_not_end_it(
    tmp_path: Path, simulator: Simulator, most: int
) -> None:
    prompts(tmp_path, 120)
    env = environment(tmp_path, simulator(latency=0.1))
    arguments = (*RUN, "--json", "--concurrency", 400, "--out", "r.csv", "--run-dir", "kept")
    with start(*arguments, cwd=tmp_path, env=env, preexec_fn=lambda: limit(most)) as process:
        out, err = process.communicate(timeout=LONGEST_S)
    ended = Ended(process.returncode, out, err)
    assert (ended.code, ended.summary["done"]) == (0, 120), err
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 121


@pytest.mark.case("files", "few-descriptors")
def test_a_dashboard_with_few_descriptors_shows_a_job_and_runs_to_its_end(
    tmp_path: Path, simulator: Simulator
) -> None:
    prompts(tmp_path, 120)
    env = environment(tmp_path, simulator(latency=0.3))
    line = f"ulimit -n 64; exec {sys.executable} -m llmdash run p.txt --rate unlimited --concurrency 400"
    with Terminal(cwd=tmp_path, env=env, command=("/bin/sh", "-c", line)) as terminal:
        terminal.wait_for(lambda screen: done(screen) > 0)
        terminal.keys("\r")
        terminal.wait_for("Attempts")
        terminal.keys("\x1b")
        terminal.wait_for(lambda screen: done(screen) == 120)
        terminal.stop_run()
        assert terminal.wait() == 0
        assert terminal.left_changed == []


def limit(most: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


# Why jobs failed.


@pytest.mark.case("files", "headless-reason")
def test_a_headless_run_says_why_jobs_failed_and_how_to_go_on(tmp_path: Path) -> None:
    prompts(tmp_path, 4)
    with faulty("--faults", "400", "--share", 1) as root:
        env = environment(tmp_path, OPENAI_API_KEY="sk-one", OPENAI_BASE_URL=f"{root}/v1")
        ended = llmdash(*RUN, "--run-dir", "kept", cwd=tmp_path, env=env)
        again = llmdash("run", "--resume", "--run-dir", "kept", "--json", "--headless", cwd=tmp_path, env=env)
    assert ended.code == again.code == 3
    assert "errors   4 jobs: request invalid_request_error: 400 Cannot serve this" in ended.out
    assert f"kept in  {tmp_path / 'kept'}" in ended.out
    command = f"llmdash run --resume --run-dir {tmp_path / 'kept'} --retry-failed"
    assert command in ended.out
    assert again.summary["run_dir"] == str(tmp_path / "kept")
    [error] = again.summary["errors"]
    assert error.pop("id") in [f"p-{number}" for number in range(1, 5)]
    assert error == {
        "class": "request",
        "status": 400,
        "code": "invalid_request_error",
        "count": 4,
        "tries": 4,
        "example": "400 Cannot serve this",
    }


# Results over what is there.


@pytest.mark.case("files", "out-over-existing")
def test_results_do_not_replace_what_another_wrote(tmp_path: Path, simulator: Simulator) -> None:
    prompts(tmp_path)
    server = simulator()
    env = environment(tmp_path, server)
    for name in ("r.csv", "r.jsonl", "r.batch.jsonl"):
        (tmp_path / name).write_text("mine")
        refused = llmdash(*RUN, "--out", name, "--run-dir", f"run-{name}", cwd=tmp_path, env=env)
        assert (refused.code, len(refused.err.splitlines())) == (2, 1)
        assert "--overwrite" in refused.err
        assert (tmp_path / name).read_text() == "mine"
        assert not (tmp_path / f"run-{name}").exists()
        assert server.stats()["requests"] == 0
    assert llmdash(*RUN, "--out", "r.jsonl", "--overwrite", cwd=tmp_path, env=env).code == 0
    assert len(results(tmp_path / "r.jsonl")) == 3


@pytest.mark.case("files", "out-over-existing")
def test_a_resume_goes_on_with_the_results_of_its_own_run(tmp_path: Path, env: dict[str, str]) -> None:
    prompts(tmp_path)
    resume = ("run", "--resume", "--headless", "--run-dir", "kept", "--out")
    assert llmdash(*RUN, "--run-dir", "kept", "--out", "own.jsonl", cwd=tmp_path, env=env).code == 0
    assert llmdash(*resume, "own.jsonl", cwd=tmp_path, env=env).code == 0
    assert llmdash(*resume, tmp_path / "own.jsonl", cwd=tmp_path, env=env).code == 0
    (tmp_path / "other.csv").write_text("mine")
    assert llmdash(*resume, "other.csv", cwd=tmp_path, env=env).code == 2
    assert llmdash(*resume, "new.csv", cwd=tmp_path, env=env).code == 0
    assert llmdash(*resume, "new.csv", cwd=tmp_path, env=env).code == 0, "the journal names it now"
    assert (tmp_path / "other.csv").read_text() == "mine"


@pytest.mark.case("files", "out-over-existing")
def test_the_doctor_does_not_replace_what_another_wrote_either(tmp_path: Path, env: dict[str, str]) -> None:
    prompts(tmp_path)
    assert llmdash(*RUN, "--run-dir", "kept", "--out", "own.csv", cwd=tmp_path, env=env).code == 0
    (tmp_path / "other.csv").write_text("mine")
    assert llmdash("doctor", "kept", "--out", "own.csv", cwd=tmp_path, env=env).code == 0
    refused = llmdash("doctor", "kept", "--out", "other.csv", cwd=tmp_path, env=env)
    assert (refused.code, (tmp_path / "other.csv").read_text()) == (2, "mine")
    assert llmdash("doctor", "kept", "--out", "other.csv", "--overwrite", cwd=tmp_path, env=env).code == 0
    assert len((tmp_path / "other.csv").read_text().splitlines()) == 4
    (tmp_path / "lost").mkdir()
    assert llmdash("doctor", "lost", "--out", "own.csv", cwd=tmp_path, env=env).code == 2


def test_a_dashboard_that_waits_for_the_reader_of_its_results_is_ended_by_a_signal(
    tmp_path: Path, env: dict[str, str]
) -> None:
    prompts(tmp_path)
    os.mkfifo(tmp_path / "pipe.csv")
    with Terminal("run", "p.txt", "--out", "pipe.csv", cwd=tmp_path, env=env) as terminal:
        terminal.wait_for(lambda screen: done(screen) == 3)
        terminal.stop_run()
        terminal.wait_for("The run is kept in")
        terminal.signal(signal.SIGINT)
        assert terminal.wait() == 130
        assert terminal.left_changed == []


def test_a_dashboard_that_is_left_says_what_was_left_out_and_where_the_answers_are(
    tmp_path: Path, env: dict[str, str]
) -> None:
    (tmp_path / "p.jsonl").write_text('{"prompt": "1 + 1"}\n{"prompt": "2 + 2"}\n{"prom\n')
    with Terminal("run", "p.jsonl", "--run-dir", "kept", cwd=tmp_path, env=env) as terminal:
        terminal.wait_for(lambda screen: done(screen) == 2)
        terminal.stop_run()
        assert terminal.wait() == 8
    last = r"2 of 2 done, 0 failed, 1 input line left out, in [\d:.]+( \(.*\))?\. The run is kept in"
    assert re.search(last, terminal.screen.replace("\n", ""))
    assert "Answers: llmdash runs export" in terminal.screen


@pytest.mark.case("files", "dumb")
def test_the_doctor_writes_no_control_sequence_to_a_terminal_that_prints_them(tmp_path: Path) -> None:
    (tmp_path / "lost").mkdir()
    env = environment(tmp_path, TERM="dumb")
    with Terminal("doctor", "lost", cwd=tmp_path, env=env) as terminal:
        assert terminal.wait() == 7
        assert b"\x1b" not in terminal.raw


@pytest.mark.case("files", "out-over-existing")
def test_devices_and_empty_files_are_written(tmp_path: Path, env: dict[str, str]) -> None:
    prompts(tmp_path)
    (tmp_path / "empty.jsonl").touch()
    assert llmdash(*RUN, "--out", "empty.jsonl", cwd=tmp_path, env=env).code == 0
    assert len(results(tmp_path / "empty.jsonl")) == 3
    assert llmdash(*RUN, "--out", "/dev/null", cwd=tmp_path, env=env).code == 0
    piped = llmdash(*RUN, "--json", "--out", "/dev/stdout", cwd=tmp_path, env=env)
    lines = [json.loads(line) for line in piped.out.splitlines()]
    assert sorted(line["index"] for line in lines if "index" in line) == [0, 1, 2]
    with (tmp_path / "all.txt").open("wb") as file:
        line = [sys.executable, "-m", "llmdash", *RUN, "--json", "--out", "/dev/stdout"]
        assert subprocess.run(line, cwd=tmp_path, env=env, stdout=file, check=False).returncode == 0
    lines = [json.loads(line) for line in (tmp_path / "all.txt").read_text().splitlines()]
    assert (lines[0]["type"], lines[-1]["type"]) == ("progress", "summary"), "nothing was overwritten"
    assert sum("index" in line for line in lines) == 3
