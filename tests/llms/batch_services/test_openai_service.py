"""OpenAI's batch service, asked through a network from memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmdash.llms.batches import BatchEnd
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.llms.batch_services.services import (
    AT,
    DATE,
    draft,
    names_in,
    openai_batch,
    result_line,
    service,
    written_file,
)
from tests.llms.canned import KEY, Canned, answer, document

ENDPOINTS = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "responses": "/v1/responses",
}


@pytest.mark.parametrize("wire", ENDPOINTS)
def test_a_line_is_the_body_of_a_call_that_is_not_streamed(wire: str) -> None:
    found = json.loads(service(wire).line("r1-1-1-1", "Hello\u2028you\n", "END", {"temperature": 0.5}))
    assert found["custom_id"] == "r1-1-1-1"
    assert (found["method"], found["url"]) == ("POST", ENDPOINTS[wire])
    assert found["body"]["model"] == "m"
    assert found["body"]["temperature"] == 0.5
    assert found["body"]["stop"] == "END"
    assert found["body"].keys() & {"stream", "stream_options"} == set()
    assert "Hello\u2028you" in json.dumps(found["body"], ensure_ascii=False)


async def test_a_file_is_sent_as_a_form_that_asks_to_be_forgotten_after_a_week(tmp_path: Path) -> None:
    network = Canned(document({"id": "file-1", "object": "file", "bytes": 9, "filename": "r1-b1.jsonl"}))
    found = service("chat", network)
    file = written_file(found, tmp_path / "b", b'{"custom_id":"a"}', b'{"custom_id":"b"}')
    assert await found.upload(file, 'r1-"b1".jsonl') == "file-1"
    (request,) = network.requests
    assert (request.method, str(request.url)) == ("POST", "https://llm.test/v1/files")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    kind, _, mark = request.headers["content-type"].partition("; boundary=")
    sent = await request.aread()
    assert kind == "multipart/form-data"
    assert len(sent) == int(request.headers["content-length"])
    parts = sent.split(f"--{mark}".encode())
    assert parts[0] == b""
    assert parts[-1] == b"--\r\n"
    named = [part.strip().partition(b"\r\n\r\n") for part in parts[1:-1]]
    values = {head.split(b'name="')[1].split(b'"')[0].decode(): value for head, _, value in named}
    assert values == {
        "purpose": b"batch",
        "expires_after[anchor]": b"created_at",
        "expires_after[seconds]": b"604800",
        "file": b'{"custom_id":"a"}\n{"custom_id":"b"}',
    }
    assert b'filename="r1-%22b1%22.jsonl"' in sent


async def test_a_batch_is_created_with_its_name_and_one_endpoint(tmp_path: Path) -> None:
    network = Canned(document(openai_batch(status="validating", request_counts={"total": 0})))
    status = await service("chat", network).create(draft(tmp_path, file_id="file-in"))
    assert str(network.requests[0].url) == "https://llm.test/v1/batches"
    assert network.bodies() == [
        {
            "input_file_id": "file-in",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {"llmdash": "r1-b1"},
            "output_expires_after": {"anchor": "created_at", "seconds": 604_800},
        }
    ]
    assert (status.id, status.word, status.end) == ("batch_1", "validating", BatchEnd.NOT_YET)
    assert (status.name, status.file_id, status.requests) == ("r1-b1", "file-in", None)
    assert (status.created_at, status.expires_at) == (AT - 60, AT + 86_340)


async def test_a_list_tells_of_all_batches_and_of_the_time_there() -> None:
    ended = openai_batch("batch_0", "completed", output_file_id="file-out", completed_at=int(AT))
    pages = {"object": "list", "data": [openai_batch(), ended], "has_more": False}
    network = Canned(document(pages, date=DATE))
    listing = await service("chat", network).look()
    assert str(network.requests[0].url) == "https://llm.test/v1/batches?limit=100"
    assert network.requests[0].method == "GET"
    assert (listing.at, listing.is_whole) == (AT, True)
    running, done = listing.batches
    assert (running.end, running.requests, running.done, running.failed) == (BatchEnd.NOT_YET, 10, 6, 1)
    assert running.results == ()
    assert (done.end, done.results, done.ended_at) == (BatchEnd.COMPLETED, ("file-out",), AT)


async def test_results_are_fetched_to_a_file_and_read_line_by_line(tmp_path: Path) -> None:
    said = {"choices": [{"message": {"content": "14"}, "finish_reason": "stop"}]}
    lines = [result_line("a", said), result_line("b", {"error": {"message": "slow down"}}, 429)]
    network = Canned(answer(b"\r\n".join(lines)[:30], b"\r\n".join(lines)[30:]))
    found = service("chat", network)
    await found.download("file-out", tmp_path / "out")
    assert str(network.requests[0].url) == "https://llm.test/v1/files/file-out/content"
    first, second = map(found.read, found.lines(tmp_path / "out"))
    assert first.custom_id == "a"
    assert "".join(delta.text for delta in first.deltas) == "14"
    assert first.deltas[-1].finish_reason == "stop"
    assert first.failure is None
    assert second.custom_id == "b"
    assert second.failure is not None
    assert second.failure.kind is FailureKind.THROTTLE
    assert second.failure.request_id == "req_1"


async def test_a_download_that_is_cut_leaves_no_file(tmp_path: Path) -> None:
    found = service("chat", Canned(answer(b"{}\n", OSError("cut"))))
    with pytest.raises(Failure) as caught:
        await found.download("file-out", tmp_path / "out")
    assert caught.value.kind is FailureKind.TRANSIENT
    assert names_in(tmp_path) == []


async def test_a_page_in_place_of_results_is_a_failure_and_leaves_no_file(tmp_path: Path) -> None:
    """A proxy that wants a login answers with 200: its page read as results would be a batch without any."""
    found = service("chat", Canned(answer(b"\r\n<html>Log in</html>")))
    with pytest.raises(Failure) as caught:
        await found.download("file-out", tmp_path / "out")
    assert (caught.value.kind, caught.value.status) == (FailureKind.TRANSIENT, 200)
    assert names_in(tmp_path) == []
