"""Gemini's batch service: what its documentation shows, asked through a network from memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmdash.llms.batches import BatchEnd, Batches, BatchStatus
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.llms.batch_services.services import (
    AT,
    DATE,
    draft,
    gemini_file,
    gemini_operation,
    openai_batch,
    service,
    written_file,
)
from tests.llms.canned import KEY, Canned, answer, document

HOST = "https://generativelanguage.googleapis.com"
BASE = f"{HOST}/v1beta/openai"
UPLOAD = f"{HOST}/upload/v1beta/files?upload_id=abc&upload_protocol=resumable"
CREATED_AT = 1_767_697_751.0


def gemini(*answers: Any, **settings: Any) -> tuple[Batches, Canned]:
    network = Canned(*answers)
    return service("chat", network, **{"base_url": BASE, **settings}), network


async def status_of(said: Any) -> BatchStatus:
    return await gemini(document(said))[0].status("b1")


def test_a_line_is_in_openais_format() -> None:
    line = json.loads(gemini()[0].line("a", "Hi", None, {}))
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    assert line == {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}


async def test_a_file_goes_in_two_steps_to_the_service_of_files(tmp_path: Path) -> None:
    begun = document({}, x_goog_upload_url=UPLOAD, x_goog_upload_status="active")
    found, network = gemini(begun, document({"file": gemini_file("frh6ua11nk3o")}))
    file = written_file(found, tmp_path / "b", b'{"custom_id":"a"}')
    assert await found.upload(file, "r1-b1.jsonl") == "frh6ua11nk3o"
    first, second = network.requests
    assert str(first.url) == f"{HOST}/upload/v1beta/files"
    assert json.loads(await first.aread()) == {"file": {"display_name": "r1-b1.jsonl"}}
    named = {name: value for name, value in first.headers.items() if name.startswith("x-goog-")}
    assert named == {
        "x-goog-api-key": KEY,
        "x-goog-upload-protocol": "resumable",
        "x-goog-upload-command": "start",
        "x-goog-upload-header-content-type": "application/jsonl",
        "x-goog-upload-header-content-length": str(file.stat().st_size),
    }
    assert (second.method, str(second.url)) == ("POST", UPLOAD)
    assert await second.aread() == file.read_bytes()
    assert second.headers["x-goog-upload-command"] == "upload, finalize"
    assert second.headers["x-goog-upload-offset"] == "0"
    assert all("authorization" not in request.headers for request in network.requests)


@pytest.mark.parametrize(
    "address", ["https://evil.test/upload", "http://generativelanguage.googleapis.com/u"]
)
async def test_neither_file_nor_key_goes_to_another_server(tmp_path: Path, address: str) -> None:
    found, network = gemini(document({}, x_goog_upload_url=address))
    with pytest.raises(Failure) as caught:
        await found.upload(written_file(found, tmp_path / "b", b"{}"), "in.jsonl")
    assert caught.value.kind is FailureKind.CONFIG
    assert "another server" in caught.value.message
    assert len(network.requests) == 1


@pytest.mark.parametrize(
    "answers",
    [
        (document({}),),
        (document([], x_goog_upload_url=UPLOAD), document({"file": {"name": "files/../x y"}})),
        (answer(b"", x_goog_upload_url=UPLOAD), document([7])),
        (answer(b"", x_goog_upload_url="http://["),),
    ],
)
async def test_an_upload_that_is_answered_otherwise_is_a_failure(tmp_path: Path, answers: Any) -> None:
    found, _ = gemini(*answers)
    with pytest.raises(Failure):
        await found.upload(written_file(found, tmp_path / "b", b"{}"), "in.jsonl")


async def test_a_file_that_is_not_there_asks_for_nothing(tmp_path: Path) -> None:
    found, network = gemini(document({}))
    with pytest.raises(Failure) as caught:
        await found.upload(tmp_path / "gone", "in.jsonl")
    assert (caught.value.kind, network.requests) == (FailureKind.LOCAL, [])


async def test_a_batch_is_created_by_the_compatible_api_with_the_three_fields_it_documents(
    tmp_path: Path,
) -> None:
    ids = {"input_file_id": "files/frh6ua11nk3o", "error_file_id": None, "metadata": None}
    found, network = gemini(document(openai_batch("batches/b1", "validating", **ids)))
    status = await found.create(draft(tmp_path, file_id="frh6ua11nk3o"))
    (request,) = network.requests
    assert str(request.url) == f"{BASE}/batches"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert network.bodies() == [
        {
            "input_file_id": "files/frh6ua11nk3o",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
        }
    ]
    assert (status.id, status.file_id, status.end) == ("b1", "frh6ua11nk3o", BatchEnd.NOT_YET)
    assert status.expires_at == (status.created_at or 0) + 48 * 3_600
    assert found.limits.window_s == 48 * 3_600


@pytest.mark.parametrize("prefix", ["BATCH_STATE_", "JOB_STATE_"])
@pytest.mark.parametrize(
    ("word", "end"),
    [
        ("PENDING", BatchEnd.NOT_YET),
        ("RUNNING", BatchEnd.NOT_YET),
        ("SUCCEEDED", BatchEnd.COMPLETED),
        ("PARTIALLY_SUCCEEDED", BatchEnd.COMPLETED),
        ("FAILED", BatchEnd.INVALID),
        ("CANCELLED", BatchEnd.CANCELLED),
        ("EXPIRED", BatchEnd.EXPIRED),
        ("UNSPECIFIED", BatchEnd.NOT_YET),
    ],
)
async def test_every_state_of_an_operation_has_its_end(prefix: str, word: str, end: BatchEnd) -> None:
    output = {"responsesFile": "files/batch-b1"}
    found, network = gemini(
        document(gemini_operation(prefix + word, output=output, endTime="2026-01-06T11:10:19Z"))
    )
    status = await found.status("b1")
    (request,) = network.requests
    assert str(request.url) == f"{HOST}/v1beta/batches/b1"
    assert request.headers["x-goog-api-key"] == KEY
    assert "authorization" not in request.headers
    assert (status.id, status.end, status.file_id) == ("b1", end, "frh6ua11nk3o")
    assert (status.requests, status.done, status.failed) == (10, 7, 0)
    assert status.results == (() if end is BatchEnd.NOT_YET else ("batch-b1",))
    assert status.created_at is not None
    assert int(status.created_at) == CREATED_AT
    assert status.expires_at == status.created_at + 48 * 3_600
    assert status.ended_at == CREATED_AT + 68


async def test_results_may_be_named_by_the_response_alone() -> None:
    said = {
        **gemini_operation("BATCH_STATE_SUCCEEDED"),
        "response": {"responsesFile": "files/batch-b1"},
        "done": True,
    }
    assert (await status_of(said)).results == ("batch-b1",)


@pytest.mark.parametrize(
    ("code", "kind"), [(3, FailureKind.REQUEST), (8, FailureKind.THROTTLE), (13, FailureKind.TRANSIENT)]
)
async def test_an_operation_that_failed_is_classified_by_its_code(code: int, kind: FailureKind) -> None:
    said = {**gemini_operation("BATCH_STATE_FAILED"), "error": {"code": code, "message": "it did not work"}}
    status = await status_of(said)
    assert status.problem is not None
    assert status.problem.kind is kind
    assert "it did not work" in status.problem.message


async def test_a_list_is_read_to_its_end_since_nothing_says_how_it_is_ordered() -> None:
    first = {"operations": [gemini_operation(name="batches/b1")], "nextPageToken": "a+/=="}
    found, network = gemini(
        document(first, date=DATE), document({"operations": [gemini_operation(name="batches/b2")]})
    )
    listing = await found.look(CREATED_AT + 1_000)
    assert [dict(request.url.params) for request in network.requests] == [
        {"pageSize": "100"},
        {"pageSize": "100", "pageToken": "a+/=="},
    ]
    assert ({one.id for one in listing.batches}, listing.is_whole, listing.at) == ({"b1", "b2"}, True, AT)


async def test_an_empty_list_is_an_empty_object() -> None:
    listing = await gemini(document({}))[0].look()
    assert (listing.batches, listing.is_whole) == ([], True)
    assert (await gemini(document({}))[0].files()).files == []


async def test_files_are_found_by_their_names_and_sizes() -> None:
    found, network = gemini(
        document({"files": [gemini_file("a"), gemini_file("b", sizeBytes="x"), {"name": 7}, None]})
    )
    listed = await found.files(0.0)
    assert str(network.requests[0].url) == f"{HOST}/v1beta/files?pageSize=100"
    assert [(one.id, one.name, one.bytes) for one in listed.files] == [
        ("a", "r1-b1.jsonl", 19),
        ("b", "r1-b1.jsonl", 0),
    ]


@pytest.mark.parametrize("said", [[], "x", 7, None, {"operations": "x"}, {"error": {"code": 500}}, {"x": 1}])
async def test_what_is_no_list_is_a_failure(said: Any) -> None:
    with pytest.raises(Failure):
        await gemini(document(said))[0].look()


async def test_a_cancel_is_answered_by_nothing_and_what_came_of_it_is_asked() -> None:
    found, network = gemini(document({}), document(gemini_operation("BATCH_STATE_CANCELLED")))
    assert (await found.cancel("b1")).end is BatchEnd.CANCELLED
    asked = [(request.method, str(request.url)) for request in network.requests]
    assert asked == [
        ("POST", f"{HOST}/v1beta/batches/b1:cancel"),
        ("GET", f"{HOST}/v1beta/batches/b1"),
    ]


async def test_results_are_fetched_by_the_name_of_their_file_and_forgotten(tmp_path: Path) -> None:
    found, network = gemini(answer(b"{}\n"), document({}), document({}))
    await found.download("batch-b1", tmp_path / "out")
    await found.forget(BatchStatus("b1", "completed", file_id="in", results=("batch-b1",)))
    asked = [(request.method, str(request.url)) for request in network.requests]
    assert asked == [
        ("GET", f"{HOST}/v1beta/files/batch-b1:download?alt=media"),
        ("DELETE", f"{HOST}/v1beta/files/in"),
        ("DELETE", f"{HOST}/v1beta/files/batch-b1"),
    ]


def test_an_error_in_a_line_is_classified_by_the_code_of_its_status() -> None:
    found, _ = gemini()
    kinds = []
    for code in (3, 8, 13, "3", 3.0, None, [3], True):
        line = json.dumps({"custom_id": "a", "response": None, "error": {"code": code, "message": "no"}})
        failure = found.read(line.encode()).failure
        assert failure is not None
        kinds.append(failure.kind)
    assert kinds[:3] == [FailureKind.REQUEST, FailureKind.THROTTLE, FailureKind.TRANSIENT]


async def test_behind_a_gateway_its_path_says_that_it_is_gemini() -> None:
    found, network = gemini(document({}), base_url="https://gate.test/google/v1beta/openai/")
    await found.look()
    assert str(network.requests[0].url) == "https://gate.test/google/v1beta/batches?pageSize=100"
