"""Tokens read from and written to the cache, reasoning before an answer, counts and vectors."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from anthropic import Anthropic
from openai import OpenAI

from tests.simulated import Simulated
from tests.simulator.in_process import InProcess
from tests.simulator.test_fault_cases import text_of, usages

pytestmark = pytest.mark.case("library", "simulator")

LONG = "Tell me about the sea and its salt. " * 20
USAGE: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


@pytest.mark.parametrize("fields", [{}, USAGE], ids=["plain", "streamed"])
@pytest.mark.parametrize("dialect", ["chat", "completions"])
async def test_a_share_of_the_prompt_is_read_from_the_cache(dialect: str, fields: dict[str, Any]) -> None:
    spent = usages(await InProcess(cached=0.5).ask(dialect, LONG, **fields))[-1]
    assert spent["prompt_tokens_details"]["cached_tokens"] == spent["prompt_tokens"] // 2
    assert spent["total_tokens"] == spent["prompt_tokens"] + spent["completion_tokens"]


@pytest.mark.parametrize("stream", [False, True])
async def test_the_cache_of_responses_and_messages(stream: bool) -> None:
    running = InProcess(cached=0.5)
    spent = usages(await running.ask("responses", LONG, stream=stream))[-1]
    assert spent["input_tokens_details"]["cached_tokens"] == spent["input_tokens"] // 2
    for spent in usages(await running.ask("messages", LONG, stream=stream)):
        assert spent["cache_read_input_tokens"] == pytest.approx(spent["input_tokens"], abs=1)
        assert spent["cache_creation_input_tokens"] == 0


@pytest.mark.parametrize("where", ["request", "message", "system"])
async def test_a_prompt_to_keep_is_written_to_the_cache(where: str) -> None:
    kept: dict[str, Any] = {"cache_control": {"type": "ephemeral"}}
    part = {"type": "text", "text": LONG, **kept}
    fields: dict[str, dict[str, Any]] = {
        "request": kept,
        "message": {"messages": [{"role": "user", "content": [part]}]},
        "system": {"system": [part]},
    }
    spent = usages(await InProcess(cached=0.25).ask("messages", LONG, **fields[where]))[-1]
    total = sum(spent[name] for name in spent if name.endswith("input_tokens"))
    assert spent["input_tokens"] == 3
    assert spent["cache_read_input_tokens"] == total // 4
    assert spent["cache_creation_input_tokens"] == total - total // 4 - 3


@pytest.mark.parametrize("fields", [{}, USAGE], ids=["plain", "streamed"])
async def test_reasoning_comes_before_a_chat(fields: dict[str, Any]) -> None:
    reply = await InProcess(reasoning=12).ask("chat", **fields)
    spent = usages(reply)[-1]
    assert spent["completion_tokens_details"] == {"reasoning_tokens": 12}
    assert spent["completion_tokens"] > 12
    body = reply.body
    assert 0 < body.index(b'"reasoning_content"') < body.rindex(b'"content":"' if fields else b'"reasoning_')
    assert text_of(reply)


@pytest.mark.parametrize("latency", [0.0, 0.02])
async def test_reasoning_comes_as_the_dialects_have_it(latency: float) -> None:
    running = InProcess(reasoning=12, latency=latency)
    response = (await running.ask("responses", stream=True)).body
    assert response.count(b"event: response.reasoning_summary_text.delta") == 12
    assert response.index(b"reasoning_summary_text.done") < response.index(b"output_text.delta")
    assert b'"output_index":1' in response
    message = (await running.ask("messages", stream=True)).body
    assert message.count(b'"thinking_delta"') == 12
    assert message.index(b'"signature_delta"') < message.index(b'"text_delta"')
    completion = await running.ask("completions", **USAGE)
    assert usages(completion)[-1]["completion_tokens_details"] == {"reasoning_tokens": 12}
    assert b"They" not in completion.body
    assert completion.body.count(b'"index":0') < 200


async def test_plain_answers_have_their_reasoning_too() -> None:
    running = InProcess(reasoning=3)
    response = (await running.ask("responses")).json
    assert [item["type"] for item in response["output"]] == ["reasoning", "message"]
    assert response["usage"]["output_tokens_details"] == {"reasoning_tokens": 3}
    message = (await running.ask("messages")).json
    assert [block["type"] for block in message["content"]] == ["thinking", "text"]
    assert (await running.ask("chat")).json["choices"][0]["message"]["reasoning_content"] == "They want an"


def test_anthropics_count_of_tokens_is_that_of_the_message(shared_simulator: Simulated) -> None:
    running = shared_simulator
    with Anthropic(base_url=running.root, api_key=running.keys[0], max_retries=0) as client:
        messages: list[Any] = [{"role": "user", "content": LONG}]
        counted = client.messages.count_tokens(model="m", messages=messages, system="Be kind.")
        answer = client.messages.create(model="m", max_tokens=9, messages=messages, system="Be kind.")
    assert counted.input_tokens == answer.usage.input_tokens > 100


async def test_a_count_needs_what_a_message_needs() -> None:
    running = InProcess(strict=True)
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3}
    reply = await running.send("POST", "/v1/messages/count_tokens", body, "key-a")
    assert (reply.status, reply.json["error"]["message"]) == (
        400,
        "max_tokens: Extra inputs are not permitted",
    )
    reply = await running.send("POST", "/v1/messages/count_tokens", {"model": "m"}, "key-a")
    assert (reply.status, "messages" in reply.json["error"]["message"]) == (400, True)


def test_embeddings_are_vectors_of_length_one_and_the_same_each_time(shared_simulator: Simulated) -> None:
    running = shared_simulator
    with OpenAI(base_url=running.base_url, api_key=running.keys[0], max_retries=0) as client:
        first = client.embeddings.create(model="m", input=["a", "b", "a"])
        floats = client.embeddings.create(model="m", input="a", encoding_format="float", dimensions=8)
        tokens = client.embeddings.create(model="m", input=[1, 2, 3])
    one, other, again = (each.embedding for each in first.data)
    assert one == again != other
    assert sum(number * number for number in one) == pytest.approx(1, abs=1e-5)
    assert len(floats.data[0].embedding) == 8
    assert len(tokens.data) == 1
    assert first.usage.prompt_tokens == first.usage.total_tokens > 0


async def test_embeddings_that_cannot_be_are_refused_and_none_are_right_or_wrong() -> None:
    running = InProcess(strict=True)
    for body in ({"model": "m"}, {"model": "m", "input": []}, {"model": "m", "input": "x", "foo": 1}):
        assert (await running.send("POST", "/v1/embeddings", body, "key-a")).status == 400
    body = {"model": "m", "input": "What is 2 + 3 x 4?"}
    assert (await running.send("POST", "/v1/embeddings", body, "key-a")).status == 200
    assert (await running.report("/__sim__/stats"))["right"] == 0
    zipped = await running.send("POST", "/v1/embeddings", {**body, "encoding_format": "base64"}, "key-a")
    assert len(base64.b64decode(zipped.json["data"][0]["embedding"])) == 4 * 256


async def test_a_count_of_tokens_is_the_same_each_time() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": LONG}]}
    running = InProcess()
    replies = [await running.send("POST", "/v1/messages/count_tokens", body, "key-a") for _ in range(2)]
    assert replies[0].json == replies[1].json == {"input_tokens": 7 + len(LONG) // 4}


@pytest.mark.parametrize("name", ["cached", "reasoning"])
def test_settings_out_of_bounds_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        InProcess(**{name: -1})
