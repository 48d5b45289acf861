"""Lines of results: what a line says is what a call would have said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmdash.llms.batches import Batches
from llmdash.llms.messages import Delta
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.llms.batch_services.services import KINDS, model, result_line, service
from tests.llms.canned import KEY, Canned, document

CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
USED = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 3}}


def chat(message: dict[str, Any], reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": USED, **more}


def message(*content: dict[str, Any], reason: str | None = "end_turn") -> dict[str, Any]:
    usage = {"input_tokens": 9, "output_tokens": 4, "cache_read_input_tokens": 2}
    return {"type": "message", "content": list(content), "stop_reason": reason, "usage": usage}


TEXT = {"type": "text", "text": "14"}
TOOL = {"type": "tool_use", "id": "t", "name": "add", "input": {}}
ANSWERS = [
    pytest.param("chat", chat({"content": "14"}), id="text"),
    pytest.param("chat", chat({"content": "14"}, "length"), id="cut by its length"),
    pytest.param("chat", chat({"content": ""}), id="empty"),
    pytest.param("chat", chat({"content": ""}, "content_filter"), id="filtered"),
    pytest.param("chat", chat({"content": None, "tool_calls": [CALL]}, "tool_calls"), id="a call"),
    pytest.param("chat", chat({"content": "", "reasoning_content": "hm"}), id="only reasoning"),
    pytest.param("chat", chat({"content": "14"}, "error"), id="a finish reason of trouble"),
    pytest.param("chat", chat({"content": f"14 {KEY}"}), id="the key comes back"),
    pytest.param("chat", {"choices": []}, id="no choices"),
    pytest.param("chat", {"error": {"code": "rate_limit_exceeded", "message": "slow"}}, id="an error"),
    pytest.param(
        "chat", {"error": {"message": "insufficient_quota", "code": "insufficient_quota"}}, id="quota"
    ),
    pytest.param("chat", {}, id="nothing"),
    pytest.param("completions", {"choices": [{"text": "14", "finish_reason": "stop"}]}, id="completion"),
    pytest.param(
        "responses",
        {
            "status": "incomplete",
            "output": [{"content": []}],
            "incomplete_details": {"reason": "max_output_tokens"},
        },
        id="incomplete response",
    ),
    pytest.param("responses", {"status": "failed", "error": {"code": "server_error"}}, id="failed response"),
    pytest.param("messages", message(TEXT), id="message"),
    pytest.param("messages", message(TEXT, TOOL, reason="tool_use"), id="message with a tool"),
    pytest.param("messages", message(reason="refusal"), id="refusal"),
    pytest.param("messages", message(reason=None), id="message without anything"),
    pytest.param(
        "messages", {"type": "error", "error": {"type": "overloaded_error"}}, id="error for a message"
    ),
]


def without_time(deltas: list[Delta]) -> list[tuple[Any, ...]]:
    return [
        (one.text, one.reasoning, one.finish_reason, one.usage, one.message, one.flags)
        for one in deltas
        if not one.headers and one.hints is None
    ]


@pytest.mark.parametrize(("wire", "body"), ANSWERS)
async def test_a_line_says_what_a_call_would_have_said(wire: str, body: dict[str, Any]) -> None:
    live: list[Delta] = []
    failed: Failure | None = None
    try:
        async for delta in model(wire, Canned(document(body)), streaming=False).deltas("Hi"):
            live.append(delta)  # noqa: PERF401 - what comes before a failure counts
    except Failure as failure:
        failed = failure
    if wire == "messages":
        line = json.dumps({"custom_id": "a", "result": {"type": "succeeded", "message": body}}).encode()
    else:
        line = result_line("a", body)
    answer = service(wire).read(line)
    assert answer.custom_id == "a"
    assert answer.ran
    assert without_time(list(answer.deltas)) == without_time(live)
    if failed is None:
        assert answer.failure is None
    else:
        assert answer.failure is not None
        assert (answer.failure.kind, answer.failure.code) == (failed.kind, failed.code)
        assert (answer.failure.message, answer.failure.may_be_billed) == (
            failed.message,
            failed.may_be_billed,
        )
    assert KEY not in repr(answer)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"message": "no", "code": "invalid_value", "param": "temperature"}, FailureKind.REQUEST),
        (400, {"message": "bad", "code": "content_filter"}, FailureKind.REQUEST),
        (401, {"message": "Incorrect API key provided"}, FailureKind.AUTH),
        (404, {"message": "The model `m` does not exist", "code": "model_not_found"}, FailureKind.REQUEST),
        (429, {"message": "slow down", "code": "rate_limit_exceeded"}, FailureKind.THROTTLE),
        (429, {"message": "pay", "code": "insufficient_quota"}, FailureKind.QUOTA),
        (500, {"message": "oops"}, FailureKind.TRANSIENT),
        ("503", {"message": "oops"}, FailureKind.TRANSIENT),
    ],
)
def test_an_http_failure_in_a_line_is_classified_as_a_live_one(
    status: Any, error: dict[str, Any], kind: FailureKind
) -> None:
    answer = service("chat").read(result_line("a", {"error": error}, status))
    assert answer.failure is not None
    assert (answer.failure.kind, answer.failure.status) == (kind, int(status))
    assert answer.failure.request_id == "req_1"
    assert answer.ran


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "invalid_request_error", "message": "max_tokens: too large"}, FailureKind.REQUEST),
        (
            {"type": "invalid_request_error", "message": "Your credit balance is too low to access the API"},
            FailureKind.QUOTA,
        ),
        ({"type": "billing_error", "message": "pay"}, FailureKind.QUOTA),
        ({"type": "rate_limit_error", "message": "slow"}, FailureKind.THROTTLE),
        ({"type": "overloaded_error", "message": "Overloaded"}, FailureKind.TRANSIENT),
        ({"type": "api_error", "message": "Internal server error"}, FailureKind.TRANSIENT),
        ({"type": "authentication_error", "message": "invalid x-api-key"}, FailureKind.AUTH),
        ({"type": "novel_error", "message": "?"}, FailureKind.TRANSIENT),
    ],
)
@pytest.mark.parametrize("is_wrapped", [True, False])
def test_an_error_in_a_line_of_messages_is_classified_by_its_type(
    error: dict[str, Any], kind: FailureKind, is_wrapped: bool
) -> None:
    said = {"type": "error", "request_id": "req_1", "error": error} if is_wrapped else error
    line = json.dumps({"custom_id": "a", "result": {"type": "errored", "error": said}}).encode()
    answer = service("messages").read(line)
    assert answer.failure is not None
    assert answer.failure.kind is kind
    assert answer.failure.request_id == ("req_1" if is_wrapped else None)


@pytest.mark.parametrize(
    ("wire", "line"),
    [
        ("chat", {"response": None, "error": {"code": "batch_expired", "message": "in time"}}),
        ("chat", {"response": None, "error": {"code": "batch_cancelled", "message": "cancelled"}}),
        ("messages", {"result": {"type": "expired"}}),
        ("messages", {"result": {"type": "canceled"}}),
    ],
)
def test_what_never_ran_is_to_be_sent_again(wire: str, line: dict[str, Any]) -> None:
    answer = service(wire).read(json.dumps({"custom_id": "a", **line}).encode())
    assert not answer.ran
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.TRANSIENT


@pytest.mark.parametrize(
    "line",
    [
        {"custom_id": "a", "response": None, "error": None},
        {"custom_id": "a"},
        {"custom_id": "a", "response": {"status_code": 200, "body": None}, "error": None},
        {"custom_id": "a", "response": {"status_code": 200}},
        {"custom_id": "a", "result": None},
        {"custom_id": "a", "result": {"type": "succeeded"}},
        {"custom_id": "a", "result": {"type": "processing"}},
    ],
)
@pytest.mark.parametrize("wire", ["chat", "messages"])
def test_a_line_without_an_answer_is_that_of_its_request_and_transient(
    wire: str, line: dict[str, Any]
) -> None:
    answer = service(wire).read(json.dumps(line).encode())
    assert answer.custom_id == "a"
    assert answer.ran
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.TRANSIENT


SAID = chat({"content": "14"})


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(result_line("a", SAID).replace(b'"14"', b'"\\ud83d"'), id="half a pair"),
        pytest.param(result_line("a", SAID)[:-1] + b', "n": ' + b"9" * 5000 + b"}", id="a huge number"),
        pytest.param(result_line("a", SAID).replace(b'"14"', b'"\xff"'), id="bytes that are no text"),
        pytest.param(result_line("a", json.dumps(SAID)), id="a body as text"),
    ],
)
def test_what_a_strict_reader_refuses_spoils_no_other_line(line: bytes) -> None:
    answer = service("chat").read(line)
    assert (answer.failure is None) == (answer.custom_id == "a")


@pytest.fixture(params=["chat", "messages"])
def found(request: pytest.FixtureRequest) -> Batches:
    return service(request.param)


def test_lines_end_in_any_way_and_a_long_one_is_cut(found: Batches, tmp_path: Path) -> None:
    file = tmp_path / "out"
    long = b'{"custom_id": "long", "x": "' + b"y" * 9_000_000 + b'"}'
    file.write_bytes(b"\xef\xbb\xbf{}\r\n\n  \r\n" + long + b"\n" + "{\u2028\u0085}".encode() + b"\n{}")
    lines = list(found.lines(file))
    assert [len(line) for line in lines] == [2, 8_000_001, 7, 2]
    assert found.read(lines[1]).custom_id is None
    assert found.read(lines[1]).failure is not None


@pytest.mark.parametrize("wire", KINDS)
def test_an_empty_file_has_no_lines(wire: str, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    assert list(service(wire).lines(tmp_path / "out")) == []
