"""Answers that are checked and validated, from the command line to the results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Ended, environment, llmdash, results
from tests.recording import Body, Recorder

KEY = "sk-canary-0123456789abcdef"
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def rows(folder: Path, *lines: dict[str, Any]) -> None:
    (folder / "p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "s.json").write_text(json.dumps(SCHEMA))


def run(folder: Path, server: Recorder, *more: object) -> Ended:
    env = environment(folder, LLMDASH_API_KEY=KEY)
    common = ("--headless", "--json", "--rate", "unlimited", "--base-url", f"{server.root}/v1")
    return llmdash(
        "run", "p.jsonl", *common, "--out", "r.jsonl", "--run-dir", "run", *more, cwd=folder, env=env
    )


def asked(body: Body) -> str:
    text: str = body["messages"][0]["content"]
    return text


def test_a_sentence_that_ends_in_the_expected_number_is_right(tmp_path: Path) -> None:
    rows(
        tmp_path,
        {"id": "a", "prompt": "26 - 29 + 6 = ?", "expected": 3},
        {"prompt": "1 + 1 = ?", "expected": "3"},
    )
    with Recorder(lambda _: "26 - 29 + 6 = 3. Hope that helps!") as server:
        plain = run(tmp_path, server)
        checked = run(tmp_path, server, "--check", "number", "--run-dir", "run2", "--overwrite")
    assert (plain.code, plain.summary["score"]["right"]) == (0, 0)
    assert checked.summary["score"]["right"] == 2
    assert [line["correct"] for line in results(tmp_path / "r.jsonl")] == [True, True]


def test_a_row_s_own_check_goes_before_that_of_the_run(tmp_path: Path) -> None:
    rows(
        tmp_path,
        {"prompt": "a", "expected": "ok", "check": "contains"},
        {"prompt": "b", "expected": "ok"},
        {"prompt": "c", "expected": '{"n": 1.0}', "check": "json"},
        {"prompt": "d", "expected": "^O", "check": "pattern"},
    )
    with Recorder(lambda body: '{"n": 1}' if asked(body) == "c" else "OK, then") as server:
        run(tmp_path, server, "--check", "equal")
    assert [line["correct"] for line in results(tmp_path / "r.jsonl")] == [True, False, True, True]


def test_a_check_with_nothing_to_compare_answers_with_is_reported(tmp_path: Path) -> None:
    rows(tmp_path, {"prompt": "a"})
    with Recorder() as server:
        ended = run(tmp_path, server, "--check", "number")
    assert ended.code == 0
    assert "llmdash: --check: nothing was scored, as no row has `expected`; --expected-column" in ended.err


def test_a_check_that_is_none_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    rows(tmp_path, {"prompt": "a"})
    with Recorder() as server:
        ended = run(tmp_path, server, "--check", "nubmer")
        assert (ended.code, server.requests) == (2, [])
    assert "'nubmer' is not a check; known are equal, number" in ended.err
    assert not (tmp_path / "run").exists()


def test_an_invalid_answer_is_a_state_of_its_own_and_fails_the_run(tmp_path: Path) -> None:
    rows(tmp_path, {"id": "good", "prompt": "good"}, {"id": "bad", "prompt": "bad"})
    with Recorder(lambda body: '{"n": 1}' if asked(body) == "good" else '{"n": "one"}') as server:
        ended = run(tmp_path, server, "--schema", "s.json")
    assert (ended.code, ended.summary["done"], ended.summary["invalid"]) == (3, 1, 1)
    assert ended.summary["errors"][0]["count"] == 1
    good, bad = sorted(results(tmp_path / "r.jsonl"), key=lambda line: line["id"] == "bad")
    assert (good["state"], bad["state"], bad["text"]) == ("done", "invalid", '{"n": "one"}')
    assert bad["flags"] == ["invalid"]
    assert "$.n: 'one' is not of type 'integer'" in bad["error"]
    wanted = server.requests[0].body["response_format"]
    assert (wanted["type"], wanted["json_schema"]["schema"]) == ("json_schema", SCHEMA)


def test_a_repair_asks_once_more_and_its_cost_is_counted(tmp_path: Path) -> None:
    rows(tmp_path, {"prompt": "bad"})
    with Recorder(lambda body: '{"n": 1}' if len(body["messages"]) > 1 else "no") as server:
        ended = run(tmp_path, server, "--schema", "s.json", "--repair")
        assert len(server.requests) == 2
    assert (ended.code, ended.summary["done"], ended.summary["attempts"]) == (0, 1, 2)
    assert ended.summary["usage"]["input_tokens"] == 6
    said = server.requests[1].body["messages"]
    assert [each["role"] for each in said] == ["user", "assistant", "user"]
    assert "no JSON in the answer" in said[2]["content"]


def test_a_server_that_takes_no_schema_is_asked_without_and_validated_all_the_same(tmp_path: Path) -> None:
    def answering(body: Body) -> str | tuple[int, Body]:
        if "response_format" in body:
            message = "response_format is not supported by this model"
            return 400, {
                "error": {"message": message, "param": "response_format", "type": "invalid_request_error"}
            }
        return '{"n": 1}' if asked(body) == "good" else "no"

    rows(tmp_path, {"prompt": "good"}, {"prompt": "bad"})
    with Recorder(answering) as server:
        ended = run(tmp_path, server, "--schema", "s.json", "--concurrency", "1")
        assert len(server.requests) == 3  # learned once
    assert (ended.code, ended.summary["done"], ended.summary["invalid"]) == (3, 1, 1)


@pytest.mark.case("library", "empty answer")
def test_an_empty_answer_is_flagged_and_counted_or_fails_on_demand(tmp_path: Path) -> None:
    rows(tmp_path, {"prompt": "a"})
    with Recorder(lambda _: "") as server:
        done = run(tmp_path, server)
        failed = run(tmp_path, server, "--empty", "fail", "--run-dir", "run2", "--overwrite")
    assert (done.code, done.summary["done"], done.summary["empty"]) == (0, 1, 1)
    assert (failed.code, failed.summary["failed"], failed.summary["empty"]) == (3, 1, 0)


def test_the_dialects_ask_for_a_schema_in_their_own_words_or_not_at_all(tmp_path: Path) -> None:
    rows(tmp_path, {"prompt": "a"})
    found: dict[str, Any] = {}
    for dialect in ("openai-responses", "anthropic", "openai-completions"):
        with Recorder(lambda _: (400, {"error": {"message": "no"}})) as server:
            more = ("--dialect", dialect, "--run-dir", dialect, "--overwrite", "--set", "seed=1")
            run(tmp_path, server, "--schema", "s.json", *more)
            found[dialect] = server.requests[0].body
    assert found["openai-responses"]["text"]["format"]["schema"] == SCHEMA
    assert not any(
        {"response_format", "text"} & found[each].keys() for each in ("anthropic", "openai-completions")
    )
