"""What is made of the answers of LangChain's models: complete or not, empty, with tools, and their counts."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk

from llmdash.llms.gathering import Gathering
from llmdash.llms.messages import Delta, Generation, Usage
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.llms.wire.finish import TROUBLE
from llmdash.llms.wire.langchain import ChunkReader


def last_of(*chunks: Any) -> Delta:
    reader = ChunkReader()
    for chunk in chunks:
        reader.read(chunk, 1.0)
    return reader.end(2.0)


def failure_of(*chunks: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        last_of(*chunks)
    return caught.value


def said(content: str, reason: Any = None, **more: Any) -> AIMessageChunk:
    return AIMessageChunk(content=content, response_metadata={"finish_reason": reason}, **more)


@pytest.mark.case("wire", "odd-finish")
@pytest.mark.parametrize("reason", sorted(TROUBLE))
def test_a_reason_that_tells_trouble_is_transient(reason: str) -> None:
    assert failure_of(said("Hel"), said("", reason.upper())).kind is FailureKind.TRANSIENT


@pytest.mark.case("wire", "odd-finish")
@pytest.mark.case("wire", 'finish-"null"')
@pytest.mark.parametrize(
    ("reason", "found", "flags"),
    [
        ("stop", "stop", ()),
        ("banana", "banana", ("finish:banana",)),
        ("length", "length", ("length",)),
        ("null", None, ()),
        ("", None, ()),
        (None, None, ()),
    ],
)
def test_the_end_of_the_runnable_is_the_end_of_the_answer(
    reason: str | None, found: str | None, flags: tuple[str, ...]
) -> None:
    last = last_of(said("Hello", reason))
    assert (last.finish_reason, last.flags) == (found, flags)


@pytest.mark.case("wire", "done-only")
@pytest.mark.case("wire", "reasoning-only")
def test_an_empty_answer_is_judged_as_any_other() -> None:
    assert last_of(said("", "stop")).flags == ("empty",)
    assert last_of("").flags == ("empty",)
    thought = AIMessageChunk(content="", additional_kwargs={"reasoning_content": "hm"})
    assert last_of(thought, said("", "stop")).flags == ("reasoning_only",)
    assert failure_of(said("", "content_filter")).code == "content_filter"
    counted = {"input_tokens": 5, "output_tokens": 0, "total_tokens": 5}
    for chunks, billed in (((), False), ((said(""),), False), ((said("", usage_metadata=counted),), True)):
        failure = failure_of(*chunks)
        assert (failure.kind, failure.may_be_billed) == (FailureKind.TRANSIENT, billed)
        assert "no answer" in failure.message


def test_tool_calls_are_the_message() -> None:
    pieces = [
        AIMessageChunk(
            content="", tool_call_chunks=[{"name": name, "args": args, "id": identity, "index": 0}]
        )
        for name, args, identity in (
            ("weather", "", "c1"),
            (None, '{"city": ', None),
            (None, '"Oslo"}', None),
        )
    ]
    whole = AIMessage(content="", tool_calls=[{"name": "weather", "args": {"city": "Oslo"}, "id": "c1"}])
    function = {"name": "weather", "arguments": '{"city": "Oslo"}'}
    call = {"type": "function", "id": "c1", "function": function}
    for chunks in (pieces, [whole]):
        last = last_of(*chunks, said("", "tool_calls"))
        assert last.message == {"role": "assistant", "content": None, "tool_calls": [call]}
        assert last.flags == ()
    flood = [{"name": f"f{n}", "args": {}, "id": f"c{n}"} for n in range(1001)]
    with pytest.raises(Failure, match="more than"):
        last_of(AIMessage(content="", tool_calls=flood))


@pytest.mark.case("wire", "cached-tokens")
@pytest.mark.case("wire", "usage-total")
def test_details_of_the_usage_add_up() -> None:
    usage = {
        "input_tokens": 10,
        "output_tokens": 3,
        "total_tokens": 13,
        "input_token_details": {"cache_read": 6, "cache_creation": 2},
        "output_token_details": {"reasoning": 2},
    }
    last = last_of(said("a", usage_metadata=usage), said("b", "stop", usage_metadata=usage))
    assert last.usage == Usage(20, 6, cached_tokens=12, cache_write_tokens=4, reasoning_tokens=4)


def test_a_whole_answer_bears_reasoning_message_and_flags() -> None:
    gathered = Gathering()
    for delta in (
        Delta(reasoning="h"),
        Delta("a", "m"),
        Delta(finish_reason="stop", message={"x": 1}, flags=("f",)),
    ):
        gathered.add(delta)
    gathered.add(Delta(info={"id": 7}))
    assert gathered.answer() == Generation("a", "stop", None, {"id": 7}, "hm", {"x": 1}, ("f",))
