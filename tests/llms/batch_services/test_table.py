"""In what the services of other providers differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmdash.llms.batches import BatchEnd
from tests.llms.batch_services.services import (
    AT,
    draft,
    model,
    openai_batch,
    result_line,
    service,
    written_file,
)
from tests.llms.canned import Canned, document

GROQ = "https://api.groq.com/openai/v1"
AZURE = "https://r.openai.azure.com/openai/v1"
MISTRAL = "https://api.mistral.ai/v1"


@pytest.mark.parametrize(
    ("base_url", "wires"),
    [
        ("https://api.openai.com/v1", {"chat", "completions", "responses"}),
        ("http://127.0.0.1:8000/v1", {"chat", "completions", "responses"}),
        (GROQ, {"chat"}),
        (AZURE, {"chat", "responses"}),
        (MISTRAL, {"chat"}),
        ("https://notgroq.com/v1", {"chat", "completions", "responses"}),
        ("https://api.together.xyz/v1", {"chat"}),
        ("http://127.0.0.1:8000/together/v1", {"chat"}),
        ("https://generativelanguage.googleapis.com/v1beta/openai/", {"chat"}),
        ("http://127.0.0.1:8000/v1beta/openai", {"chat"}),
        ("https://aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/openapi", set()),
        ("http://[/v1", {"chat", "completions", "responses"}),
    ],
)
def test_a_service_takes_the_formats_that_it_is_known_for(base_url: str, wires: set[str]) -> None:
    found = {
        wire for wire in ("chat", "completions", "responses") if model(wire, base_url=base_url).batches()
    }
    assert found == wires


def test_deployments_of_azure_that_serve_batches_answer_no_live_call() -> None:
    there = {url: service("chat", Canned(), base_url=url).answers_live for url in (AZURE, GROQ, MISTRAL)}
    assert there == {AZURE: False, GROQ: True, MISTRAL: True}


@pytest.mark.parametrize(
    ("base_url", "url", "seconds"),
    [
        ("https://api.openai.com/v1", "/v1/chat/completions", 604_800),
        (GROQ, "/v1/chat/completions", None),
        (AZURE, "/chat/completions", 1_209_600),
    ],
)
async def test_files_are_asked_to_be_kept_as_long_as_a_service_lets_one(
    tmp_path: Path, base_url: str, url: str, seconds: int | None
) -> None:
    network = Canned(document({"id": "file-1"}), document(openai_batch()))
    found = service("chat", network, base_url=base_url)
    line = found.line("a", "Hi", None, {})
    assert json.loads(line)["url"] == url
    await found.upload(written_file(found, tmp_path / "in", line), "in.jsonl")
    await found.create(draft(tmp_path, file_id="file-1"))
    sent = await network.requests[0].aread()
    assert (b"expires_after" in sent) == (seconds is not None)
    created = json.loads(await network.requests[1].aread())
    assert created.get("output_expires_after", {}).get("seconds") == seconds
    assert created["endpoint"] == url
    assert str(network.requests[1].url) == f"{base_url}/batches"


async def test_batches_are_beside_the_deployments_of_a_resource() -> None:
    network = Canned(document({"data": [], "has_more": False}))
    base_url = "https://r.openai.azure.com/openai/deployments/small?api-version=2025-04-01-preview"
    await service("chat", network, base_url=base_url).look()
    assert str(network.requests[0].url) == (
        "https://r.openai.azure.com/openai/batches?limit=100&api-version=2025-04-01-preview"
    )


def mistral_job(status: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "4017dc9f-b629-42f4-9700-8c681b9e7f0f",
        "object": "batch",
        "input_files": ["fe3343a2-3b8d-404b-ba32-a78dede2614a"],
        "metadata": {"llmdash": "r1-b1"},
        "endpoint": "/v1/chat/completions",
        "model": "m",
        "output_file": None,
        "error_file": None,
        "errors": [],
        "status": status,
        "created_at": int(AT),
        "total_requests": 10,
        "completed_requests": 7,
        "succeeded_requests": 6,
        "failed_requests": 1,
        **more,
    }


@pytest.mark.parametrize(
    ("word", "end", "is_cancelling"),
    [
        ("QUEUED", BatchEnd.NOT_YET, False),
        ("RUNNING", BatchEnd.NOT_YET, False),
        ("SUCCESS", BatchEnd.COMPLETED, False),
        ("FAILED", BatchEnd.INVALID, False),
        ("TIMEOUT_EXCEEDED", BatchEnd.EXPIRED, False),
        ("CANCELLATION_REQUESTED", BatchEnd.NOT_YET, True),
        ("CANCELLED", BatchEnd.CANCELLED, False),
    ],
)
async def test_the_jobs_of_mistral_have_words_of_their_own(
    tmp_path: Path, word: str, end: BatchEnd, is_cancelling: bool
) -> None:
    network = Canned(
        document(mistral_job(word, output_file="file-out", errors=[{"message": "no", "count": 1}]))
    )
    found = service("chat", network, base_url=MISTRAL)
    status = await found.create(draft(tmp_path, file_id="file-in"))
    assert str(network.requests[0].url) == f"{MISTRAL}/batch/jobs"
    assert network.bodies() == [
        {
            "input_files": ["file-in"],
            "endpoint": "/v1/chat/completions",
            "model": "m",
            "metadata": {"llmdash": "r1-b1"},
            "timeout_hours": 24,
        }
    ]
    assert (status.end, status.is_cancelling, status.name) == (end, is_cancelling, "r1-b1")
    assert (status.requests, status.done, status.failed) == (10, 6, 1)
    assert status.file_id == "fe3343a2-3b8d-404b-ba32-a78dede2614a"
    assert status.results == (() if end is BatchEnd.NOT_YET else ("file-out",))
    assert (status.problem is not None) == (end is BatchEnd.INVALID)


async def test_the_pages_of_mistral_have_numbers_and_are_all_read() -> None:
    jobs = [mistral_job("RUNNING", id=f"job-{n}", created_at=n) for n in range(1, 151)]
    pages = (document({"data": jobs[:100], "total": 150}), document({"data": jobs[100:], "total": 150}))
    network = Canned(*pages)
    listing = await service("chat", network, base_url=MISTRAL).look(140.0)
    assert [request.url.params["page"] for request in network.requests] == ["0", "1"]
    assert (len(listing.batches), listing.is_whole) == (150, True)
    assert listing.batches[0].id == "job-150"


def test_the_lines_of_mistral_are_read_as_others() -> None:
    found = service("chat", base_url=MISTRAL)
    assert json.loads(found.line("a", "Hi", None, {})).keys() == {"custom_id", "body"}
    said = {"choices": [{"message": {"content": "14"}, "finish_reason": "stop"}]}
    answer = found.read(result_line("a", said))
    assert "".join(delta.text for delta in answer.deltas) == "14"


@pytest.mark.parametrize("honours_after", [True, False])
async def test_where_a_list_does_not_say_if_it_goes_on_it_is_asked(honours_after: bool) -> None:
    batches = [openai_batch(f"batch_{n}", created_at=int(AT)) for n in range(30)]
    rest = batches[20:] if honours_after else batches[:20]
    network = Canned(document({"data": batches[:20]}), document({"data": rest}))
    listing = await service("chat", network, base_url=GROQ).look(AT - 60)
    assert (len(listing.batches), listing.is_whole) == (30 if honours_after else 20, True)
    assert len(network.requests) == 2
