"""What the models thought: kept always, in the results where it is asked for."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from llmdash.engine.journal.reader import JournalReader
from tests.cli.command import Ended, environment, llmdash, results
from tests.recording import Body, Recorder

THOUGHT = "two and two, \x1b[31mhm\n"


def thinking(body: Body) -> tuple[int, Body]:
    text = body["messages"][0]["content"]
    if text == "fail":
        return 400, {"error": {"message": "no"}}
    message = {"role": "assistant", "content": "4"}
    if text == "think":
        message["reasoning_content"] = THOUGHT
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return 200, {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]}


def run(folder: Path, server: Recorder, *more: object) -> Ended:
    (folder / "p.jsonl").write_text(
        "".join(json.dumps({"prompt": each, "row": 7}) + "\n" for each in ("think", "say", "fail"))
    )
    common = (
        "--headless",
        "--json",
        "--rate",
        "unlimited",
        "--base-url",
        f"{server.root}/v1",
        "--carry",
        "row",
    )
    env = environment(folder, LLMDASH_API_KEY="sk-canary-0123456789abcdef")
    return llmdash("run", "p.jsonl", *common, "--run-dir", "run", *more, cwd=folder, env=env)


@pytest.mark.case("wire", "reasoning-only")
def test_what_was_thought_is_in_the_results_where_it_is_asked_for(tmp_path: Path) -> None:
    with Recorder(thinking) as server:
        run(tmp_path, server, "--out", "r.jsonl", "--reasoning")
        run(tmp_path, server, "--out", "s.jsonl", "--run-dir", "other")
    assert [line.get("reasoning") for line in results(tmp_path / "r.jsonl")] == [THOUGHT, None, None]
    assert not any("reasoning" in line for line in results(tmp_path / "s.jsonl"))
    assert b"\x1b" not in (tmp_path / "r.jsonl").read_bytes()
    kept = JournalReader(tmp_path / "other").result(0)
    assert kept is not None
    assert kept.reasoning == THOUGHT


def test_a_table_has_a_column_for_it_beside_those_of_carried_fields(tmp_path: Path) -> None:
    with Recorder(thinking) as server:
        run(tmp_path, server, "--out", "r.csv", "--reasoning")
    with (tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["reasoning"] for row in rows] == [THOUGHT, "", ""]
    assert [row["input.row"] for row in rows] == ["7", "7", "7"]


def test_a_resume_asks_for_it_again(tmp_path: Path) -> None:
    with Recorder(thinking) as server:
        run(tmp_path, server, "--out", "r.jsonl", "--reasoning", "--limit", "1")
        first = results(tmp_path / "r.jsonl")
        run(tmp_path, server, "--resume", "--limit", "3")
    assert results(tmp_path / "r.jsonl")[:1] == first
    assert [line["state"] for line in results(tmp_path / "r.jsonl")] == ["done", "done", "failed"]
    assert first[0]["reasoning"] == THOUGHT
