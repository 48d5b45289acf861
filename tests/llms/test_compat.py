"""Servers that are nearly compatible: every class gets on with each of their habits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from llmdash.llms import Delta, Failure, FailureKind
from llmdash.llms.anthropic import ChatAnthropic
from llmdash.llms.completions import OpenAI
from llmdash.llms.openai import ChatOpenAI
from tests.llms.models import ANSWER, QUESTION, REMOTE, Model
from tests.simulated import Simulated

Remote = OpenAI | ChatOpenAI | ChatAnthropic


@pytest.fixture(scope="module")
def simulated() -> Iterator[Simulated]:
    """One for all tests of this module; each orders the compat it wants."""
    running = Simulated()
    yield running
    running.close()


@pytest.fixture(params=REMOTE.values(), ids=list(REMOTE))
def model(request: pytest.FixtureRequest) -> Model:
    found: Model = request.param
    return found


async def deltas_of(model: Model, simulated: Simulated, *compat: str, **settings: Any) -> list[Delta]:
    simulated.control(simulated.keys[0], quirks=list(compat))
    llm = model.make(simulated, **settings)
    try:
        return [delta async for delta in llm.deltas(QUESTION)]
    finally:
        await llm.aclose()


def text_of(deltas: list[Delta]) -> str:
    assert [bool(delta.finish_reason) for delta in deltas].count(True) <= 1
    return "".join(delta.text for delta in deltas)


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize(
    "compat",
    [
        "no_done",
        "no_finish",
        "json_for_stream",
        "usage_beside_choices",
        "refuse_stream_options",
        "reasoning_content",
        "reasoning",
    ],
)
async def test_the_answer_is_the_same_with_each_habit(
    model: Model, simulated: Simulated, compat: str, streaming: bool
) -> None:
    deltas = await deltas_of(model, simulated, compat, streaming=streaming)
    assert text_of(deltas) == ANSWER
    if compat != "refuse_stream_options":
        assert [delta.usage.output_tokens for delta in deltas if delta.usage][-1] > 0


@pytest.mark.parametrize("compat", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("name", ["ChatOpenAI", "ChatAnthropic", "Anthropic"])
async def test_thoughts_are_reasoning_and_no_text(simulated: Simulated, name: str, compat: str) -> None:
    deltas = await deltas_of(REMOTE[name], simulated, compat)
    assert "".join(delta.reasoning for delta in deltas)
    assert text_of(deltas) == ANSWER


async def test_an_answer_without_usage_is_whole(model: Model, simulated: Simulated) -> None:
    deltas = await deltas_of(model, simulated, "no_usage")
    assert text_of(deltas) == ANSWER
    assert [delta.usage for delta in deltas if delta.usage] == []


@pytest.mark.parametrize("compat", ["error_in_stream", "truncated"])
async def test_half_an_answer_is_none(model: Model, simulated: Simulated, compat: str) -> None:
    simulated.control(simulated.keys[0], quirks=[compat])
    llm = model.make(simulated, max_retries=0)
    with pytest.raises(Failure) as caught:
        await llm.ainvoke(QUESTION)
    assert caught.value.kind is FailureKind.TRANSIENT
    assert ANSWER.startswith(caught.value.partial) != (caught.value.partial == ANSWER)
    await llm.aclose()


async def test_an_error_with_status_200_is_one(model: Model, simulated: Simulated) -> None:
    with pytest.raises(Failure) as caught:
        await deltas_of(model, simulated, "error_body", streaming=False)
    assert (caught.value.status, caught.value.kind) == (200, FailureKind.TRANSIENT)


async def test_a_page_of_a_proxy_is_passing_trouble(model: Model, simulated: Simulated) -> None:
    with pytest.raises(Failure, match="HTML") as caught:
        await deltas_of(model, simulated, "html")
    assert caught.value.kind is FailureKind.TRANSIENT


@pytest.mark.parametrize("ending", ["/v1", "/v1/"])
@pytest.mark.parametrize("kind", [OpenAI, ChatOpenAI, ChatAnthropic])
async def test_a_base_url_may_end_in_a_slash(simulated: Simulated, kind: type[Remote], ending: str) -> None:
    simulated.control(simulated.keys[0], quirks=[])
    llm = kind("m", api_key=simulated.keys[0], base_url=simulated.root + ending)
    assert (await llm.agenerate([QUESTION])).generations[0][0].text == ANSWER
    await llm.aclose()


@pytest.mark.parametrize("kind", [OpenAI, ChatOpenAI])
async def test_an_address_that_is_not_there_is_named(simulated: Simulated, kind: type[Remote]) -> None:
    llm = kind("m", api_key=simulated.keys[0], base_url=simulated.root)
    with pytest.raises(Failure, match=simulated.root + "/c") as caught:
        await llm.ainvoke(QUESTION)
    assert caught.value.status == 404
    await llm.aclose()
