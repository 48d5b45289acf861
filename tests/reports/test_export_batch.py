"""A batch file goes in, and what the batch service would have given comes out."""

from __future__ import annotations

import json
import resource
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from llmdash.engine.model.records import ResultRecord
from llmdash.prompts.readers import open_source
from llmdash.reports.export import ExportError, check_writable, export, write_batch
from tests.reports.records import ALL, CANCELLED, DONE, LOST, PENDING, REFUSED


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


Lines = list[dict[str, Any]]


def written(folder: Path, records: Sequence[ResultRecord]) -> tuple[Lines, Lines]:
    """The lines of both files."""
    out = folder / "r.batch.jsonl"
    assert write_batch(records, out, clock=lambda: 1_800_000_000.9) == len(records)
    errors = folder / "r.batch.errors.jsonl"
    return lines(out), lines(errors) if errors.exists() else []


def check_shape(line: dict[str, Any]) -> None:
    """Raises AssertionError unless a line is one of the batch service, field by field."""
    assert list(line) == ["id", "custom_id", "response", "error"]
    assert line["id"].startswith("batch_req_")
    assert isinstance(line["custom_id"], str)
    response, error = line["response"], line["error"]
    assert (response is None) is not (error is None)
    if error is not None:
        assert list(error) == ["code", "message"]
        assert all(isinstance(value, str) and value for value in error.values())
        return
    assert list(response) == ["status_code", "request_id", "body"]
    assert isinstance(response["status_code"], int)
    assert isinstance(response["request_id"], str | None)
    if response["status_code"] == 200:
        body = ChatCompletion.model_validate(response["body"], strict=True)
        assert (body.object, len(body.choices), body.choices[0].index) == ("chat.completion", 1, 0)
        assert body.id.startswith("chatcmpl-")
    else:
        assert list(response["body"]["error"]) == ["message", "type", "param", "code"]


def test_an_answer_has_the_shape_of_a_chat_completion(tmp_path: Path) -> None:
    [line], errors = written(tmp_path, [DONE])
    assert errors == []
    check_shape(line)
    body = line["response"].pop("body")
    assert (line["custom_id"], line["error"]) == ("add-1", None)
    assert line["response"] == {"status_code": 200, "request_id": "req_1"}
    assert body == {
        "id": body["id"],
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gpt-4o-mini",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": DONE.text, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42},
    }


@pytest.mark.case("files", "columns-out")
def test_carried_fields_stand_beside_what_the_service_writes(tmp_path: Path) -> None:
    carrying = [replace(one, input={"row": 7}) for one in (DONE, REFUSED)]
    for line in (*written(tmp_path, carrying)[0], *written(tmp_path, carrying)[1]):
        assert line.pop("input") == {"row": 7}
        check_shape(line)


def test_what_is_not_known_is_not_made_up(tmp_path: Path) -> None:
    bare = ResultRecord(index=0, id="a", state="done", text="hi", output_tokens=3)
    [line], _ = written(tmp_path, [bare])
    check_shape(line)
    assert line["response"]["request_id"] is None
    assert line["response"]["body"]["usage"] is None
    assert line["response"]["body"]["created"] == 1_800_000_000


def test_what_failed_stands_in_a_file_of_its_own(tmp_path: Path) -> None:
    answers, errors = written(tmp_path, ALL)
    for line in (*answers, *errors):
        check_shape(line)
    assert [line["custom_id"] for line in answers] == ["add-1"]
    refused, lost, cancelled, pending = errors
    assert refused["error"] is None
    assert refused["response"] == {
        "status_code": 400,
        "request_id": "req_2",
        "body": {
            "error": {"message": "too long", "type": "invalid_request_error", "param": None, "code": None}
        },
    }
    assert lost["error"] == {"code": "request_failed", "message": "the answer was cut short"}
    assert cancelled["error"]["code"] == "batch_cancelled"
    assert pending["error"]["code"] == "batch_expired"
    assert lost["response"] is cancelled["response"] is pending["response"] is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "invalid_request_error"),
        (429, "rate_limit_error"),
        (503, "server_error"),
        (529, "server_error"),
    ],
)
def test_a_refusal_says_its_kind(tmp_path: Path, status: int, kind: str) -> None:
    _, [line] = written(tmp_path, [replace(REFUSED, status=status, error=None)])
    check_shape(line)
    assert line["response"]["body"]["error"]["type"] == kind
    assert line["response"]["body"]["error"]["message"] == f"HTTP {status}"


def test_an_answer_that_failed_after_its_200_is_not_shown_as_answered(tmp_path: Path) -> None:
    answers, [line] = written(tmp_path, [replace(LOST, status=200)])
    assert answers == []
    assert line["response"] is None
    assert line["error"]["code"] == "request_failed"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("max_output_tokens", "length"),
        ("refusal", "content_filter"),
        ("tool_use", "tool_calls"),
        ("length", "length"),
        (None, "stop"),
    ],
)
def test_the_end_of_an_answer_is_said_in_the_words_of_chat(
    tmp_path: Path, said: str | None, shown: str
) -> None:
    [line], _ = written(tmp_path, [replace(DONE, finish_reason=said)])
    check_shape(line)
    assert line["response"]["body"]["choices"][0]["finish_reason"] == shown


