"""`llmdash run --headless` from outside: what it says, what it keeps, and what the server saw are the
same.
"""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.reader import JournalReader
from tests.cli.command import Ended, environment, llmdash, results, start
from tests.simulated import Simulated
from tests.waiting import LONGEST_S, wait_for

Simulator = Callable[..., Simulated]
HEADLESS = ("--headless", "--json", "--out", "results.jsonl", "--run-dir", "kept", "--rate", "unlimited")


@pytest.fixture
def arithmetic(tmp_path: Path) -> Path:
    """A prompt set of 400 expressions."""
    path = tmp_path / "sums.toml"
    path.write_text('name = "sums"\ntask = "arithmetic"\n[arithmetic]\ncount = 400\nseed = 5\n')
    return path


def journal(folder: Path, question: str) -> Any:
    """The first row of an answer of the journal in `folder`."""
    with sqlite3.connect(folder / "journal.sqlite") as db:
        row = db.execute(question).fetchone()
    db.close()
    return row


def assert_balanced(ended: Ended, folder: Path, server: dict[str, Any]) -> None:
    """Summary, journal, results file and server tell of the same attempts and answers."""
    summary, lines = ended.summary, results(folder / "results.jsonl")
    of_keys = {
        field: sum(key[field] for key in summary["keys"]) for field in ("sent", "ok", "throttled", "errors")
    }
    at_server = list(server["by_key"].values())
    assert summary["done"] + summary["failed"] == len(lines) == summary["jobs"] - summary["pending"]
    assert summary["done"] == sum(line["state"] == "done" for line in lines)
    assert summary["attempts"] == of_keys["sent"] == server["requests"]
    assert of_keys["ok"] == summary["done"] == sum(key["ok"] for key in at_server)
    assert of_keys["throttled"] == sum(key["throttled"] for key in at_server)
    assert of_keys["errors"] == sum(key["errors"] + key["refused"] for key in at_server)
    assert journal(folder / "kept", "SELECT COUNT(*) FROM results") == (len(lines),)
    assert journal(folder / "kept", "SELECT COUNT(*) FROM attempts") == (summary["attempts"],)
    assert summary["score"]["right"] == server["right"] == sum(line["correct"] is True for line in lines)
    assert summary["score"]["not_equal"] + summary["score"]["not_parseable"] == server["wrong"]
    tokens = sum(line["usage"]["output_tokens"] for line in lines if line["usage"])
    assert tokens == sum(key["output_tokens"] for key in summary["keys"])


@pytest.mark.parametrize("mode", ["--stream", "--no-stream"])
def test_screen_journal_export_and_server_agree(
    simulator: Simulator, tmp_path: Path, arithmetic: Path, mode: str
) -> None:
    endpoint = simulator(error_rate=0.05, wrong_rate=0.1)
    ended = llmdash("run", arithmetic, *HEADLESS, mode, cwd=tmp_path, env=environment(tmp_path, endpoint))
    assert (ended.code, ended.err) == (0, "")
    assert ended.summary["done"] == 400
    assert ended.summary["retries"] > 0
    assert_balanced(ended, tmp_path, endpoint.stats())


