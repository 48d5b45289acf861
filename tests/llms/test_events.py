"""The events of a call, next to those of LangChain's own models."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncGenerator, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.language_models.llms import LLM as TheirLLM  # noqa: N811 - both libraries call it LLM
from langchain_core.outputs import GenerationChunk

from llmdash.llms.base import LLM
from llmdash.llms.messages import Delta, Generation, PromptLike
from llmdash.llms.shapes import PLAIN
from llmdash.llms.wire.failures import Failure, FailureKind


class Spelling(LLM):
    """A chat model that spells `ab`, thinking before it."""

    model = "speller"

    async def _astream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        yield Delta(reasoning="hm")
        yield Delta("a")
        if prompt == "break":
            raise Failure(FailureKind.TRANSIENT, "cut")
        yield Delta("b")
        yield Delta(finish_reason="stop")


class PlainSpelling(Spelling):
    shape = PLAIN


class TheirPlainSpelling(TheirLLM):
    """A plain model of LangChain that spells the same."""

    @property
    def _llm_type(self) -> str:
        return "speller"

    def _call(self, *_: Any, **__: Any) -> str:
        return "ab"

    async def _astream(self, *_: Any, run_manager: Any = None, **__: Any) -> Any:
        for letter in "ab":
            chunk = GenerationChunk(text=letter)
            await run_manager.on_llm_new_token(letter, chunk=chunk)
            yield chunk


CONFIG = {"tags": ["t"], "metadata": {"a": 1}, "run_name": "spell"}


async def events_of(llm: Any, version: str, prompt: str = "hi") -> list[dict[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LangChain says that its v1 is old
        return [event async for event in llm.astream_events(prompt, CONFIG, version=version)]


def skeleton(event: dict[str, Any]) -> Any:
    """An event without what belongs to the library: its ids, its own metadata, the class of its messages."""
    data = dict(event["data"])
    for name in ("chunk", "output"):
        value: Any = data.get(name)
        if hasattr(value, "content"):
            data[name] = ["message", value.content]
        elif isinstance(value, dict):
            data[name] = [sorted(value), [sorted(one) for [one] in value["generations"]]]
    return {
        **event,
        "run_id": len(UUID(event["run_id"]).hex),
        "metadata": {name for name in event["metadata"] if name in ("a", "ls_provider", "ls_model_type")},
        "data": data,
    }


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param(PlainSpelling(), TheirPlainSpelling(), id="plain"),
        pytest.param(Spelling(), FakeListChatModel(responses=["ab"]), id="chat"),
    ],
)
async def test_events_are_those_of_langchain_one_by_one(ours: LLM, theirs: Any, version: str) -> None:
    found, expected = await events_of(ours, version), await events_of(theirs, version)
    assert [skeleton(event) for event in found] == [skeleton(event) for event in expected]


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_run_has_one_id_and_no_parents(version: str) -> None:
    first, second = await events_of(Spelling(), version), await events_of(Spelling(), version)
    assert len({event["run_id"] for event in first}) == 1
    assert first[0]["run_id"] != second[0]["run_id"]
    assert [event["parent_ids"] for event in first] == [[]] * len(first)


async def test_the_id_of_a_run_may_be_given() -> None:
    given = uuid4()
    events = [event async for event in Spelling().astream_events("hi", {"run_id": given})]
    assert {event["run_id"] for event in events} == {str(given)}


async def test_the_end_holds_the_whole_answer() -> None:
    assert (await events_of(PlainSpelling(), "v1"))[-1]["data"] == {"output": "ab"}
    assert (await events_of(Spelling(), "v2"))[-1]["data"] == {
        "output": Generation("ab", "stop", reasoning="hm")
    }
    written = {"text": "ab", "generation_info": {"finish_reason": "stop"}, "type": "Generation"}
    whole = (await events_of(PlainSpelling(), "v2"))[-1]["data"]["output"]
    assert whole == {"generations": [[written]], "llm_output": None}


async def test_an_event_that_is_changed_changes_no_other() -> None:
    events = Spelling().astream_events("hi", {"tags": ["t"]})
    first = await anext(events)
    first["tags"].append("x")
    first["metadata"]["x"] = 1
    second = await anext(events)
    assert (second["tags"], "x" in second["metadata"]) == (["t"], False)
    await events.aclose()


@pytest.mark.parametrize("version", ["v0", "v3", "", "V1"])
async def test_another_version_is_refused_by_name(version: str) -> None:
    with pytest.raises(NotImplementedError, match="known are v1 and v2"):
        await events_of(Spelling(), version)


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_failure_in_the_middle_comes_through(version: str) -> None:
    seen: list[str] = []
    with pytest.raises(Failure, match="cut"):
        async for event in Spelling().astream_events("break", version=version):
            seen.append(event["event"])  # noqa: PERF401 - what came before the failure counts
    assert seen == ["on_chat_model_start", "on_chat_model_stream"]


def test_events_left_early_leave_nothing_open() -> None:
    async def first() -> str:
        async for event in Spelling().astream_events("hi"):
            return str(event["event"])
        return ""

    assert asyncio.run(first()) == "on_chat_model_start"
