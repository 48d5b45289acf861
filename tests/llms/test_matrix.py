"""Every method of every class against the simulator: the same answer in the form that the class promises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from llmdash.llms import LLM, Delta, Failure, FailureKind, Generation, Message
from tests.llms.models import ANSWER, MODELS, QUESTION, REMOTE, Model
from tests.simulated import Simulated

PROMPTS = [f"What is {number} + 1?" for number in range(12)]
ANSWERS = [f"{number} + 1 = {number + 1}." for number in range(12)]


@pytest.fixture(scope="module")
def simulated() -> Iterator[Simulated]:
    """One for all tests of this module: none gives it orders."""
    running = Simulated()
    yield running
    running.close()


@pytest.fixture(params=MODELS.values(), ids=list(MODELS))
def model(request: pytest.FixtureRequest) -> Model:
    found: Model = request.param
    return found


@pytest.fixture
async def llm(model: Model, simulated: Simulated) -> AsyncIterator[LLM]:
    made = model.make(simulated)
    yield made
    await made.aclose()


def text_of(model: Model, answer: Any) -> str:
    """The text of an answer or a piece, if that is of the type promised."""
    if model.plain:
        assert type(answer) is str
        return answer
    assert isinstance(answer, Generation | Delta)
    assert answer.content == answer.text
    return answer.content


async def test_ainvoke(model: Model, llm: LLM) -> None:
    assert text_of(model, await llm.ainvoke(QUESTION)) == ANSWER


def test_invoke(model: Model, llm: LLM) -> None:
    assert text_of(model, llm.invoke(QUESTION)) == ANSWER


async def test_invoke_inside_a_running_loop(model: Model, llm: LLM) -> None:
    assert text_of(model, llm.invoke(QUESTION)) == ANSWER


async def test_abatch(model: Model, llm: LLM) -> None:
    answers = await llm.abatch(PROMPTS, max_concurrency=5)
    assert [text_of(model, answer) for answer in answers] == ANSWERS


def test_batch(model: Model, llm: LLM) -> None:
    answers = llm.batch(PROMPTS, {"max_concurrency": 3})
    assert [text_of(model, answer) for answer in answers] == ANSWERS


async def test_astream(model: Model, llm: LLM) -> None:
    pieces = [text_of(model, piece) async for piece in llm.astream(QUESTION)]
    assert ("".join(pieces), len(pieces) > 1) == (ANSWER, True)


def test_stream(model: Model, llm: LLM) -> None:
    pieces = [text_of(model, piece) for piece in llm.stream(QUESTION)]
    assert ("".join(pieces), len(pieces) > 1) == (ANSWER, True)


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_astream_events(model: Model, llm: LLM, version: str) -> None:
    events = [event async for event in llm.astream_events(QUESTION, version=version)]
    assert (events[0]["event"].endswith("_start"), events[-1]["event"].endswith("_end")) == (True, True)
    assert "".join(text_of(model, event["data"]["chunk"]) for event in events[1:-1]) == ANSWER
    assert {event["name"] for event in events} == {type(llm).__name__}


async def test_agenerate(llm: LLM) -> None:
    result = await llm.agenerate(PROMPTS)
    assert [candidates[0].text for candidates in result.generations] == ANSWERS
    used = result.llm_output["token_usage"]
    assert used["total_tokens"] == used["prompt_tokens"] + used["completion_tokens"] > len(PROMPTS)
    assert result.llm_output["model_name"] == "sim-small"


def test_generate(llm: LLM) -> None:
    assert llm.generate([QUESTION]).generations[0][0].text == ANSWER


async def test_deltas_bring_the_text_a_finish_reason_and_the_usage(llm: LLM) -> None:
    """What the engine reads is the same of plain and of chat models."""
    deltas = [delta async for delta in llm.deltas(QUESTION)]
    assert "".join(delta.text for delta in deltas) == ANSWER
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] in (["stop"], ["end_turn"])
    assert [delta.usage for delta in deltas if delta.usage][-1].output_tokens > 0
    assert all(delta.at > 0 for delta in deltas)


async def test_a_model_that_does_not_stream_yields_its_answer_as_one_piece(
    model: Model, simulated: Simulated
) -> None:
    llm = model.make(simulated, streaming=False)
    assert [
        text for piece in [piece async for piece in llm.astream(QUESTION)] if (text := text_of(model, piece))
    ] == [ANSWER]
    await llm.aclose()


async def test_a_conversation_is_understood(model: Model, llm: LLM) -> None:
    said: list[Message | tuple[str, str]] = [
        Message("system", "Be brief."),
        ("human", "Hello"),
        ("ai", "Hi"),
        Message("user", QUESTION),
    ]
    assert text_of(model, await llm.ainvoke(said)) == ANSWER


async def test_a_key_that_is_refused_is_an_auth_failure(model: Model, simulated: Simulated) -> None:
    llm = model.make(simulated, api_key="sim-nobody-knows-this-one")
    answers = await llm.abatch([QUESTION, QUESTION], return_exceptions=True)
    assert [answer.kind for answer in answers] == [FailureKind.AUTH] * 2
    with pytest.raises(Failure) as caught:
        [piece async for piece in llm.astream(QUESTION)]
    assert (caught.value.status, "sim-nobody-knows-this-one" in str(caught.value)) == (401, False)
    await llm.aclose()


@pytest.mark.parametrize("model", REMOTE.values(), ids=REMOTE)
def test_a_model_shows_itself_without_its_key(model: Model, simulated: Simulated) -> None:
    shown = repr(model.make(simulated, api_key="sim-secret-0123456789"))
    assert shown.startswith(f"{model.kind.__name__}(model='sim-small', url='{simulated.root}/v1/")
    assert "0123456789" not in shown
