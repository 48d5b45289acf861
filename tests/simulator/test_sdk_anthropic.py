"""The official Anthropic SDK works against the simulator as it stands."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic
from anthropic.types import MessageParam

from tests.simulated import Simulated

Simulator = Callable[..., Simulated]
PROMPT = 'Work out 12 + 3 x 4. Answer with JSON: {"expression": "12 + 3 x 4", "result": ?}'
ASKED: list[MessageParam] = [{"role": "user", "content": PROMPT}]
LONG: list[MessageParam] = [{"role": "user", "content": "Tell me about the sea and its salt."}]


def client_of(running: Simulated, key: str | None = None) -> Anthropic:
    return Anthropic(base_url=running.root, api_key=key or running.keys[0], max_retries=0)


@pytest.fixture(scope="module")
def client(shared_simulator: Simulated) -> Iterator[Anthropic]:
    with client_of(shared_simulator) as each:
        yield each


def text_of(message: anthropic.types.Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def test_a_message(client: Anthropic) -> None:
    answer = client.messages.create(model="any", max_tokens=500, messages=ASKED)
    assert '"result": 24' in text_of(answer)
    assert (answer.role, answer.model, answer.stop_reason) == ("assistant", "any", "end_turn")
    assert answer.usage.input_tokens > 10
    assert answer.usage.output_tokens > 5
    assert answer._request_id is not None
    assert answer._request_id.startswith("req_")


def test_parts_and_a_system_prompt(client: Anthropic) -> None:
    answer = client.messages.create(
        model="m",
        max_tokens=100,
        system=[{"type": "text", "text": "Be kind."}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "What is 2 + 3 x 4?"}]}],
    )
    assert text_of(answer) == "2 + 3 x 4 = 14."


def test_a_message_is_cut_at_max_tokens(client: Anthropic) -> None:
    answer = client.messages.create(model="m", max_tokens=4, messages=LONG)
    assert (answer.stop_reason, answer.usage.output_tokens) == ("max_tokens", 4)


@pytest.mark.parametrize(("most", "reason"), [(500, "end_turn"), (7, "max_tokens")])
def test_a_stream_says_what_a_plain_answer_says(client: Anthropic, most: int, reason: str) -> None:
    plain = client.messages.create(model="m", max_tokens=most, messages=LONG)
    with client.messages.stream(model="m", max_tokens=most, messages=LONG) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == text_of(final) == text_of(plain)
    assert final.stop_reason == plain.stop_reason == reason
    assert final.usage.output_tokens == plain.usage.output_tokens
    assert final.usage.input_tokens == plain.usage.input_tokens


def test_raw_events_come_in_order(client: Anthropic) -> None:
    events = list(client.messages.create(model="m", max_tokens=9, messages=LONG, stream=True))
    kinds = [event.type for event in events]
    assert kinds[:3] == ["message_start", "content_block_start", "content_block_delta"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert kinds.count("content_block_delta") == 9


async def test_the_async_client_answers_and_streams_with_delays(simulator: Simulator) -> None:
    running = simulator(latency=0.05)
    key = running.keys[1]
    async with AsyncAnthropic(base_url=running.root, api_key=key, max_retries=0) as client:
        plain = await client.messages.create(model="m", max_tokens=500, messages=ASKED)
        async with client.messages.stream(model="m", max_tokens=500, messages=ASKED) as stream:
            text = "".join([piece async for piece in stream.text_stream])
    assert text == text_of(plain)
    assert running.stats()["by_key"][key]["ok"] == 2


def test_a_bearer_token_is_a_key_too(simulator: Simulator) -> None:
    running = simulator()
    with Anthropic(base_url=running.root, auth_token=running.keys[0], max_retries=0) as client:
        assert client.messages.create(model="m", max_tokens=9, messages=ASKED).content


def test_an_unknown_key_is_an_authentication_error(simulator: Simulator) -> None:
    with (
        client_of(simulator(), "sk-of-a-stranger") as client,
        pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key") as caught,
    ):
        client.messages.create(model="m", max_tokens=9, messages=ASKED)
    assert "stranger" not in str(caught.value)


def test_too_many_requests_are_a_rate_limit_error_with_a_hint(simulator: Simulator) -> None:
    began = time.monotonic()
    with client_of(simulator(keys=("one",), rpm=1)) as client:
        client.messages.create(model="m", max_tokens=9, messages=ASKED)
        with pytest.raises(anthropic.RateLimitError) as caught:
            client.messages.create(model="m", max_tokens=9, messages=ASKED)
    headers = caught.value.response.headers
    assert 60 - (time.monotonic() - began) <= int(headers["retry-after"]) <= 60
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    assert caught.value.request_id is not None


def test_too_many_tokens_are_a_rate_limit_error(simulator: Simulator) -> None:
    with (
        client_of(simulator(keys=("one",), tpm=60)) as client,
        pytest.raises(anthropic.RateLimitError) as caught,
    ):
        for _ in range(20):
            client.messages.create(model="m", max_tokens=50, messages=LONG)
    headers = caught.value.response.headers
    assert headers["anthropic-ratelimit-tokens-limit"] == "60"
    assert headers["anthropic-ratelimit-input-tokens-reset"].endswith("Z")


def test_failures_are_internal_and_now_and_then_overload(simulator: Simulator) -> None:
    statuses = set()
    with client_of(simulator(error_rate=1.0)) as client:
        for _ in range(30):
            with pytest.raises(anthropic.InternalServerError) as caught:
                client.messages.create(model="m", max_tokens=9, messages=ASKED)
            statuses.add(caught.value.status_code)
    assert statuses == {500, 529}


def test_a_bad_request_is_one(client: Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="messages"):
        client.messages.create(model="m", max_tokens=9, messages=[])
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        client.messages.create(model="m", max_tokens=0, messages=ASKED)


def test_an_error_within_a_stream_is_raised(simulator: Simulator) -> None:
    running = simulator()
    running.control(running.keys[0], quirks=["error_in_stream"])
    with client_of(running) as client, pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(client.messages.create(model="m", max_tokens=50, messages=LONG, stream=True))
    assert running.stats()["by_key"][running.keys[0]]["errors"] == 1


def test_thoughts_come_in_a_block_before_the_text(simulator: Simulator) -> None:
    running = simulator()
    running.control(running.keys[0], quirks=["reasoning"])
    with client_of(running) as client:
        plain = client.messages.create(model="m", max_tokens=50, messages=LONG)
        with client.messages.stream(model="m", max_tokens=50, messages=LONG) as stream:
            final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert [block.model_dump() for block in final.content] == [block.model_dump() for block in plain.content]
