"""What is billed is counted, with an answer or without: on the server, in the journal, in the summary."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Ended, environment, llmdash, results
from tests.recording import Body, Recorder

COUNTED = {"prompt_tokens": 300, "completion_tokens": 100, "total_tokens": 400}


def document(reason: str | None, content: str | None = "OK", usage: Any = COUNTED) -> Body:
    message = {"role": "assistant", "content": content}
    choices = [] if content is None else [{"index": 0, "message": message, "finish_reason": reason}]
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": choices, "usage": usage}


def run(folder: Path, server: Recorder, *more: object) -> Ended:
    (folder / "p.jsonl").write_text(json.dumps({"prompt": "a prompt of thirty-two characters"}) + "\n")
    env = environment(folder, LLMDASH_API_KEY="sk-canary-0123456789abcdef")
    common = ("--headless", "--json", "--rate", "unlimited", "--base-url", f"{server.root}/v1", "--no-stream")
    return llmdash(
        "run", "p.jsonl", *common, "--run-dir", "run", "--out", "r.jsonl", *more, cwd=folder, env=env
    )


def in_journal(folder: Path) -> tuple[int, int]:
    with sqlite3.connect(folder / "run" / "journal.sqlite") as db:
        row = db.execute("SELECT TOTAL(input_tokens), TOTAL(output_tokens) FROM attempts").fetchone()
    db.close()
    return int(row[0]), int(row[1])


def in_summary(ended: Ended) -> tuple[int, int]:
    usage = ended.summary["usage"]
    (key,) = ended.summary["keys"]
    assert (key["input_tokens"], key["output_tokens"]) == (usage["input_tokens"], usage["output_tokens"])
    return usage["input_tokens"], usage["output_tokens"]


@pytest.mark.case("wire", "no-choices")
@pytest.mark.case("wire", "filter-heavy")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(document(None, None), id="no choices"),
        pytest.param(document("content_filter", ""), id="a filter left nothing"),
    ],
)
def test_what_is_billed_without_an_answer_is_counted(tmp_path: Path, answer: Body) -> None:
    with Recorder(lambda _: (200, answer)) as server:
        ended = run(tmp_path, server)
        sent = len(server.requests)
        again = run(tmp_path, server, "--resume", "--retry-failed")
        twice = len(server.requests)
    assert ended.summary["failed"] == 1
    assert in_summary(ended) == (300 * sent, 100 * sent)
    assert in_summary(again) == in_journal(tmp_path) == (300 * twice, 100 * twice)


@pytest.mark.parametrize("usage", [{"completion_tokens": 7}, {"prompt_tokens": -1, "completion_tokens": "7"}])
def test_input_that_the_server_does_not_count_is_estimated(tmp_path: Path, usage: Any) -> None:
    with Recorder(lambda _: (200, document("stop", usage=usage))) as server:
        ended = run(tmp_path, server)
    (line,) = results(tmp_path / "r.jsonl")
    assert (line["usage"]["input_tokens"], line["usage"]["output_tokens"]) == (9, 7)
    assert in_summary(ended) == in_journal(tmp_path) == (9, 7)


def test_an_estimate_counts_calls_of_tools_and_reasoning_too(tmp_path: Path) -> None:
    call = {
        "id": "t",
        "type": "function",
        "function": {"name": "f", "arguments": json.dumps({"a": "x" * 400})},
    }
    message = {"role": "assistant", "content": None, "reasoning_content": "y" * 400, "tool_calls": [call]}
    answer = document("tool_calls", usage=None)
    answer["choices"][0]["message"] = message
    with Recorder(lambda _: (200, answer)) as server:
        run(tmp_path, server)
    (line,) = results(tmp_path / "r.jsonl")
    assert line["usage"]["output_tokens"] >= 200
