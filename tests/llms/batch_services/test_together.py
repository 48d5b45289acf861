"""Together's batch service: what its documentation shows, asked through a network from memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmdash.llms.batches import BatchEnd, Batches, BatchStatus
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.llms.batch_services.services import draft, result_line, service, together_job, written_file
from tests.llms.canned import KEY, Canned, document

BASE = "https://api.together.ai/v1"
CREATED_AT = 1_705_329_000.0


def together(*answers: Any) -> tuple[Batches, Canned]:
    network = Canned(*answers)
    return service("chat", network, base_url=BASE), network


async def status_of(said: Any) -> BatchStatus:
    return await together(document(said))[0].status("b")


def test_a_line_has_a_body_and_no_address() -> None:
    found = json.loads(together()[0].line("a", "Hi", None, {"max_tokens": 5}))
    assert found == {
        "custom_id": "a",
        "body": {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5},
    }


async def test_a_file_is_sent_with_its_name_to_where_no_answer_redirects(tmp_path: Path) -> None:
    found, network = together(document({"id": "file-1", "filename": "r1-b1.jsonl", "bytes": 9}))
    assert await found.upload(written_file(found, tmp_path / "b", b"{}"), "r1-b1.jsonl") == "file-1"
    (request,) = network.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/files/upload")
    sent = await request.aread()
    for part in (b'name="purpose"\r\n\r\nbatch-api\r\n', b'name="file_name"\r\n\r\nr1-b1.jsonl\r\n'):
        assert part in sent
    assert b"expires_after" not in sent


async def test_neither_file_nor_key_follows_a_redirect(tmp_path: Path) -> None:
    found, network = together(
        document({}, 302, location="https://storage.test/put", x_together_file_id="file-1")
    )
    with pytest.raises(Failure) as caught:
        await found.upload(written_file(found, tmp_path / "b", b"{}"), "r1-b1.jsonl")
    assert caught.value.kind is FailureKind.CONFIG
    assert [request.url.host for request in network.requests] == ["api.together.ai"]


async def test_a_job_is_created_by_three_fields_and_told_inside_an_object(tmp_path: Path) -> None:
    found, network = together(document({"job": together_job("VALIDATING"), "warning": "none"}, 201))
    status = await found.create(draft(tmp_path, file_id="file-in"))
    assert str(network.requests[0].url) == f"{BASE}/batches"
    assert network.bodies() == [
        {"input_file_id": "file-in", "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    ]
    assert (status.id, status.end) == ("01234567-8901-2345-6789-012345678901", BatchEnd.NOT_YET)
    assert status.file_id == "file-input123abc456def"
    assert (status.created_at, status.expires_at) == (CREATED_AT, CREATED_AT + 86_400)


@pytest.mark.parametrize(
    ("word", "end", "is_cancelling"),
    [
        ("VALIDATING", BatchEnd.NOT_YET, False),
        ("IN_PROGRESS", BatchEnd.NOT_YET, False),
        ("CANCELING", BatchEnd.NOT_YET, True),
        ("COMPLETED", BatchEnd.COMPLETED, False),
        ("FAILED", BatchEnd.INVALID, False),
        ("EXPIRED", BatchEnd.EXPIRED, False),
        ("CANCELLED", BatchEnd.CANCELLED, False),
        ("SOMETHING_NEW", BatchEnd.NOT_YET, False),
    ],
)
async def test_every_word_of_a_job_has_its_end(word: str, end: BatchEnd, is_cancelling: bool) -> None:
    status = await status_of(together_job(word, output_file_id="file-out", error_file_id="file-err"))
    assert (status.end, status.is_cancelling) == (end, is_cancelling)
    assert (status.requests, status.done, status.failed) == (None, None, None)
    assert status.results == (() if end is BatchEnd.NOT_YET else ("file-out", "file-err"))


async def test_why_a_job_failed_is_said() -> None:
    why = "Invalid model ID: Unable to access non-serverless model m"
    status = await status_of(together_job("FAILED", error=why))
    assert status.problem is not None
    assert status.problem.kind is FailureKind.REQUEST
    assert why in status.problem.message
    assert status.results == ()


async def test_lists_are_whole_and_have_no_pages() -> None:
    jobs = [together_job(id=f"job-{n}", created_at=f"2024-01-15T14:{n:02}:00Z") for n in range(40)]
    found, network = together(document(jobs))
    listing = await found.look(CREATED_AT)
    assert str(network.requests[0].url) == f"{BASE}/batches"
    assert (len(listing.batches), listing.is_whole, len(network.requests)) == (40, True, 1)
    assert listing.batches[0].id == "job-39"
    file = {"id": "file-1", "filename": "a.jsonl", "bytes": 7, "created_at": 5, "purpose": "batch-api"}
    found, network = together(document({"data": [file]}))
    listed = await found.files(0.0)
    assert (listed.files, listed.is_whole) == ([("file-1", "a.jsonl", 7, 5.0)], True)
    assert str(network.requests[0].url) == f"{BASE}/files"


@pytest.mark.parametrize("said", [{"error": {"message": "no"}}, {"data": "x"}, "x", {}, 7])
async def test_what_is_no_list_is_a_failure(said: Any) -> None:
    with pytest.raises(Failure):
        await together(document(said))[0].look()


async def test_a_job_that_has_ended_cannot_be_cancelled_and_says_so() -> None:
    said = {"error": "Cannot cancel job - already in terminal state: CANCELLED"}
    found, network = together(document(said, 409))
    with pytest.raises(Failure) as caught:
        await found.cancel("b")
    assert (caught.value.status, str(network.requests[0].url)) == (409, f"{BASE}/batches/b/cancel")


def test_an_error_in_the_results_is_the_fault_that_the_service_names() -> None:
    found, _ = together()
    message = f"Selected function was not found in the tools list ({KEY})"
    line = {"id": "br_1", "custom_id": "a", "error": {"code": "batch_client_error", "message": message}}
    answer = found.read(json.dumps(line).encode())
    assert answer.failure is not None
    assert (answer.custom_id, answer.ran, answer.failure.kind) == ("a", True, FailureKind.REQUEST)
    assert "Selected function" in answer.failure.message
    assert KEY not in repr(answer)
    other = {**line, "error": {"code": ["x"], "message": "no"}}
    failure = found.read(json.dumps(other).encode()).failure
    assert failure is not None
    assert failure.kind is FailureKind.TRANSIENT
    said = {"choices": [{"message": {"content": "14", "tool_calls": []}, "finish_reason": "stop"}]}
    assert "".join(delta.text for delta in found.read(result_line("b", said)).deltas) == "14"
