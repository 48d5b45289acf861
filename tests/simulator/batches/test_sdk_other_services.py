"""The official SDKs of Together and Google make batches on the simulator, where they are installed.

Neither is among the requirements of the tests, since they bring some thirty packages:

    pip install together google-genai
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from tests.simulated import Simulated
from tests.simulator.batches.asking import CHAT, lines_of, prompts
from tests.waiting import wait_for

Simulator = Callable[..., Simulated]


@pytest.fixture
def running(simulator: Simulator) -> Simulated:
    return simulator(batch_speed=36_000.0)


def short_lines(count: int) -> bytes:
    """The input file of a batch in Together's shape."""
    lines = map(json.loads, lines_of(prompts(count)).splitlines())
    return b"".join(
        json.dumps({name: line[name] for name in ("custom_id", "body")}).encode() + b"\n" for line in lines
    )


def test_a_batch_of_together_is_created_listed_read_and_cancelled(running: Simulated) -> None:
    together = pytest.importorskip("together")
    client = together.Together(base_url=f"{running.root}/together", api_key=running.keys[0], max_retries=0)

    def created() -> Any:
        reply = client.post(
            "/v1/files/upload",
            cast_to=dict[str, Any],
            body={"purpose": "batch-api", "file_name": "in.jsonl"},
            files={"file": ("in.jsonl", short_lines(20))},
            options={"headers": {"Content-Type": "multipart/form-data"}},
        )
        return client.batches.create(input_file_id=reply["id"], endpoint=CHAT).job

    batch = created()
    assert batch.status == "VALIDATING"
    assert [each.id for each in client.batches.list()] == [batch.id]
    wait_for(lambda: client.batches.retrieve(batch.id).status == "COMPLETED")
    batch = client.batches.retrieve(batch.id)
    assert batch.created_at < batch.completed_at <= batch.job_deadline
    lines = [json.loads(line) for line in client.files.content(batch.output_file_id).read().splitlines()]
    bodies = {line["custom_id"]: line["response"]["body"] for line in lines}
    assert bodies["r5"]["choices"][0]["message"]["content"] == "5 + 1 + 1 = 7."
    assert {file.purpose for file in client.files.list().data} == {"batch-api"}
    running.order_batches(stuck=True)
    other = created()
    assert client.batches.cancel(other.id).status == "CANCELING"
    wait_for(lambda: client.batches.retrieve(other.id).status == "CANCELLED")
    assert client.files.delete(batch.output_file_id).deleted


def test_a_batch_of_gemini_is_created_listed_read_and_cancelled(running: Simulated, tmp_path: Path) -> None:
    """As the documentation has it: OpenAI's library creates it, and Google's does all else."""
    genai = pytest.importorskip("google.genai")
    key = running.keys[0]
    google = genai.Client(api_key=key, http_options={"base_url": running.root, "api_version": "v1beta"})
    openai = OpenAI(base_url=f"{running.root}/v1beta/openai", api_key=key, max_retries=0)
    file = tmp_path / "in.jsonl"
    file.write_bytes(lines_of(prompts(20)))

    def created() -> Any:
        sent = google.files.upload(file=file, config={"display_name": "r1-b1", "mime_type": "jsonl"})
        assert (sent.display_name, sent.size_bytes) == ("r1-b1", file.stat().st_size)
        return openai.batches.create(input_file_id=sent.name, endpoint=CHAT, completion_window="24h")

    batch = created()
    assert batch.status == "validating"
    assert [each.name for each in google.batches.list()] == [batch.id]
    wait_for(lambda: google.batches.get(name=batch.id).state.name == "JOB_STATE_SUCCEEDED")
    found = google.batches.get(name=batch.id)
    assert openai.batches.retrieve(batch.id).output_file_id == found.dest.file_name
    lines = [json.loads(line) for line in google.files.download(file=found.dest.file_name).splitlines()]
    bodies = {line["custom_id"]: line["response"]["body"] for line in lines}
    assert bodies["r5"]["choices"][0]["message"]["content"] == "5 + 1 + 1 = 7."
    assert {each.source.name for each in google.files.list()} == {"UPLOADED", "GENERATED"}
    running.order_batches(stuck=True)
    other = created()
    google.batches.cancel(name=other.id)
    wait_for(lambda: google.batches.get(name=other.id).state.name == "JOB_STATE_CANCELLED")
    for each in google.files.list():
        google.files.delete(name=each.name)
    assert list(google.files.list()) == []
