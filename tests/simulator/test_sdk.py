"""The official SDK works against the simulator as it stands."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from tests.simulated import Simulated

Simulator = Callable[..., Simulated]
PROMPT = 'Work out 12 + 3 x 4. Answer with JSON: {"expression": "12 + 3 x 4", "result": ?}'


@pytest.fixture(scope="module")
def client(shared_simulator: Simulated) -> Iterator[OpenAI]:
    running = shared_simulator
    with OpenAI(base_url=running.base_url, api_key=running.keys[0], max_retries=0) as each:
        yield each


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_a_plain_completion(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="any", messages=[{"role": "user", "content": PROMPT}])
    assert '"result": 24' in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.role == "assistant"
    assert answer.model == "any"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id is not None
    assert answer._request_id.startswith("req_")


def test_a_stream_says_what_a_plain_answer_says(client: OpenAI) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Tell me about rain."}]
    plain = client.chat.completions.create(model="m", messages=messages)
    stream = client.chat.completions.create(model="m", messages=messages, stream=True)
    chunks = list(stream)
    assert text_of(chunks) == plain.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_with_usage_ends_in_a_chunk_without_choices(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": PROMPT}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == len(chunks) - 3
    assert all(chunk.usage is None for chunk in chunks[:-1])


async def test_the_async_client_streams_with_delays(simulator: Simulator) -> None:
    running = simulator(latency=0.05)
    async with AsyncOpenAI(base_url=running.base_url, api_key=running.keys[1], max_retries=0) as client:
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": PROMPT}], stream=True
        )
        chunks = [chunk async for chunk in stream]
    assert '"result": 24' in text_of(chunks)
    assert running.stats()["by_key"][running.keys[1]]["ok"] == 1


def test_parts_of_a_message_and_max_tokens(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="m",
        messages=[
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "Tell me of the sea."}]},
        ],
        max_completion_tokens=4,
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4


def test_models_are_listed_and_found(client: OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert client.models.retrieve(names[0]).id == names[0]
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        client.models.retrieve("none")


def test_an_unknown_key_is_an_authentication_error(simulator: Simulator) -> None:
    with (
        OpenAI(base_url=simulator().base_url, api_key="sk-of-a-stranger", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.models.list()
    assert caught.value.code == "invalid_api_key"
    assert "stranger" not in str(caught.value)


def test_too_many_requests_are_a_rate_limit_error_with_a_hint(simulator: Simulator) -> None:
    running = simulator(keys=("one",), rpm=2)
    began = time.monotonic()
    with OpenAI(base_url=running.base_url, api_key="one", max_retries=0) as client:
        for _ in range(2):
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    headers = caught.value.response.headers
    least = 30 - (time.monotonic() - began)
    assert 1000 * least <= int(headers["retry-after-ms"]) <= 30_000
    assert least <= int(headers["retry-after"]) <= 30
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert caught.value.code == "rate_limit_exceeded"


def test_simulated_errors_are_internal_server_errors(simulator: Simulator) -> None:
    running = simulator(error_rate=1.0)
    with (
        OpenAI(base_url=running.base_url, api_key=running.keys[0], max_retries=0) as client,
        pytest.raises(openai.InternalServerError),
    ):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])


def test_a_bad_request_names_the_field(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="m", messages=[])
    assert caught.value.param == "messages"
