"""Batch services that answer from memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from llmdash.llms.anthropic import ChatAnthropic
from llmdash.llms.batches import BatchDraft, Batches
from llmdash.llms.completions import OpenAI
from llmdash.llms.http_llm import HttpLLM
from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.transport.timeouts import Timeouts
from tests.llms.canned import KEY

KINDS: dict[str, tuple[type[HttpLLM], dict[str, Any]]] = {
    "chat": (ChatOpenAI, {}),
    "completions": (OpenAI, {}),
    "responses": (ChatOpenAI, {"use_responses_api": True}),
    "messages": (ChatAnthropic, {}),
}
DATE = "Mon, 30 Nov 2026 11:00:00 GMT"
AT = 1_796_036_400.0


def model(
    wire: str,
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    timeouts: Timeouts | None = None,
    client: HttpClient | None = None,
    **settings: Any,
) -> HttpLLM:
    kind, more = KINDS[wire]
    settings = {"base_url": "https://llm.test/v1", "model": "m", "api_key": KEY, **more, **settings}
    client = client or HttpClient(timeouts=timeouts, transport=transport)
    return kind(client=client, **settings)


def service(wire: str, transport: httpx.AsyncBaseTransport | None = None, **settings: Any) -> Batches:
    found = model(wire, transport, **settings).batches()
    assert found is not None
    return found


def openai_batch(batch_id: str = "batch_1", status: str = "in_progress", **more: Any) -> dict[str, Any]:
    return {
        "id": batch_id,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "status": status,
        "input_file_id": "file-in",
        "output_file_id": None,
        "error_file_id": "",
        "created_at": int(AT) - 60,
        "expires_at": int(AT) + 86_340,
        "request_counts": {"total": 10, "completed": 6, "failed": 1},
        "metadata": {"llmdash": "r1-b1"},
        **more,
    }


def anthropic_batch(batch_id: str = "msgbatch_1", status: str = "in_progress", **more: Any) -> dict[str, Any]:
    counts = {"processing": 10, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    return {
        "id": batch_id,
        "type": "message_batch",
        "processing_status": status,
        "request_counts": counts,
        "created_at": "2026-11-30T10:59:00Z",
        "expires_at": "2026-12-01T10:59:00Z",
        "ended_at": None,
        "cancel_initiated_at": None,
        "results_url": None,
        **more,
    }


def together_job(status: str = "IN_PROGRESS", **more: Any) -> dict[str, Any]:
    return {
        "id": "01234567-8901-2345-6789-012345678901",
        "user_id": "user_789xyz012",
        "input_file_id": "file-input123abc456def",
        "file_size_bytes": 1_048_576,
        "status": status,
        "job_deadline": "2024-01-16T14:30:00Z",
        "created_at": "2024-01-15T14:30:00Z",
        "endpoint": "/v1/chat/completions",
        "progress": 75.0,
        "model_id": "m",
        **more,
    }


def gemini_operation(
    state: str = "BATCH_STATE_RUNNING", name: str = "batches/b1", **more: Any
) -> dict[str, Any]:
    """A batch as its documentation shows it; `more` is of the batch itself."""
    kind = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"
    return {
        "name": name,
        "metadata": {
            "@type": kind,
            "model": "models/gemini-2.5-flash",
            "displayName": "my batch",
            "inputConfig": {"fileName": "files/frh6ua11nk3o"},
            "createTime": "2026-01-06T11:09:11.943530657Z",
            "updateTime": "2026-01-06T11:09:11.943530657Z",
            "batchStats": {"requestCount": "10", "pendingRequestCount": "3", "successfulRequestCount": "7"},
            "state": state,
            "name": name,
            **more,
        },
    }


def gemini_file(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": f"files/{name}",
        "displayName": "r1-b1.jsonl",
        "mimeType": "application/jsonl",
        "sizeBytes": "19",
        "createTime": "2026-01-06T11:09:11.943530Z",
        "expirationTime": "2026-01-08T11:09:11.943530Z",
        "state": "ACTIVE",
        **more,
    }


def written_file(found: Batches, path: Path, *lines: bytes) -> Path:
    path.write_bytes(found.opening + found.separator.join(lines) + found.closing)
    return path


def draft(file: Path, **more: Any) -> BatchDraft:
    return BatchDraft(file, "r1-b1", "m", 2, **more)


def result_line(custom_id: Any, body: Any, status: Any = 200, **more: Any) -> bytes:
    response = {"status_code": status, "request_id": "req_1", "body": body}
    fields = {"id": "batch_req_1", "custom_id": custom_id, "response": response, "error": None, **more}
    return json.dumps(fields).encode()


def names_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())
