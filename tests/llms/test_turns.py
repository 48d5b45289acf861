"""Conversations with tools, in the words of dialects other than chat completions."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.messages import GeneralTurn, Message, Turn
from llmdash.llms.turns import as_blocks, as_items

CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
TALK: list[Turn] = [
    Message("user", "1 + 1?"),
    GeneralTurn(role="assistant", content="Let me see.", tool_calls=[CALL, {**CALL, "id": "c2"}]),
    GeneralTurn(role="tool", tool_call_id="c1", content="2"),
    GeneralTurn(role="tool", tool_call_id="c2", content="3"),
    Message("user", "Thanks."),
]


def test_calls_and_results_are_blocks_and_the_results_one_message() -> None:
    asked, called, answered, thanks = as_blocks(TALK)
    assert (asked, thanks) == (TALK[0], TALK[-1])
    assert isinstance(called, dict)
    assert isinstance(answered, dict)
    use = {"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}}
    assert called["content"] == [{"type": "text", "text": "Let me see."}, use, {**use, "id": "c2"}]
    assert [block["tool_use_id"] for block in answered["content"]] == ["c1", "c2"]


def test_calls_and_results_are_items_of_their_own() -> None:
    kinds = [item.get("type", item.get("role")) for item in as_items(TALK[1:4])]
    assert kinds == [
        "assistant",
        "function_call",
        "function_call",
        "function_call_output",
        "function_call_output",
    ]


def test_what_a_caller_wrote_goes_through_as_it_is() -> None:
    own: list[Turn] = [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "2"}]},
        {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://x"}}]},
        {"type": "function_call_output", "call_id": "c1", "output": "2"},
    ]
    assert as_blocks(own) == own
    assert as_items(own) == own


_FIELDS = st.sampled_from(["role", "content", "tool_calls", "function", "name", "arguments", "tool_call_id"])
anything = st.recursive(
    st.none() | st.booleans() | st.text() | st.just("tool"),
    lambda inner: st.lists(inner) | st.dictionaries(_FIELDS, inner),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(_FIELDS, anything)))
def test_no_conversation_breaks_it_and_what_comes_out_is_json(turns: list[dict[str, Any]]) -> None:
    for written in (as_blocks(map(GeneralTurn, turns)), as_items(map(GeneralTurn, turns))):
        assert json.loads(json.dumps(written)) == written


def test_arguments_that_are_no_object_are_kept() -> None:
    broken = {**CALL, "function": {"name": "add", "arguments": "1 +"}}
    (called,) = as_blocks([GeneralTurn(role="assistant", content=None, tool_calls=[broken])])
    assert isinstance(called, dict)
    assert called["content"][0]["input"] == {"arguments": "1 +"}
