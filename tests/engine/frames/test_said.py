"""Messages and answers as text to look at, in each dialect's own words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.frames.said import shown, shown_answer

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 30_000}}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (("user", "plain"), ("user", "plain")),
        ({"role": "user", "content": "plain"}, ("user", "plain")),
        (
            {"role": "user", "content": [{"type": "text", "text": "Look:"}, IMAGE]},
            ("user", "Look:\n[image_url, 30 KB]"),
        ),
        ({"role": "user", "content": ["a", 5, {"text": "b"}]}, ("user", "a\n[int]\nb")),
        ({"role": "assistant", "content": None, "tool_calls": [CALL]}, ("assistant", '→ add({"a": 1})')),
        ({"role": "assistant", "tool_calls": [7, {"function": 7}]}, ("assistant", "→ a tool()\n→ a tool()")),
        ({"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}, ("assistant", "→ f({})")),
        ({"role": "tool", "tool_call_id": "c1", "content": "2"}, ("tool", "2\n[answers c1]")),
        (
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "2"}]},
            ("user", "2\n[answers c1]"),
        ),
        (
            {"type": "function_call_output", "call_id": "c1", "output": "2"},
            ("function_call_output", "2\n[answers c1]"),
        ),
        ({"type": "input_text", "content": []}, ("input_text", "")),
    ],
)
def test_a_message_is_text_and_what_is_none_stands_on_a_line_of_its_own(said: Any, text: Any) -> None:
    assert shown(said) == text


@pytest.mark.parametrize(
    ("said", "message", "text"),
    [
        ("Hm.", {"role": "assistant", "content": "Hm.", "tool_calls": [CALL]}, 'Hm.\n→ add({"a": 1})'),
        (
            "Hm, grass is green.",
            {
                "content": [
                    {"type": "thinking", "thinking": "What is it?"},
                    {"type": "text", "text": "Hm, grass "},
                    {"type": "text", "text": "is green."},
                    {"type": "tool_use", "name": "f", "input": {"a": 1}},
                ]
            },
            'Hm, grass is green.\n→ f({"a": 1})',
        ),
        (
            "",
            {"output": [{"type": "function_call", "name": "f", "arguments": "{}"}, 7, {"type": "reasoning"}]},
            "→ f({})",
        ),
        ("", {"audio": {"data": "A" * 12_000}}, "[audio, 12 KB]"),
        ("", {"images": [IMAGE]}, "[image_url, 30 KB]"),
        ("", {"refusal": "No."}, "[refusal, 37 B]"),
        ("No.", {"refusal": "No.", "tool_calls": [CALL]}, 'No.\n→ add({"a": 1})'),
        ("Hi", {"content": "Hi", "logprobs": {"content": []}}, "Hi"),
    ],
)
def test_an_answer_shows_its_parts_and_calls(said: str, message: dict[str, Any], text: str) -> None:
    assert shown_answer(said, message) == text


def test_long_arguments_are_cut() -> None:
    call = {"function": {"name": "f", "arguments": "x" * 5_000}}
    assert len(shown_answer("", {"tool_calls": [call]})) < 2_100


_NAMES = st.sampled_from(
    ["type", "role", "content", "text", "output", "tool_calls", "function", "name", "input"]
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_NAMES, anything))
def test_no_object_breaks_it(message: dict[str, Any]) -> None:
    role, text = shown(message)
    assert isinstance(role, str) and isinstance(text, str)
    assert isinstance(shown_answer("", message), str)
    assert shown_answer("said", message).startswith("said")
