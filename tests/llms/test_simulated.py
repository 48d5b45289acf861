"""Chat completions against a server of flesh: the simulator, in a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from llmdash.llms.messages import Generation
from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.simulated import Simulated

Simulators = Callable[..., Simulated]


@asynccontextmanager
async def chat(simulated: Simulated, key: str | None = None, **options: Any) -> AsyncIterator[ChatOpenAI]:
    client = HttpClient()
    key = key or simulated.keys[0]
    yield ChatOpenAI(
        "sim-small", api_key=key, base_url=simulated.base_url, client=client, max_retries=0, **options
    )
    await client.aclose()


async def failure_of(llm: ChatOpenAI) -> Failure:
    with pytest.raises(Failure) as caught:
        await llm.ainvoke("Hello")
    return caught.value


async def test_plain_and_streamed_answers_say_the_same(simulator: Simulators) -> None:
    async with chat(simulator(wrong_rate=0.0)) as llm:
        prompt = "What is 17 + 4 * 12345 - 6?"
        streamed, plain = await llm.ainvoke(prompt), await llm.ainvoke(prompt, stream=False)
        pieces = [delta async for delta in llm.astream(prompt)]
    assert streamed.text == plain.text == "17 + 4 * 12345 - 6 = 49391."
    assert streamed.text == "".join(delta.text for delta in pieces)
    assert len(pieces) > 1
    assert streamed.usage == plain.usage
    assert streamed.usage is not None
    assert (streamed.finish_reason, plain.finish_reason) == ("stop", "stop")


async def test_a_batch_of_a_hundred_keeps_its_order(simulator: Simulators) -> None:
    async with chat(simulator(wrong_rate=0.0)) as llm:
        prompts = [f"What is {number} + 1?" for number in range(100)]
        answers = await llm.abatch(prompts, max_concurrency=20)
    texts = [answer.text for answer in answers if isinstance(answer, Generation)]
    assert texts == [f"{number} + 1 = {number + 1}." for number in range(100)]


async def test_a_key_over_its_limit_is_throttled_with_a_hint(simulator: Simulators) -> None:
    simulated = simulator()
    simulated.control(simulated.keys[0], throttle_s=30)
    async with chat(simulated) as llm:
        failure = await failure_of(llm)
    assert (failure.kind, failure.status) == (FailureKind.THROTTLE, 429)
    assert failure.retry_after is not None
    assert 0 < failure.retry_after <= 31


async def test_an_unknown_or_revoked_key_is_refused(simulator: Simulators) -> None:
    simulated = simulator()
    simulated.control(simulated.keys[0], refuse=True)
    for key in (simulated.keys[0], "sim-nobody-knows-this-one"):
        async with chat(simulated, key) as llm:
            failure = await failure_of(llm)
        assert (failure.kind, failure.status) == (FailureKind.AUTH, 401)
        assert "sim-nobody-knows-this-one" not in str(failure)


async def test_a_server_error_is_transient(simulator: Simulators) -> None:
    simulated = simulator()
    simulated.control(simulated.keys[0], error_rate=1.0)
    async with chat(simulated) as llm:
        failure = await failure_of(llm)
    assert failure.kind is FailureKind.TRANSIENT
    assert failure.status is not None
    assert failure.status >= 500


async def test_a_wrong_path_names_the_address(simulator: Simulators) -> None:
    simulated = simulator()
    client = HttpClient()
    llm = ChatOpenAI("m", api_key=simulated.keys[0], base_url=simulated.root + "/v2", client=client)
    failure = await failure_of(llm)
    await client.aclose()
    assert (failure.kind, failure.status) == (FailureKind.REQUEST, 404)
    assert simulated.root + "/v2/chat/completions" in failure.message


async def test_a_refusal_that_is_cut_is_judged_by_its_status_alone(simulator: Simulators) -> None:
    """What it says first may be what every rate limit says, and what makes it a quota may come last."""
    quota = {"day-quota-body:words": 1.0}
    for faults, kind in ((quota, FailureKind.QUOTA), ({**quota, "drop:body": 1.0}, FailureKind.THROTTLE)):
        running = simulator(faults=faults)
        async with chat(running, running.keys[-1]) as llm:
            assert (await failure_of(llm)).kind is kind