@pytest.mark.parametrize("count", [2_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_thousands_of_jobs_are_answered_once_each_and_spread_evenly(
    simulator: Simulator, tmp_path: Path, count: int
) -> None:
    endpoint = simulator(wrong_rate=0.03)
    (tmp_path / "sums.toml").write_text(f'task = "arithmetic"\n[arithmetic]\ncount = {count}\nseed = 1\n')
    ended = llmdash("run", "sums.toml", *HEADLESS, cwd=tmp_path, env=environment(tmp_path, endpoint))
    server = endpoint.stats()
    assert ended.code == 0
    assert ended.summary["done"] == count
    assert_balanced(ended, tmp_path, server)
    sent = [key["requests"] for key in server["by_key"].values()]
    assert max(sent) - min(sent) <= 1


def test_a_throttled_and_a_refused_key_cost_no_job(
    simulator: Simulator, tmp_path: Path, arithmetic: Path
) -> None:
    endpoint = simulator()
    endpoint.control("sim-a", throttle_s=2)
    endpoint.control("sim-b", refuse=True)
    ended = llmdash("run", arithmetic, *HEADLESS, cwd=tmp_path, env=environment(tmp_path, endpoint))
    server = endpoint.stats()
    assert ended.code == 0
    assert ended.summary["done"] == 400
    assert_balanced(ended, tmp_path, server)
    states = [key["state"] for key in ended.summary["keys"]]
    assert states[1:] == ["dead", "healthy"]
    assert server["by_key"]["sim-b"]["refused"] <= 2 + 64


def test_a_resume_refuses_input_that_changed(simulator: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path, simulator())
    (tmp_path / "p.txt").write_text("one\ntwo\n")
    assert llmdash("run", "p.txt", *HEADLESS, cwd=tmp_path, env=env).code == 0
    (tmp_path / "p.txt").write_text("one\nthree\n")
    ended = llmdash("run", "p.txt", *HEADLESS, "--resume", cwd=tmp_path, env=env)
    assert ended.code == 2
    assert "other input" in ended.err


def test_the_latest_run_over_a_file_is_resumed_without_naming_its_folder(
    simulator: Simulator, tmp_path: Path, arithmetic: Path
) -> None:
    env = environment(tmp_path, simulator())
    first = llmdash("run", arithmetic, "--headless", "--json", "--limit", 7, cwd=tmp_path, env=env)
    again = llmdash("run", arithmetic, "--headless", "--json", "--resume", cwd=tmp_path, env=env)
    assert first.summary["attempts"] == again.summary["attempts"] == 7
    assert again.summary["done"] == again.summary["jobs"] == 7


def test_prompts_come_from_standard_input_and_can_be_resumed(simulator: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path, simulator())
    ended = llmdash("run", "-", *HEADLESS, cwd=tmp_path, env=env, given="What is 2 + 2?\nWhat is 3 x 4?\n")
    assert (ended.code, ended.summary["done"]) == (0, 2)
    again = llmdash("run", "--resume", *HEADLESS, cwd=tmp_path, env=env)
    assert (again.code, again.summary["done"], again.summary["attempts"]) == (0, 2, 2)


@pytest.mark.parametrize(
    ("given", "jobs"),
    [
        ("prompt,expected\nWhat is 2 + 2?,4\n", 1),
        ("id\tprompt\na\tWhat is 2 + 2?\nb\tWhat is 3 + 3?\n", 2),
        ('repeat = 3\n[[prompt]]\ntext = "Hello"\n', 3),
        ("Say\nprompt\nNow\n", 3),
        ("Say\rprompt\rNow\r", 3),
        ('{"prompt": "a"}\n', 1),
    ],
)
def test_standard_input_holds_what_a_file_may_hold(
    simulator: Simulator, tmp_path: Path, given: str, jobs: int
) -> None:
    endpoint = simulator()
    ended = llmdash("run", "-", *HEADLESS, cwd=tmp_path, env=environment(tmp_path, endpoint), given=given)
    assert (ended.code, ended.summary["done"]) == (0, jobs)
    assert endpoint.stats()["requests"] == jobs


def test_every_key_dead_ends_with_code_5_and_everything_still_pending(
    simulator: Simulator, tmp_path: Path, arithmetic: Path
) -> None:
    endpoint = simulator()
    for key in endpoint.keys:
        endpoint.control(key, refuse=True)
    ended = llmdash("run", arithmetic, *HEADLESS, cwd=tmp_path, env=environment(tmp_path, endpoint))
    assert ended.code == 5
    assert (ended.summary["failed"], ended.summary["pending"]) == (0, 400)
    for key in endpoint.keys:
        endpoint.control(key, refuse=False)
    again = llmdash(
        "run", arithmetic, *HEADLESS, "--resume", cwd=tmp_path, env=environment(tmp_path, endpoint)
    )
    assert (again.code, again.summary["done"]) == (0, 400)


def test_failed_jobs_end_with_code_3_and_can_be_tried_again(
    simulator: Simulator, tmp_path: Path, arithmetic: Path
) -> None:
    endpoint = simulator(keys=("only",))
    env = environment(tmp_path, endpoint)
    (tmp_path / "bad.jsonl").write_text(
        '{"prompt": "hello"}\n{"messages": [{"role": "user", "content": "x"}]}\n'
    )
    endpoint.control("only", error_rate=1.0)
    quick = {**env, "LLMDASH_CONCURRENCY": "2"}
    with start("run", "bad.jsonl", *HEADLESS, "--limit", 1, cwd=tmp_path, env=quick) as process:
        out, _ = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 3
    assert json.loads(out.splitlines()[-1])["failed"] == 1
    assert results(tmp_path / "results.jsonl")[0]["attempts"] == 6
    endpoint.control("only", error_rate=0.0)
    again = llmdash("run", "bad.jsonl", *HEADLESS, "--resume", "--retry-failed", cwd=tmp_path, env=env)
    assert (again.code, again.summary["done"], again.summary["failed"]) == (0, 1, 0)


def test_the_first_interrupt_drains_and_the_rest_stays_pending(
    simulator: Simulator, tmp_path: Path, arithmetic: Path
) -> None:
    endpoint = simulator(latency=0.3)
    env = environment(tmp_path, endpoint)
    with start("run", arithmetic, *HEADLESS, "--concurrency", 8, cwd=tmp_path, env=env) as process:
        wait_for(lambda: endpoint.stats()["requests"] >= 20)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LONGEST_S)
    ended = Ended(process.returncode, out, err)
    assert ended.code == 128 + signal.SIGINT
    assert err.endswith("resume it with: llmdash run --resume --run-dir kept\n")
    assert ended.summary["pending"] > 0
    assert (
        sum(key["sent"] for key in ended.summary["keys"])
        == ended.summary["done"]
        == endpoint.stats()["requests"]
    )


def test_a_second_process_on_the_same_run_is_told_who_has_it(
    simulator: Simulator, tmp_path: Path, arithmetic: Path
) -> None:
    endpoint = simulator(answers=0)
    env = environment(tmp_path, endpoint)
    with start("run", arithmetic, *HEADLESS, cwd=tmp_path, env=env) as first:
        wait_for(lambda: endpoint.stats()["requests"])
        second = llmdash("run", arithmetic, *HEADLESS, "--resume", cwd=tmp_path, env=env)
        first.kill()
        first.communicate()
    assert second.code == 6
    assert str(first.pid) in second.err


def test_a_reader_that_goes_away_does_not_stop_the_run(
    simulator: Simulator, tmp_path: Path, arithmetic: Path
) -> None:
    env = environment(tmp_path, simulator(latency=0.02))
    with start("run", arithmetic, *HEADLESS, cwd=tmp_path, env=env) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        errors: list[str] = []
        assert process.stderr is not None
        reader = threading.Thread(target=lambda pipe: errors.append(pipe.read()), args=(process.stderr,))
        reader.start()
        assert process.wait(60) == 0
        reader.join()
    assert errors == [""]
    assert len(results(tmp_path / "results.jsonl")) == 400


def ended_in(folder: Path) -> int:
    """How many jobs have ended, by the journal in `folder`; 0 while there is none."""
    try:
        return sum(1 for _ in JournalReader(folder).ended())
    except JournalError:
        return 0


def test_a_demo_that_was_cut_short_goes_on_where_and_as_fast_as_it_was(tmp_path: Path) -> None:
    env = environment(tmp_path)
    with start(
        "demo", "--limit", 90, "--rate", "60/s", "--headless", "--run-dir", "kept", cwd=tmp_path, env=env
    ) as run:
        wait_for(lambda: ended_in(tmp_path / "kept") >= 10, "some answers")
        run.kill()
        run.communicate()
    ended = llmdash("run", "--resume", "--headless", "--json", "--run-dir", "kept", cwd=tmp_path, env=env)
    assert (ended.code, ended.summary["done"]) == (0, 90)
    assert journal(tmp_path / "kept", "SELECT value FROM run WHERE name = 'rate'") == ("60.0",)


def test_results_can_be_read_while_the_run_goes_on_and_after_a_kill(
    simulator: Simulator, tmp_path: Path, arithmetic: Path
) -> None:
    endpoint = simulator(latency=0.05)
    env, out = environment(tmp_path, endpoint), tmp_path / "results.jsonl"
    with start("run", arithmetic, *HEADLESS, "--concurrency", 8, cwd=tmp_path, env=env) as process:
        wait_for(lambda: out.exists() and out.read_bytes().count(b"\n") >= 50)
        seen = {line["index"]: line for line in results(out)}
        process.kill()
    again = llmdash("run", arithmetic, *HEADLESS, "--resume", cwd=tmp_path, env=env)
    assert (again.code, again.summary["done"]) == (0, 400)
    assert [line["index"] for line in results(out)] == list(range(400))
    assert {index: line for index, line in enumerate(results(out)) if index in seen} == seen


def test_results_do_not_go_over_the_prompts(simulator: Simulator, tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "2 + 2"}\n')
    env = environment(tmp_path, simulator())
    ended = llmdash("run", "p.jsonl", "--headless", "--out", "./p.jsonl", cwd=tmp_path, env=env)
    assert ended.code == 2
    assert "is the file of prompts" in ended.err
    assert path.read_text() == '{"prompt": "2 + 2"}\n'


def test_a_run_whose_folder_is_deleted_ends_soon_and_says_so(
    simulator: Simulator, tmp_path: Path, arithmetic: Path
) -> None:
    endpoint = simulator(latency=0.2)
    env = environment(tmp_path, endpoint)
    with start("run", arithmetic, *HEADLESS, "--concurrency", 4, cwd=tmp_path, env=env) as process:
        wait_for(lambda: endpoint.stats()["requests"] >= 20)
        shutil.rmtree(tmp_path / "kept")
        out, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 7
    assert "the folder of the run is gone" in out
    assert "Traceback" not in err
    assert json.loads(out.splitlines()[-1])["done"] < 400
