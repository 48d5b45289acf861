"""Anthropic's message batches, asked through a network from memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmdash.llms.batches import BatchEnd
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.llms.batch_services.services import AT, DATE, anthropic_batch, draft, service, written_file
from tests.llms.canned import KEY, Canned, answer, document

RESULTS = "https://llm.test/v1/messages/batches/msgbatch_1/results"


async def test_requests_are_sent_with_the_creation(tmp_path: Path) -> None:
    network = Canned(document(anthropic_batch()))
    found = service("messages", network, base_url="https://llm.test")
    lines = [found.line(name, "Hello", None, {"max_tokens": 5}) for name in ("a", "b")]
    file = written_file(found, tmp_path / "b", *lines)
    status = await found.create(draft(file))
    (request,) = network.requests
    assert (request.method, str(request.url)) == ("POST", "https://llm.test/v1/messages/batches")
    assert (request.headers["x-api-key"], request.headers["anthropic-version"]) == (KEY, "2023-06-01")
    sent = json.loads(await request.aread())
    params = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}
    assert sent == {"requests": [{"custom_id": name, "params": params} for name in ("a", "b")]}
    assert (status.id, status.end, status.requests) == ("msgbatch_1", BatchEnd.NOT_YET, 10)
    assert (status.done, status.failed, status.results) == (None, None, ())


async def test_a_list_tells_of_all_batches_and_of_the_time_there() -> None:
    counts = {"processing": 0, "succeeded": 7, "errored": 1, "canceled": 0, "expired": 2}
    ended = anthropic_batch(
        "msgbatch_0",
        "ended",
        request_counts=counts,
        results_url=RESULTS,
        ended_at="2026-11-30T11:00:00.123456789+00:00",
    )
    network = Canned(document({"data": [anthropic_batch(), ended], "has_more": False}, date=DATE))
    listing = await service("messages", network).look()
    assert str(network.requests[0].url) == "https://llm.test/v1/messages/batches?limit=1000"
    assert (listing.at, listing.is_whole) == (AT, True)
    done = listing.batches[1]
    assert (done.end, done.requests, done.done, done.failed) == (BatchEnd.EXPIRED, 10, 7, 1)
    assert done.results == (RESULTS,)
    assert done.ended_at == pytest.approx(AT + 0.123456)


async def test_results_come_from_the_address_that_the_service_gave(tmp_path: Path) -> None:
    message = {"content": [{"type": "text", "text": "14"}], "stop_reason": "end_turn"}
    lines = [
        {"custom_id": "a", "result": {"type": "succeeded", "message": message}},
        {"custom_id": "b", "result": {"type": "expired"}},
    ]
    network = Canned(answer(*(json.dumps(line).encode() + b"\n" for line in lines)))
    found = service("messages", network)
    await found.download(RESULTS, tmp_path / "out")
    assert str(network.requests[0].url) == RESULTS
    first, second = map(found.read, found.lines(tmp_path / "out"))
    assert (first.custom_id, first.deltas[-1].finish_reason, first.ran) == ("a", "end_turn", True)
    assert (second.custom_id, second.ran) == ("b", False)


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.test/v1/messages/batches/msgbatch_1/results",
        "http://llm.test/v1/messages/batches/msgbatch_1/results",
        "//evil.test/results",
        "https://llm.test:444/results",
        "https://llm.test\\@evil.test/results",
        "https://[/results",
    ],
)
async def test_the_key_goes_to_no_other_server_for_results(tmp_path: Path, address: str) -> None:
    network = Canned(answer(b"{}"))
    with pytest.raises(Failure) as caught:
        await service("messages", network).download(address, tmp_path / "out")
    assert caught.value.kind is FailureKind.CONFIG
    assert "key is not sent" in caught.value.message
    assert network.requests == []
