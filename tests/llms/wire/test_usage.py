"""Token counts in the words of many servers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.messages import Usage
from llmdash.llms.wire.usage import usage_of
from tests.llms.canned import DONE, chunk, event
from tests.llms.wire.speakers import READERS, SPEAKERS, read, responses_end
from tests.llms.wire.wires import MESSAGE_STOP, completion, message, response, said, text_delta, typed


def reported(name: str, usage: Any, streamed: bool) -> Usage | None:
    """The usage of an answer in which the server says `usage`."""
    if name == "responses":
        whole = responses_end(usage=usage) if streamed else json.dumps(response(usage=usage)).encode()
        return read(READERS[name]({}, str), (said("Hi") if streamed else b"") + whole).last.usage
    choice = {"index": 0, "message": {"content": "Hi"}, "text": "Hi", "finish_reason": "stop"}
    if not streamed:
        return read(
            READERS[name]({}, str), json.dumps({"choices": [choice], "usage": usage}).encode()
        ).last.usage
    body = SPEAKERS[name].stream("Hi", reason="stop").removesuffix(DONE)
    return read(READERS[name]({}, str), body + event({"choices": [], "usage": usage}) + DONE).last.usage


each = pytest.mark.parametrize("name", ["chat", "completions", "responses"])
both = pytest.mark.parametrize("streamed", [True, False])


def named(name: str, asked: int, said: int, total: int | None = None, **details: Any) -> dict[str, Any]:
    parts = ("input", "output") if name == "responses" else ("prompt", "completion")
    usage: dict[str, Any] = {f"{parts[0]}_tokens": asked, f"{parts[1]}_tokens": said}
    if total is not None:
        usage["total_tokens"] = total
    if "cached" in details:
        usage[f"{parts[0]}_tokens_details"] = {"cached_tokens": details["cached"]}
    if "reasoning" in details:
        usage[f"{parts[1]}_tokens_details"] = {"reasoning_tokens": details["reasoning"]}
    return usage


@pytest.mark.case("wire", "usage-total")
@each
@both
def test_the_output_is_what_the_total_leaves_where_that_is_more(name: str, streamed: bool) -> None:
    usage = reported(name, named(name, 32, 9, 2041, reasoning=2000), streamed)
    assert usage == Usage(32, 2009, reasoning_tokens=2000)
    assert reported(name, named(name, 32, 9, 41), streamed) == Usage(32, 9)
    assert reported(name, named(name, 32, 9, 10), streamed) == Usage(32, 9)
    assert reported(name, named(name, 32, 9, reasoning=2000), streamed) == Usage(
        32, 2009, reasoning_tokens=2000
    )
    assert reported(name, named(name, 32, 9, -5, reasoning=4), streamed) == Usage(32, 9, reasoning_tokens=4)


@pytest.mark.case("wire", "cached-tokens")
@each
@both
def test_cached_input_is_told_apart(name: str, streamed: bool) -> None:
    usage = reported(name, named(name, 2000, 9, 2009, cached=1920), streamed)
    assert usage == Usage(2000, 9, cached_tokens=1920)
    assert reported(name, named(name, 20, 9, cached=1920), streamed) == Usage(20, 9, cached_tokens=20)


@pytest.mark.case("wire", "cached-tokens")
@pytest.mark.parametrize(
    ("more", "cached", "written"),
    [
        ({"prompt_cache_hit_tokens": 7, "prompt_cache_miss_tokens": 3}, 7, 0),
        ({"cached_tokens": 7}, 7, 0),
        ({"cache_read_input_tokens": 6, "cache_creation_input_tokens": 2}, 6, 2),
        ({"prompt_tokens_details": {"cached_tokens": 6, "cache_write_tokens": 2}}, 6, 2),
        ({"prompt_tokens_details": None, "prompt_cache_hit_tokens": 1}, 1, 0),
    ],
)
def test_a_cache_has_many_names(more: dict[str, Any], cached: int, written: int) -> None:
    usage = usage_of({"prompt_tokens": 10, "completion_tokens": 1, **more})
    assert usage == Usage(10, 1, cached_tokens=cached, cache_write_tokens=written)


@pytest.mark.case("wire", "cached-tokens")
@both
def test_the_cache_of_a_message_is_input_too(streamed: bool) -> None:
    counts: dict[str, Any] = {"cache_read_input_tokens": 1920, "cache_creation_input_tokens": 40}
    if streamed:
        start = typed("message_start", message={**message(None, **counts), "content": []})
        end = typed(
            "message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 9, "input_tokens": 0}
        )
        found = read(READERS["messages"]({}, str), start, text_delta("Hi"), end, MESSAGE_STOP)
    else:
        found = read(READERS["messages"]({}, str), json.dumps(message(output_tokens=9, **counts)).encode())
    assert found.last.usage == Usage(1965, 9, cached_tokens=1920, cache_write_tokens=40)


@pytest.mark.parametrize("name", ["chat", "completions"])
@pytest.mark.parametrize(
    "place",
    [
        lambda usage: {"usage": usage},
        lambda usage: {"x_groq": {"id": "req", "usage": usage}},
        lambda usage: {
            "choices": [{"index": 0, "delta": {}, "text": "", "finish_reason": None, "usage": usage}]
        },
    ],
)
def test_usage_may_stand_beside_the_choices_or_within_and_in_every_chunk(name: str, place: Any) -> None:
    say = chunk if name == "chat" else completion
    pieces = []
    for count in (1, 2, 3):
        pieces.append(say("a"))
        more = place({"prompt_tokens": 5, "completion_tokens": count})
        pieces.append(say("", **{"x": 1, **more}) if "choices" not in more else event(more))
    zero = say("", "stop", usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})
    assert read(READERS[name]({}, str), *pieces, zero, DONE).last.usage == Usage(5, 3)


def test_counts_that_came_with_the_text_are_kept_where_the_answer_breaks() -> None:
    """And those from before it are not: they would hide what it cost."""
    counted = [chunk("a", usage={"prompt_tokens": 5, "completion_tokens": count}) for count in (1, 2, 3)]
    broken = read(READERS["chat"]({}, str), *counted)
    assert (broken.failure is not None, broken.deltas[-1].usage) == (True, Usage(5, 3))
    early = read(READERS["chat"]({}, str), counted[0], chunk("b"), chunk("c"))
    assert early.failure is not None
    assert [delta.usage for delta in early.deltas] == [None] * 3


def test_an_error_of_groq_is_read() -> None:
    failure = read(
        READERS["chat"]({}, str), event({"choices": [], "x_groq": {"error": "over capacity"}})
    ).failure
    assert failure is not None
    assert failure.message == "over capacity"


NAMES = st.sampled_from(
    [
        "prompt_tokens",
        "input_tokens",
        "completion_tokens",
        "total_tokens",
        "reasoning_tokens",
        "cached_tokens",
    ]
)
COUNT = st.integers() | st.floats() | st.none() | st.booleans() | st.text(max_size=3)
DETAILS = st.sampled_from(["prompt_tokens_details", "completion_tokens_details"])


@given(
    st.dictionaries(NAMES, COUNT)
    | st.dictionaries(NAMES | DETAILS, COUNT | st.dictionaries(NAMES, COUNT))
    | COUNT
)
def test_whatever_is_said_the_parts_never_exceed_the_whole(tokens: Any) -> None:
    usage = usage_of(tokens)
    if usage is None:
        return
    assert 0 <= usage.cached_tokens + usage.cache_write_tokens <= usage.input_tokens
    assert 0 <= usage.reasoning_tokens <= usage.output_tokens
    assert usage.input_tokens or usage.output_tokens