def test_a_second_export_gives_the_same_bytes(tmp_path: Path) -> None:
    written(tmp_path, ALL)
    first = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    written(tmp_path, ALL)
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == first
    ids = [line["id"] for path in tmp_path.iterdir() for line in lines(path)]
    assert len(set(ids)) == len(ALL)


def test_errors_of_an_earlier_export_go_when_nothing_failed_any_more(tmp_path: Path) -> None:
    """Or an id would stand in both files, once answered and once not."""
    written(tmp_path, [DONE, CANCELLED])
    assert len(list(tmp_path.iterdir())) == 2
    written(tmp_path, [DONE])
    assert [path.name for path in tmp_path.iterdir()] == ["r.batch.jsonl"]


def test_both_files_are_private(tmp_path: Path) -> None:
    written(tmp_path, [DONE, PENDING])
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_place_for_errors_that_is_taken_is_told_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "r.batch.errors.jsonl").mkdir()
    with pytest.raises(ExportError, match=r"r\.batch\.errors\.jsonl: is a folder"):
        check_writable(tmp_path / "r.batch.jsonl")
    with pytest.raises(ExportError, match=r"r\.batch\.errors\.jsonl: cannot be written"):
        export([CANCELLED], tmp_path / "r.batch.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["r.batch.errors.jsonl"]


def test_a_disk_without_room_leaves_both_old_files(tmp_path: Path) -> None:
    """The limit on a file's size stands in for the end of the disk."""
    before = written(tmp_path, ALL)
    out = tmp_path / "r.batch.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        for records, full in [
            ([LOST, *[DONE] * 500], "r.batch.jsonl"),
            ([DONE, *[LOST] * 1_500], "r.batch.errors.jsonl"),
            ([DONE] * 500, "r.batch.jsonl"),
        ]:
            with pytest.raises(ExportError) as caught:
                export(records, out)
            assert f"/{full}: cannot be written (File too large)" in str(caught.value)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (lines(out), lines(tmp_path / "r.batch.errors.jsonl")) == before
    assert len(list(tmp_path.iterdir())) == 2


def test_hostile_text_is_exact_and_steers_nothing(tmp_path: Path) -> None:
    hostile = "\x1b[2J\x9b\u202e\u2028\r\n\x00\ud800 =1+1"
    record = replace(DONE, id=hostile, text=hostile)
    written(tmp_path, [record, replace(REFUSED, error=hostile)])
    for path in tmp_path.iterdir():
        assert path.read_text().removesuffix("\n").isprintable()
    [answer], [error] = written(tmp_path, [record, replace(REFUSED, error=hostile)])
    assert answer["custom_id"] == hostile
    assert answer["response"]["body"]["choices"][0]["message"]["content"] == hostile
    assert error["response"]["body"]["error"]["message"] == hostile


def test_a_batch_file_comes_back_answered_in_its_order(tmp_path: Path) -> None:
    """In: requests of four shapes. Out: a line for each id, whatever the index says of its place."""
    turns = [{"role": "user", "content": "2 + 2?"}]
    shapes: list[dict[str, Any]] = [
        {"method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": turns}},
        {"method": "POST", "url": "/v1/completions", "body": {"model": "m", "prompt": "2 + 2?"}},
        {"method": "POST", "url": "/v1/responses", "body": {"model": "m", "input": "2 + 2?"}},
        {"params": {"model": "m", "max_tokens": 5, "messages": turns}},
    ]
    requests = [{"custom_id": f"r {n}\t", **shapes[n % 4]} for n in range(40)]
    asked = tmp_path / "in.jsonl"
    asked.write_text("\n".join(map(json.dumps, requests)))
    source = open_source(asked)
    assert not source.problems

    def result(index: int) -> ResultRecord:
        prompt = source.prompt(index)
        model = prompt.options["model"]
        if index % 7 == 3:
            return ResultRecord(index, prompt.id, "failed", error="503", status=503, model=model)
        return ResultRecord(index, prompt.id, "done", f"{prompt.text} 4", model=model, finish_reason="stop")

    answers, errors = written(tmp_path, [result(index) for index in range(len(source))])
    for line in (*answers, *errors):
        check_shape(line)
    ids = [request["custom_id"] for request in requests]
    assert [line["custom_id"] for line in answers] == [name for n, name in enumerate(ids) if n % 7 != 3]
    assert [line["custom_id"] for line in errors] == ids[3::7]
    for line in answers:
        body = line["response"]["body"]
        assert (body["model"], body["choices"][0]["message"]["content"]) == ("m", "2 + 2? 4")
