"""The official SDK works against the simulator as it stands: completions and Responses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import Response, ResponseStreamEvent

from tests.simulated import Simulated

Simulator = Callable[..., Simulated]
PROMPT = 'Work out 12 + 3 x 4. Answer with JSON: {"expression": "12 + 3 x 4", "result": ?}'
LONG = "Tell me about the sea and its salt."


@pytest.fixture(scope="module")
def client(shared_simulator: Simulated) -> Iterator[OpenAI]:
    running = shared_simulator
    with OpenAI(base_url=running.base_url, api_key=running.keys[0], max_retries=0) as each:
        yield each


def test_a_completion(client: OpenAI) -> None:
    answer = client.completions.create(model="any", prompt=PROMPT)
    assert '"result": 24' in answer.choices[0].text
    assert (answer.object, answer.model, answer.choices[0].finish_reason) == (
        "text_completion",
        "any",
        "stop",
    )
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id is not None


def test_a_list_of_prompts_gets_a_choice_each_in_order(client: OpenAI) -> None:
    prompts = [f"What is {number} + 1 + 1?" for number in range(5)]
    answer = client.completions.create(model="m", prompt=prompts)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3, 4]
    assert [choice.text for choice in answer.choices] == [f"{n} + 1 + 1 = {n + 2}." for n in range(5)]


def test_several_choices_to_one_prompt(client: OpenAI) -> None:
    answer = client.completions.create(model="m", prompt="Why is the sea salty?", n=3)
    assert len({choice.text for choice in answer.choices}) == 3


@pytest.mark.parametrize("latency", [0.0, 0.05])
def test_streamed_completions_say_what_plain_ones_say(simulator: Simulator, latency: float) -> None:
    running = simulator(latency=latency)
    with OpenAI(base_url=running.base_url, api_key=running.keys[0], max_retries=0) as client:
        plain = client.completions.create(model="m", prompt=[LONG, PROMPT], max_tokens=9)
        texts = ["", ""]
        reasons: list[str | None] = [None, None]
        last = None
        for last in client.completions.create(
            model="m",
            prompt=[LONG, PROMPT],
            max_tokens=9,
            stream=True,
            stream_options={"include_usage": True},
        ):
            for choice in last.choices:
                texts[choice.index] += choice.text
                reasons[choice.index] = choice.finish_reason
    assert texts == [choice.text for choice in plain.choices]
    assert reasons == ["length", "length"]
    assert last is not None
    assert last.choices == []
    assert last.usage == plain.usage


def test_a_completion_is_cut_at_max_tokens(client: OpenAI) -> None:
    answer = client.completions.create(model="m", prompt=LONG, max_tokens=4)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4


def test_prompts_in_token_numbers_are_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model="m", prompt=[1, 2, 3])
    assert caught.value.param == "prompt"


def test_a_response(client: OpenAI) -> None:
    answer = client.responses.create(model="any", input=PROMPT, instructions="Be brief.")
    assert '"result": 24' in answer.output_text
    assert (answer.status, answer.model, answer.instructions) == ("completed", "any", "Be brief.")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert answer.incomplete_details is None


def test_a_response_to_messages_with_parts(client: OpenAI) -> None:
    answer = client.responses.create(
        model="m",
        input=[
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [{"type": "input_text", "text": "What is 2 + 3 x 4?"}]},
        ],
    )
    assert answer.output_text == "2 + 3 x 4 = 14."


def test_a_response_cut_at_max_output_tokens_is_incomplete(client: OpenAI) -> None:
    answer = client.responses.create(model="m", input=LONG, max_output_tokens=16)
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert answer.usage is not None
    assert answer.usage.output_tokens == 16


def final(events: list[ResponseStreamEvent]) -> Response:
    last = events[-1]
    assert last.type in ("response.completed", "response.incomplete")
    return last.response


def text_of(events: list[ResponseStreamEvent]) -> str:
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


@pytest.mark.parametrize(("most", "kind"), [(None, "response.completed"), (16, "response.incomplete")])
def test_a_streamed_response_says_what_a_plain_one_says(client: OpenAI, most: int | None, kind: str) -> None:
    plain = client.responses.create(model="m", input=LONG, max_output_tokens=most)
    events = list(client.responses.create(model="m", input=LONG, max_output_tokens=most, stream=True))
    assert text_of(events) == final(events).output_text == plain.output_text
    assert events[-1].type == kind
    assert final(events).usage == plain.usage
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_the_stream_helper_puts_a_response_together(client: OpenAI) -> None:
    with client.responses.stream(model="m", input=PROMPT) as stream:
        told = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        assert stream.get_final_response().output_text == told


async def test_the_async_client_streams_responses_and_completions_with_delays(simulator: Simulator) -> None:
    running = simulator(latency=0.05)
    async with AsyncOpenAI(base_url=running.base_url, api_key=running.keys[1], max_retries=0) as client:
        events = [
            event async for event in await client.responses.create(model="m", input=PROMPT, stream=True)
        ]
        stream = await client.completions.create(model="m", prompt=PROMPT, stream=True)
        text = "".join([chunk.choices[0].text async for chunk in stream])
    assert '"result": 24' in text_of(events)
    assert '"result": 24' in text
    assert running.stats()["by_key"][running.keys[1]]["ok"] == 2


def test_an_earlier_response_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="m", input="Hi", previous_response_id="resp_1")
    assert caught.value.code == "previous_response_not_found"


def test_too_many_tokens_are_a_rate_limit_error(simulator: Simulator) -> None:
    running = simulator(keys=("one",), tpm=100)
    with (
        OpenAI(base_url=running.base_url, api_key="one", max_retries=0) as client,
        pytest.raises(openai.RateLimitError) as caught,
    ):
        for _ in range(20):
            client.responses.create(model="m", input=LONG)
    assert caught.value.type == "tokens"
    assert caught.value.response.headers["x-ratelimit-limit-tokens"] == "100"
    assert int(caught.value.response.headers["retry-after-ms"]) > 0


def test_more_choices_than_a_server_bears_are_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="2048 choices"):
        client.completions.create(model="m", prompt=["Hi"] * 20, n=128)


def test_an_error_within_a_stream_is_raised(simulator: Simulator) -> None:
    running = simulator()
    running.control(running.keys[0], quirks=["error_in_stream"])
    with OpenAI(base_url=running.base_url, api_key=running.keys[0], max_retries=0) as client:
        for stream in (
            client.completions.create(model="m", prompt=LONG, stream=True),
            client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": LONG}], stream=True
            ),
        ):
            with pytest.raises(openai.APIError, match="had an error"):
                list(stream)
