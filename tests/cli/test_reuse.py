"""`run --reuse` and `run --dedupe`: what is known is not asked again, on the command line and in files."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.journal.reader import JournalReader
from tests.cli.command import Ended, environment, llmdash, results, start
from tests.recording import Recorder
from tests.waiting import PATIENCE_S, wait_for

KEY = "sk-canary-0123456789abcdef"


def echo(body: dict[str, Any]) -> str:
    return f"re: {body['messages'][-1]['content']}"


@pytest.fixture
def server() -> Iterator[Recorder]:
    with Recorder(echo) as running:
        yield running


def write(folder: Path, count: int, edited: int = 0, **more: Any) -> None:
    """`count` prompts, the first of them `edited`."""
    lines = [
        {"id": f"i{n}", "prompt": f"say {n}{' again' if n < edited else ''}", **more} for n in range(count)
    ]
    (folder / "p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def run(folder: Path, server: Recorder, *more: object, file: bool = True, temperature: str = "0") -> Ended:
    heat = ("--temperature", temperature) if temperature else ()
    common = ("--headless", "--json", "--rate", "unlimited", "--base-url", f"{server.root}/v1", "--no-stream")
    env = environment(folder, LLMDASH_API_KEY=KEY)
    return llmdash("run", *(["p.jsonl"] if file else []), *more, *common, *heat, cwd=folder, env=env)


def asked(server: Recorder) -> list[str]:
    """What the server was asked since the last time."""
    found = [request.body["messages"][-1]["content"] for request in server.requests]
    server.requests.clear()
    return found


def test_of_two_thousand_prompts_those_that_were_edited_are_asked(tmp_path: Path, server: Recorder) -> None:
    write(tmp_path, 2000)
    assert run(tmp_path, server).code == 0
    assert len(asked(server)) == 2000
    write(tmp_path, 2000, edited=20)
    ended = run(tmp_path, server, "--reuse", "--out", "r.jsonl", "--run-dir", "second")
    assert sorted(asked(server)) == sorted(f"say {n} again" for n in range(20))
    summary = ended.summary
    assert (summary["done"], summary["reused"], summary["attempts"]) == (2000, 1980, 20)
    shown = llmdash("runs", "show", "second", cwd=tmp_path, env=environment(tmp_path)).out
    assert "reused       1,980 answers known from before" in shown
    assert summary["usage"] == {
        "input_tokens": 60,
        "output_tokens": 20,
        "cached_tokens": 0,
        "reasoning_tokens": 0,
    }
    lines = results(tmp_path / "r.jsonl")
    assert [line["text"] for line in lines] == [f"re: say {n}{' again' * (n < 20)}" for n in range(2000)]
    assert [line["flags"] for line in lines] == [[]] * 20 + [["reused"]] * 1980
    assert {line["attempts"] for line in lines[20:]} == {0}
    assert llmdash("doctor", "second", cwd=tmp_path, env=environment(tmp_path)).code == 0


@pytest.mark.parametrize("temperature", ["", "0.7"])
@pytest.mark.parametrize("option", ["--reuse", "--dedupe"])
def test_answers_that_might_have_been_others_are_refused(
    tmp_path: Path, server: Recorder, option: str, temperature: str
) -> None:
    write(tmp_path, 3)
    ended = run(tmp_path, server, option, temperature=temperature)
    assert ended.code == 2
    assert f"{option}=any" in ended.err
    assert ended.out == ""
    assert not asked(server)
    assert run(tmp_path, server, f"{option}=any", temperature=temperature).code == 0
    assert len(asked(server)) == 3


@pytest.mark.parametrize("option", ["--reuse=any", "--reuse"])
def test_the_temperature_of_the_prompts_counts(tmp_path: Path, server: Recorder, option: str) -> None:
    write(tmp_path, 3, temperature=0)
    for _ in range(2):
        assert run(tmp_path, server, option, "--send", "temperature", temperature="").code == 0
    assert len(asked(server)) == 3


def test_runs_are_named_one_by_one(tmp_path: Path, server: Recorder) -> None:
    for name, first in (("one", 0), ("two", 5), ("three", 10)):
        lines = [{"id": f"i{n}", "prompt": f"say {n}"} for n in range(first, first + 5)]
        (tmp_path / "p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        run(tmp_path, server, "--run-dir", name)
    asked(server)
    write(tmp_path, 15)
    assert run(tmp_path, server, "--reuse", "one", "--reuse", "three").code == 0
    assert sorted(asked(server)) == sorted(f"say {n}" for n in range(5, 10))


def test_a_run_that_is_none_is_refused(tmp_path: Path, server: Recorder) -> None:
    write(tmp_path, 3)
    ended = run(tmp_path, server, "--reuse", "nowhere")
    assert ended.code == 2
    assert "nowhere" in ended.err
    assert not asked(server)


@pytest.mark.parametrize("option", ["--reuse", "--dedupe"])
def test_the_file_may_follow(tmp_path: Path, server: Recorder, option: str) -> None:
    write(tmp_path, 3)
    assert run(tmp_path, server, option, "p.jsonl", file=False).code == 0
    assert len(asked(server)) == 3


def test_equal_prompts_are_asked_once(tmp_path: Path, server: Recorder) -> None:
    lines = [{"id": f"i{n}", "prompt": f"say {n % 4}", "expected": f"re: say {n}"} for n in range(400)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    ended = run(tmp_path, server, "--dedupe", "--run-dir", "run")
    assert Counter(asked(server)) == Counter(f"say {n}" for n in range(4))
    summary = ended.summary
    assert (summary["done"], summary["reused"], summary["attempts"]) == (400, 396, 4)
    assert summary["score"]["right"] == 4
    assert llmdash("doctor", "run", cwd=tmp_path, env=environment(tmp_path)).code == 0


def test_a_resume_takes_what_the_run_was_begun_with(tmp_path: Path, server: Recorder) -> None:
    write(tmp_path, 4)
    run(tmp_path, server, "--run-dir", "first")
    write(tmp_path, 8)
    run(tmp_path, server, "--run-dir", "second", "--reuse", "last", "--limit", "2")
    assert len(asked(server)) == 4
    ended = run(tmp_path, server, "--run-dir", "second", "--resume", "--limit", "8")
    assert sorted(asked(server)) == [f"say {n}" for n in range(4, 8)]
    assert (ended.summary["done"], ended.summary["reused"]) == (8, 4)


def test_files_and_variables_may_ask_for_it(tmp_path: Path, server: Recorder) -> None:
    write(tmp_path, 3)
    (tmp_path / "llmdash.toml").write_text("reuse = true\ndedupe = true\n")
    for _ in range(2):
        assert run(tmp_path, server).code == 0
    assert len(asked(server)) == 3
    assert run(tmp_path, server, "--reuse=no", "--dedupe=no").code == 0
    assert len(asked(server)) == 3
    (tmp_path / "llmdash.toml").write_text("reuse = 7\n")
    ended = run(tmp_path, server)
    assert ended.code == 2
    assert "llmdash.toml:1: reuse" in ended.err


def test_a_run_on_the_simulator_gives_nothing(tmp_path: Path, server: Recorder) -> None:
    write(tmp_path, 3)
    common = ("--headless", "--json", "--rate", "unlimited", "--temperature", "0")
    env = environment(tmp_path)
    assert llmdash("run", "p.jsonl", "--simulate", *common, cwd=tmp_path, env=env).code == 0
    ended = run(tmp_path, server, "--reuse")
    assert ended.summary["reused"] == 0
    assert "of a simulator" in ended.out
    assert len(asked(server)) == 3


def test_models_that_make_their_own_requests_are_refused(tmp_path: Path, server: Recorder) -> None:
    write(tmp_path, 3)
    ended = run(tmp_path, server, "--reuse", "--dialect", "langchain", "--set", "x=1")
    assert ended.code == 2
    assert not asked(server)


def test_no_key_is_in_a_hash(tmp_path: Path, server: Recorder) -> None:
    write(tmp_path, 3)
    run(tmp_path, server)
    env = environment(tmp_path, LLMDASH_API_KEY="sk-another-0123456789abcdef")
    common = ("--headless", "--json", "--rate", "unlimited", "--base-url", f"{server.root}/v1")
    ended = llmdash("run", "p.jsonl", *common, "--temperature", "0", "--reuse", cwd=tmp_path, env=env)
    assert (ended.summary["reused"], ended.summary["attempts"]) == (3, 0)


def test_the_report_in_words_counts_them(tmp_path: Path, server: Recorder) -> None:
    write(tmp_path, 3)
    run(tmp_path, server)
    env = environment(tmp_path, LLMDASH_API_KEY=KEY)
    common = ("--headless", "--rate", "unlimited", "--base-url", f"{server.root}/v1")
    ended = llmdash("run", "p.jsonl", *common, "--temperature", "0", "--reuse", cwd=tmp_path, env=env)
    assert "3 done (3 reused), 0 failed" in ended.out


def test_a_kept_run_is_reused_by_its_name(tmp_path: Path, server: Recorder) -> None:
    write(tmp_path, 3)
    run(tmp_path, server, "--run-dir", "first")
    asked(server)
    write(tmp_path, 3, edited=1)
    common = ("--headless", "--json", "--base-url", f"{server.root}/v1", "--temperature", "0")
    env = environment(tmp_path, LLMDASH_API_KEY=KEY)
    ended = llmdash("runs", "reuse", "first", "p.jsonl", *common, cwd=tmp_path, env=env)
    assert ended.summary["reused"] == 2
    assert asked(server) == ["say 0 again"]


def test_what_keeps_no_answers_shares_none(tmp_path: Path, server: Recorder) -> None:
    write(tmp_path, 3)
    out = ("--keep", "none", "--out", "r.jsonl")
    ended = run(tmp_path, server, "--dedupe", *out)
    assert ended.code == 2
    assert "--keep none" in ended.err
    assert run(tmp_path, server, *out).code == 0
    asked(server)
    ended = run(tmp_path, server, "--reuse")
    assert "without answers" in ended.out
    assert len(asked(server)) == 3


def test_a_killed_run_goes_on_with_what_it_knows(tmp_path: Path) -> None:
    going = threading.Event()

    def slow(body: dict[str, Any]) -> str:
        if body["messages"][-1]["content"] == "say 1":
            going.wait(PATIENCE_S)
        return echo(body)

    lines = [{"id": f"i{n}", "prompt": f"say {n % 2}"} for n in range(600)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with Recorder(slow) as server:
        options = ("--dedupe", "--run-dir", "run", "--rate", "unlimited", "--temperature", "0", "--no-stream")
        env = environment(tmp_path, LLMDASH_API_KEY=KEY)
        at = ("--headless", "--json", "--base-url", f"{server.root}/v1")
        with start("run", "p.jsonl", *options, *at, cwd=tmp_path, env=env) as process:
            while not (tmp_path / "run" / "journal.sqlite").exists() or ended(tmp_path / "run") < 300:
                assert process.poll() is None
                time.sleep(0.01)
            process.kill()
        going.set()
        again = llmdash("run", "--resume", "--run-dir", "run", *at, cwd=tmp_path, env=env)
        assert Counter(asked(server)) == Counter({"say 0": 1, "say 1": 2})
    assert (again.summary["done"], again.summary["reused"], again.summary["attempts"]) == (600, 598, 3)
    assert llmdash("doctor", "run", cwd=tmp_path, env=environment(tmp_path)).code == 0


def ended(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "journal.sqlite")) as db:
        try:
            return int(db.execute("SELECT COUNT(*) FROM results").fetchone()[0])
        except sqlite3.OperationalError:  # it is being made
            return 0


def test_a_run_killed_among_known_answers_goes_on_with_them(tmp_path: Path, server: Recorder) -> None:
    write(tmp_path, 300)
    assert run(tmp_path, server, "--run-dir", "first").code == 0
    asked(server)
    write(tmp_path, 300, edited=100)
    options = ("--headless", "--rate", "200/s", "--concurrency", "4", "--temperature", "0", "--no-stream")
    where = ("--base-url", f"{server.root}/v1", "--reuse", "first", "--run-dir", "second")
    env = environment(tmp_path, LLMDASH_API_KEY=KEY)
    with start("run", "p.jsonl", *options, *where, cwd=tmp_path, env=env) as process:
        wait_for(lambda: len(server.requests) >= 30)
        process.kill()
        process.communicate()
    saved = {row.job for row in JournalReader(tmp_path / "second").ended()}
    before = {*asked(server)}
    assert run(tmp_path, server, "--resume", "--run-dir", "second", "--out", "r.jsonl", file=False).code == 0
    again = Counter(asked(server))
    missing = {f"say {n} again" for n in range(100) if n not in saved}
    assert missing <= {*again} <= missing | before
    assert sum(again.values()) <= len(missing) + 4  # what was on its way as the process died
    assert [line["text"] for line in results(tmp_path / "r.jsonl")] == [
        f"re: say {n}{' again' * (n < 100)}" for n in range(300)
    ]
    assert llmdash("doctor", "second", cwd=tmp_path, env=env).code == 0
