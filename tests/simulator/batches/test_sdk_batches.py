"""The official SDKs make batches on the simulator as it stands, and read their results."""

from __future__ import annotations

import json
from collections.abc import Callable

import anthropic
import openai
import pytest
from anthropic import Anthropic
from anthropic.types.messages import MessageBatch
from openai import OpenAI
from openai.types import Batch

from tests.simulated import Simulated
from tests.simulator.batches.asking import CHAT, lines_of, prompts, requests_of
from tests.waiting import wait_for

Simulator = Callable[..., Simulated]


@pytest.fixture
def running(simulator: Simulator) -> Simulated:
    return simulator(batch_speed=36_000.0)


@pytest.fixture
def client(running: Simulated) -> OpenAI:
    return OpenAI(base_url=running.base_url, api_key=running.keys[0], max_retries=0)


@pytest.fixture
def messages(running: Simulated) -> Anthropic:
    return Anthropic(base_url=running.root, api_key=running.keys[0], max_retries=0)


def created(client: OpenAI, count: int) -> Batch:
    file = client.files.create(
        file=("in.jsonl", lines_of(prompts(count))),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 604_800},
    )
    return client.batches.create(
        input_file_id=file.id,
        endpoint=CHAT,
        completion_window="24h",
        metadata={"run": "7"},
        output_expires_after={"anchor": "created_at", "seconds": 604_800},
    )


def ended(client: OpenAI, batch: Batch) -> Batch:
    wait_for(lambda: client.batches.retrieve(batch.id).status in ("completed", "cancelled"))
    return client.batches.retrieve(batch.id)


def test_a_batch_is_created_listed_completed_and_read(client: OpenAI, running: Simulated) -> None:
    batch = created(client, 40)
    assert (batch.status, batch.metadata, batch.completion_window) == ("validating", {"run": "7"}, "24h")
    assert [each.id for each in client.batches.list(limit=100)] == [batch.id]
    batch = ended(client, batch)
    assert batch.request_counts is not None
    assert (batch.request_counts.total, batch.request_counts.completed) == (40, 40)
    assert batch.error_file_id is None
    assert batch.output_file_id is not None
    lines = [json.loads(line) for line in client.files.content(batch.output_file_id).text.splitlines()]
    bodies = {line["custom_id"]: line["response"]["body"] for line in lines}
    assert bodies["r5"]["choices"][0]["message"]["content"] == "5 + 1 + 1 = 7."
    assert bodies["r5"]["usage"]["total_tokens"] > 0
    assert {file.purpose for file in client.files.list()} == {"batch", "batch_output"}
    assert client.files.retrieve(batch.output_file_id).bytes > 1_000
    assert client.files.delete(batch.output_file_id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.content(batch.output_file_id)


def test_an_answer_of_a_batch_is_that_of_a_live_call(client: OpenAI, simulator: Simulator) -> None:
    """Each on a simulator of its own: the same one never gives the same answer twice."""
    text = "Tell me about the sea and its salt."
    file = client.files.create(file=("in.jsonl", lines_of([text])), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    found = client.files.content(ended(client, batch).output_file_id or "").text
    answer = json.loads(found)["response"]["body"]
    live = simulator().ask(text, model="m").json
    assert (answer["choices"], answer["usage"]) == (live["choices"], live["usage"])


def test_a_batch_is_cancelled(client: OpenAI, running: Simulated) -> None:
    running.order_batches(stuck=True)
    batch = created(client, 10)
    assert client.batches.cancel(batch.id).status == "cancelling"
    batch = ended(client, batch)
    assert (batch.status, batch.output_file_id, batch.error_file_id) == ("cancelled", None, None)
    with pytest.raises(openai.ConflictError, match="Cannot cancel a batch") as caught:
        client.batches.cancel(batch.id)
    assert (caught.value.type, caught.value.code) == ("invalid_request_error", None)


def test_batches_are_paged_newest_first(client: OpenAI) -> None:
    made = [created(client, 1).id for _ in range(5)]
    assert [batch.id for batch in client.batches.list(limit=2)] == made[::-1]
    assert client.batches.list(limit=2).has_more


def test_an_unknown_key_sees_nothing_and_any_known_one_everything(
    client: OpenAI, running: Simulated, messages: Anthropic
) -> None:
    batch = created(client, 1)
    assert client.with_options(api_key=running.keys[1]).batches.retrieve(batch.id).id == batch.id
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="nobody").batches.list()
    with pytest.raises(openai.AuthenticationError):
        created(client.with_options(api_key="nobody"), 1)
    with pytest.raises(anthropic.AuthenticationError):
        messages.with_options(api_key="nobody").messages.batches.list()


def message_batch(messages: Anthropic, count: int) -> MessageBatch:
    return messages.messages.batches.create(requests=requests_of(prompts(count)))  # type: ignore[arg-type]


def test_a_message_batch_is_created_listed_ended_and_read(messages: Anthropic) -> None:
    batch = message_batch(messages, 40)
    assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 40)
    assert (batch.expires_at - batch.created_at).total_seconds() == pytest.approx(2.4, abs=0.01)
    batches = messages.messages.batches
    assert [each.id for each in batches.list(limit=1_000)] == [batch.id]
    wait_for(lambda: batches.retrieve(batch.id).processing_status == "ended")
    assert batches.retrieve(batch.id).request_counts.succeeded == 40
    results = {line.custom_id: line.result for line in batches.results(batch.id)}
    result = results["r5"]
    assert result.type == "succeeded"
    block = result.message.content[0]
    assert block.type == "text"
    assert block.text == "5 + 1 + 1 = 7."
    assert result.message.usage.output_tokens > 0
    assert batches.delete(batch.id).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError):
        batches.retrieve(batch.id)


def test_a_message_batch_is_canceled(messages: Anthropic, running: Simulated) -> None:
    running.order_batches(stuck=True)
    batch = message_batch(messages, 10)
    batches = messages.messages.batches
    canceled = batches.cancel(batch.id)
    assert (canceled.processing_status, canceled.cancel_initiated_at is not None) == ("canceling", True)
    wait_for(lambda: batches.retrieve(batch.id).processing_status == "ended")
    assert batches.retrieve(batch.id).request_counts.canceled == 10
    assert {line.result.type for line in batches.results(batch.id)} == {"canceled"}


def test_message_batches_are_paged_in_either_direction(messages: Anthropic) -> None:
    made = [message_batch(messages, 1).id for _ in range(5)]
    batches = messages.messages.batches
    assert [batch.id for batch in batches.list(limit=2)] == made[::-1]
    page = batches.list(limit=2, before_id=made[0])
    assert ([batch.id for batch in page.data], page.has_more) == ([made[2], made[1]], True)


def test_results_of_messages_are_not_there_before_the_end(messages: Anthropic, running: Simulated) -> None:
    running.order_batches(stuck=True)
    batch = message_batch(messages, 1)
    with pytest.raises(anthropic.AnthropicError, match="No `results_url`"):
        messages.messages.batches.results(batch.id)
